//! The machine `reconcile`, on a stack of its own: it looks at the whole landing bucket, and here that sends no events.

use aws_sdk_s3::types::NotificationConfiguration;
use serde_json::{Value, json};
use test_support::{Execution, Stack};

use crate::{RUNTIME, count, folder};

/// Without grace: what is dropped counts as missed at once.
async fn silent_stack() -> Stack {
    let stack = Stack::start_with(&folder("integration/pipelines"), 0.0, &["ReconcileGrace=0"]).await;
    let request = stack.s3.put_bucket_notification_configuration().bucket(stack.env("LANDING_BUCKET"));
    request.notification_configuration(NotificationConfiguration::builder().build()).send().await.unwrap();
    stack
}

/// Starts `process-file` by hand for an object that no event announces.
async fn announce(stack: &Stack, key: &str) -> String {
    let bucket = stack.env("LANDING_BUCKET");
    let head = stack.s3.head_object().bucket(bucket).key(key).send().await.unwrap();
    stack.start_execution(&json!({"bucket": bucket, "key": key, "etag": head.e_tag})).await
}

async fn reconcile(stack: &Stack) -> Execution {
    let begun = stack.start_machine("RECONCILE_ARN", &json!({})).await;
    let reconciled = stack.ended(&begun).await;
    assert!(reconciled.succeeded, "{reconciled:?}");
    reconciled
}

/// The executions that a reconcile has started, by key.
fn started(reconciled: &Execution) -> Vec<(String, String)> {
    let files = reconciled.output["files"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    files.filter_map(|file| Some((text(&file["key"])?, text(&file["execution"])?))).collect()
}

#[test]
fn missed_files_start_once_with_one_notice() {
    RUNTIME.block_on(async {
        let stack = silent_stack().await;
        // What is none of its business: a failure with a notice, a trigger that waits for its data, one that was stopped.
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
        // Two at once find the same. Of a name that still runs, a second start with the same input is answered as the
        // first one is: then both tell of one execution.
        // <https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>
        let (one, other) = tokio::join!(reconcile(&stack), reconcile(&stack));
        let mut begun = [started(&one), started(&other)].concat();
        begun.sort();
        begun.dedup();
        assert_eq!(begun.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), dropped);
        for (key, execution) in &begun {
            assert_eq!(stack.ended(execution).await.outcome(), "Loaded", "{key}");
        }
        let query =
            "select count(*) from people.csv join penstock.load on load_id = _load_id where key like '%missed%'";
        assert_eq!(count(&stack.database().await, query).await, 3);

        let told = stack.notices_with("outcome", &json!("Missed"), 1).await;
        assert!(told.iter().all(|notice| notice.subject.starts_with("Missed ")), "{told:?}");
        let files = told.iter().flat_map(|notice| notice.body["started"].as_array().unwrap());
        let mut keys: Vec<&str> = files.map(|file| file["key"].as_str().unwrap()).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys, dropped, "{told:?}");

        let again = reconcile(&stack).await;
        let standings = json!({
            "loaded": 3, "failed with a notice": 1, "running": 1, "its execution was stopped": 1,
        });
        assert_eq!(again.output, json!({"standings": standings, "left": 0, "files": []}));
        assert_eq!(stack.notices(&again, 0).await.len(), 0);
    });
}
