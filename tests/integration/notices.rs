use serde_json::json;
use test_support::Stack;

use crate::{RUNTIME, folder, with_stack};

#[test]
fn successful_load_sends_one_readable_notice() {
    with_stack(async |stack| {
        let mut body = String::from("id,name,joined\n");
        for id in 0..1200 {
            body.push_str(&format!("{id},Ann,2024-01-01\n"));
        }
        body.push_str("1,bad,never\n");
        let execution = stack.drop_file("people/announced.csv", body).await;
        let notices = stack.notices(&execution, 1).await;
        assert_eq!(notices.len(), 1);
        assert_eq!(notices[0].subject, "Loaded announced.csv: 1,200 rows into people.csv, 1 rejected");
        let body = &notices[0].body;
        assert_eq!((&body["pipeline"], &body["dataset"]), (&json!("people"), &json!("csv")));
        assert_eq!(body["object"]["key"], "people/announced.csv");
        assert_eq!((&body["rows_loaded"], &body["rows_rejected"]), (&json!(1200), &json!(1)));
    });
}

#[test]
fn injected_failure_sends_one_notice() {
    RUNTIME.block_on(async {
        let plan = "[[failures]]\nstate = \"ResolveTrigger\"\nfault = \"transient\"";
        let stack = Stack::start_under(&folder("integration/pipelines"), plan).await;
        let execution = stack.drop_file("people/chaos.csv", "id,name,joined\n1,Ann,\n").await;
        assert_eq!(execution.error.as_deref(), Some("RandomFailure"), "{execution:?}");
        assert!(execution.states.iter().any(|state| state == "PlanFailures"), "{execution:?}");
        assert!(!execution.states.iter().any(|state| state == "LoadFile"), "{execution:?}");
        assert_eq!(stack.notices(&execution, 1).await.len(), 1);
    });
}
