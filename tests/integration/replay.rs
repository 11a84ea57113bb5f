use serde_json::{Value, json};
use test_support::Stack;

use crate::command::penstock;
use crate::silent_bucket::{SILENT_BUCKET, put_silently, silent_bucket};
use crate::with_stack;

/// Returns the prediction of `replay --dry-run` for one object of the silent bucket.
fn dry_run(stack: &Stack, key: &str) -> Value {
    let others = [("LANDING_BUCKET", SILENT_BUCKET)];
    let output = penstock(stack, &others, &["replay", "--key", key, "--dry-run", "--json"]);
    assert!(output.succeeded, "{output:?}");
    output.json()[0].clone()
}

#[test]
fn replay_dry_run_predicts_and_starts_nothing() {
    with_stack(async |stack| {
        silent_bucket(stack).await;
        let check = |key: &str, would: &str, bytes: Value, rows: Value| {
            let found = dry_run(stack, key);
            assert_eq!((&found["would"], &found["bytes"], &found["rows"]), (&json!(would), &bytes, &rows), "{found}");
        };
        put_silently(stack, "rows/dry.csv", "id\n1\n2\n").await;
        put_silently(stack, "rows/dry.pdf", "%PDF").await;
        put_silently(stack, "unknown/dry.csv", "id\n1\n").await;
        put_silently(stack, "rows/_SUCCESS", "").await;
        put_silently(stack, "triggers/Succeeded_dry.trig", "").await;
        put_silently(stack, "triggers/Succeeded_drier.trig", "").await;
        put_silently(stack, "late/dry.csv", "id\n7\n").await;
        check("rows/dry.csv", "load", json!(7), Value::Null);
        check("rows/dry.pdf", "fail", json!(4), Value::Null);
        check("unknown/dry.csv", "no_dataset", json!(5), Value::Null);
        check("triggers/Succeeded_dry.trig", "load", json!(5), Value::Null);
        check("triggers/Succeeded_drier.trig", "wait", json!(0), Value::Null);
        check("late/dry.csv", "ignored", json!(5), Value::Null);

        let load = async || {
            let arguments = ["replay", "--key", "rows/dry.csv", "--json"];
            let started = penstock(stack, &[("LANDING_BUCKET", SILENT_BUCKET)], &arguments).json();
            stack.ended(started[0]["execution"].as_str().unwrap()).await.outcome().to_owned()
        };
        assert_eq!(load().await, "Loaded");
        check("rows/dry.csv", "already_loaded", json!(7), json!(2));
        put_silently(stack, "rows/dry.csv", "id\n3\n").await;
        assert_eq!(load().await, "Loaded");
        put_silently(stack, "rows/dry.csv", "id\n1\n2\n").await;
        check("rows/dry.csv", "load", json!(7), json!(2));
        assert_eq!(load().await, "Loaded");
        assert_eq!(load().await, "AlreadyLoaded");
    });
}

#[test]
fn failed_file_is_replayed_with_its_event() {
    with_stack(async |stack| {
        let first = stack.drop_file("people/replayed.csv", "").await;
        assert_eq!(first.error.as_deref(), Some("EmptyFile"), "{first:?}");
        let output = penstock(stack, &[], &["replay", "--prefix", "people/replayed", "--json"]);
        let again = output.json()[0]["execution"].as_str().unwrap().to_owned();
        let input = async |arn: &str| {
            let described = stack.step_functions.describe_execution().execution_arn(arn).send().await.unwrap();
            serde_json::from_str::<Value>(&described.input.unwrap()).unwrap()
        };
        assert_eq!(input(&first.arn).await, input(&again).await);
        assert_eq!(stack.ended(&again).await.error.as_deref(), Some("EmptyFile"));
        let nothing = penstock(stack, &[], &["replay", "--key", "people/never-there.csv"]);
        assert!(!nothing.succeeded && nothing.stderr.contains("no such object"), "{nothing:?}");
    });
}
