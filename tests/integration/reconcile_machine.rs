//! Tests of the state machine `reconcile`. It reads the whole landing bucket, so the test has its own stack, with a landing
//! bucket that sends no events.

use aws_sdk_s3::types::NotificationConfiguration;
use serde_json::{Value, json};
use test_support::{Execution, Stack};

use crate::{RUNTIME, count, folder};

/// Starts a stack without grace period: a new file counts as missed at once.
async fn silent_stack() -> Stack {
    let stack = Stack::start_with(&folder("integration/pipelines"), &["ReconcileGrace=0"]).await;
    let request = stack.s3.put_bucket_notification_configuration().bucket(stack.env("LANDING_BUCKET"));
    request.notification_configuration(NotificationConfiguration::builder().build()).send().await.unwrap();
    stack
}

/// Starts `process-file` for an object without an event.
async fn announce(stack: &Stack, key: &str) -> String {
    let bucket = stack.env("LANDING_BUCKET");
    let head = stack.s3.head_object().bucket(bucket).key(key).send().await.unwrap();
    stack.start_execution(&json!({"bucket": bucket, "key": key, "etag": head.e_tag})).await
}

async fn reconcile(stack: &Stack) -> Execution {
    let executions = stack.start_machine("RECONCILE_ARN", &json!({})).await;
    let reconciled = stack.ended(&executions).await;
    assert!(reconciled.succeeded, "{reconciled:?}");
    reconciled
}

/// Returns key and execution of each file that the run of `reconcile` started.
fn started(reconciled: &Execution) -> Vec<(String, String)> {
    let files = reconciled.output["files"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    files.filter_map(|file| Some((text(&file["key"])?, text(&file["execution"])?))).collect()
}

#[test]
fn missed_files_start_once_with_one_notice() {
    RUNTIME.block_on(async {
        let stack = silent_stack().await;
        // Files that it must not start: a failure with a notice, a trigger that waits for its data, a stopped execution.
        stack.put("people/refused.pdf", "%PDF").await;
        let refused = stack.ended(&announce(&stack, "people/refused.pdf").await).await;
        assert_eq!(refused.error.as_deref(), Some("UnsupportedFormat"), "{refused:?}");
        for key in ["marked/2024-05-01/.SUCCESS", "marked/2024-05-02/.SUCCESS"] {
            stack.put(key, "").await;
        }
        announce(&stack, "marked/2024-05-01/.SUCCESS").await;
        let stopped = announce(&stack, "marked/2024-05-02/.SUCCESS").await;
        stack.stop_waiting(&stopped).await;

        let dropped = ["people/missed 1.csv", "people/missed-2.csv", "people/missed-é.csv"];
        for (id, key) in dropped.iter().enumerate() {
            stack.put(key, format!("id,name,joined\n{id},Ann,\n")).await;
        }
        // Two concurrent runs find the same files. While an execution runs, StartExecution with the same name and input
        // returns that execution, so both runs may list it:
        // <https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>
        let (one, other) = tokio::join!(reconcile(&stack), reconcile(&stack));
        let mut executions = [started(&one), started(&other)].concat();
        executions.sort();
        executions.dedup();
        assert_eq!(executions.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), dropped);
        for (key, execution) in &executions {
            assert_eq!(stack.ended(execution).await.outcome(), "Loaded", "{key}");
        }
        let query =
            "select count(*) from people.csv join penstock.load on load_id = _load_id where key like '%missed%'";
        assert_eq!(count(&stack.database().await, query).await, 3);

        let notices = stack.notices_with("outcome", &json!("Missed"), 1).await;
        assert!(notices.iter().all(|notice| notice.subject.starts_with("Started ")), "{notices:?}");
        let files = notices.iter().flat_map(|notice| notice.body["started"].as_array().unwrap());
        let mut keys: Vec<&str> = files.map(|file| file["key"].as_str().unwrap()).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys, dropped, "{notices:?}");

        let again = reconcile(&stack).await;
        let statuses = json!({
            "loaded": 3, "failed with a notice": 1, "running": 1, "execution stopped": 1,
        });
        assert_eq!(again.output, json!({"statuses": statuses, "left": 0, "files": []}));
        assert_eq!(stack.notices(&again, 0).await.len(), 0);
    });
}
