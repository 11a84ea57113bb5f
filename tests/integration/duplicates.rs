use serde_json::json;
use test_support::{Execution, Stack};

use crate::{count, with_stack};

#[test]
fn same_bytes_under_same_key_load_once() {
    with_stack(async |stack| {
        let body = "id,name,joined\n1,Ann,\n2,Bob,\n";
        let first = stack.drop_file("people/twice.csv", body).await;
        let second = stack.drop_file("people/twice.csv", body).await;
        assert_eq!((first.outcome(), second.outcome()), ("Loaded", "AlreadyLoaded"));
        for field in ["load_id", "rows_read", "rows_loaded", "rows_rejected"] {
            assert_eq!(first.report()[field], second.report()[field], "{field}");
        }
        assert_eq!(rows_of(stack, &first).await, 2);
        assert_eq!(stack.notices(&first, 1).await.len(), 1);
        assert_eq!(stack.notices(&second, 0).await.len(), 0);
    });
}

#[test]
fn hundred_deliveries_of_one_event_load_once() {
    with_stack(async |stack| {
        let first = stack.drop_file("people/hundred.csv", "id,name,joined\n1,Ann,\n").await;
        let input = stack.step_functions.describe_execution().execution_arn(&first.arn).send().await.unwrap().input;
        let event = serde_json::from_str(&input.unwrap()).unwrap();
        let mut arns = Vec::new();
        for _ in 0..99 {
            arns.push(stack.start_execution(&event).await);
        }
        for arn in arns {
            assert_eq!(stack.ended(&arn).await.outcome(), "AlreadyLoaded");
        }
        let query = "select count(*) from penstock.load where key = 'people/hundred.csv'";
        assert_eq!(count(&stack.database().await, query).await, 1);
    });
}

#[test]
fn changed_content_replaces_only_that_keys_rows() {
    with_stack(async |stack| {
        stack.drop_file("people/neighbour.csv", "id,name,joined\n500,Neighbour,\n").await;
        let first = stack.drop_file("people/changed.csv", "id,name,joined\n501,Old,\n502,Old,\n").await;
        let second = stack.drop_file("people/changed.csv", "id,name,joined\n503,New,\n").await;
        let back = stack.drop_file("people/changed.csv", "id,name,joined\n501,Old,\n502,Old,\n").await;
        assert_eq!([first.outcome(), second.outcome(), back.outcome()], ["Loaded"; 3]);
        assert_eq!(
            [rows_of(stack, &first).await, rows_of(stack, &second).await, rows_of(stack, &back).await],
            [0, 0, 2]
        );
        assert_eq!(count(&stack.database().await, "select count(*) from people.csv where id = 500").await, 1);
    });
}

#[test]
fn hundred_files_at_once_all_load() {
    with_stack(async |stack| {
        let keys: Vec<String> = (0..100).map(|n| format!("people/burst-{n}.csv")).collect();
        for (n, key) in keys.iter().enumerate() {
            stack.put(key, format!("id,name,joined\n{n},one,\n{n},two,\n")).await;
        }
        for key in &keys {
            let execution = stack.next_execution(key, &[]).await;
            assert_eq!(execution.outcome(), "Loaded", "{key}: {execution:?}");
            assert_eq!(execution.report()["rows_loaded"], json!(2));
        }
        let query =
            "select count(*) from people.csv join penstock.load on load_id = _load_id where key like 'people/burst-%'";
        assert_eq!(count(&stack.database().await, query).await, 200);
    });
}

async fn rows_of(stack: &Stack, execution: &Execution) -> i64 {
    let query = format!("select count(*) from people.csv where _load_id = {}", execution.report()["load_id"]);
    count(&stack.database().await, &query).await
}
