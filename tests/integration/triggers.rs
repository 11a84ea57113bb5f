use std::time::Duration;

use serde_json::json;

use crate::{count, with_stack};

const LEVELS: &str = r#"[{"sensor": "north", "metres": 4.125}, {"sensor": "south", "metres": 3.900}]"#;

#[test]
fn trigger_loads_the_file_it_names() {
    with_stack(async |stack| {
        let data = "raw_data/level/2021/07/01/level-2021-07-01-09:15:00.json";
        let trigger = "triggers/level/Succeeded_2021-07-01_09:15:00_2021-07-01_09:16:30.trig";
        let ignored = stack.drop_file(data, LEVELS).await;
        assert_eq!(ignored.outcome(), "Ignored", "{ignored:?}");
        assert!(ignored.output["reason"].as_str().unwrap().contains("trigger"), "{ignored:?}");
        let loaded = stack.drop_file(trigger, "").await;
        assert_eq!(loaded.outcome(), "Loaded", "{loaded:?}");
        assert_eq!(loaded.report()["rows_loaded"], json!(2));
        let query =
            "select count(*) from penstock.load where key = 'raw_data/level/2021/07/01/level-2021-07-01-09:15:00.json'
                     and scheduled_at = '2021-07-01T09:15:00Z' and actual_at = '2021-07-01T09:16:30Z'";
        assert_eq!(count(&stack.database().await, query).await, 1);
        let again = stack.drop_file(trigger, "").await;
        assert_eq!(again.outcome(), "AlreadyLoaded", "{again:?}");
    });
}

#[test]
fn trigger_waits_for_its_data() {
    with_stack(async |stack| {
        let trigger = "triggers/level/Succeeded_2021-07-02_10:00:00_2021-07-02_10:00:00.trig";
        stack.put(trigger, "").await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        stack.put("raw_data/level/2021/07/02/level-2021-07-02-10:00:00.json", LEVELS).await;
        let execution = stack.next_execution(trigger, &[]).await;
        assert_eq!(execution.outcome(), "Loaded", "{execution:?}");
        assert!(execution.states.iter().any(|state| state == "AwaitSource"), "{execution:?}");
    });
}

#[test]
fn missing_source_fails_with_its_key() {
    with_stack(async |stack| {
        let execution =
            stack.drop_file("triggers/hasty/Succeeded_2021-07-03_11:00:00_2021-07-03_11:00:00.trig", "").await;
        assert_eq!(execution.error.as_deref(), Some("SourceMissing"), "{execution:?}");
        assert!(execution.cause.as_deref().unwrap().contains("raw_data/hasty/2021-07-03-11:00:00.json"));
        assert_eq!(stack.notices(&execution, 1).await.len(), 1);
    });
}

#[test]
fn failed_upstream_trigger_loads_nothing() {
    with_stack(async |stack| {
        let execution = stack.drop_file("triggers/level/Failed_2021-07-04_12:00:00_2021-07-04_12:00:00.trig", "").await;
        assert_eq!(execution.error.as_deref(), Some("UpstreamFailed"), "{execution:?}");
        let notices = stack.notices(&execution, 1).await;
        assert_eq!(notices.len(), 1);
        assert!(notices[0].subject.contains("UpstreamFailed"), "{notices:?}");
    });
}
