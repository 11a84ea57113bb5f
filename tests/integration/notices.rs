use serde_json::json;
use test_support::{Stack, TextNotices};

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
fn email_gets_text_and_queues_get_json() {
    with_stack(async |stack| {
        let notices = TextNotices::subscribe(stack);
        let body = format!("id,name,joined\n{}x,Bob,\n", "1,Ann,\n".repeat(12));
        let loaded = stack.drop_file("people/in-words.csv", body).await;
        let text = notices.containing("in-words.csv").await;
        let says = "Loaded in-words.csv: 12 rows into people.csv, 1 rejected.\n\nFile: s3://";
        assert!(text.starts_with(says) && text.contains("\n  line 14, column id: "), "{text}");
        assert_eq!(stack.notices(&loaded, 1).await[0].body["rows_loaded"], 12);

        let failed = stack.drop_file("people/wrong-header.csv", "id,name\n1,Ann\n").await;
        let text = notices.containing("wrong-header.csv").await;
        assert!(text.starts_with("wrong-header.csv was not loaded (HeaderMismatch).\n\nReason: s3://"), "{text}");
        assert!(text.contains("--key people/wrong-header.csv`") && text.contains("\nDataset: people/csv\n"), "{text}");
        assert_eq!(stack.notices(&failed, 1).await[0].body["failure"]["name"], "HeaderMismatch");
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
