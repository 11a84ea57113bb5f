//! Tests of a failed run that is run again after its SQL is corrected.

use std::process::Output;

use aws_sdk_s3::primitives::ByteStream;
use serde_json::{Value, json};

use crate::{count, folder, with_stack};

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn failed_run_of_one_file_runs_again() {
    with_stack(async |stack| {
        let loaded = stack.drop_file("rerun/a.csv", "id\n3\n4\n").await;
        let failed = stack.run_started_by(&loaded).await;
        assert_eq!(failed.error.as_deref(), Some("TransformFailed"), "{failed:?}");
        assert!(failed.cause.as_deref().unwrap_or_default().contains("`penstock rerun RUN`"), "{failed:?}");

        let sql = std::fs::read_to_string(folder("integration/pipelines/rerun/sums.sql")).unwrap();
        let corrected = ByteStream::from(sql.replace("no_such_column", "id").into_bytes());
        let request = stack.s3.put_object().bucket(stack.env("DEFINITIONS_BUCKET")).key("pipelines/rerun/sums.sql");
        request.body(corrected).send().await.unwrap();

        let listed = stdout(&stack.penstock(&["runs", "--pipeline", "rerun"]));
        let line = listed.lines().find(|line| line.contains("TransformFailed")).unwrap();
        let (run_id, period) = (line.split_whitespace().next().unwrap(), line.split_whitespace().nth(2).unwrap());

        let rerun = stack.penstock(&["rerun", run_id, "--json"]);
        let ended: Value = serde_json::from_slice(&rerun.stdout).unwrap();
        assert_eq!(ended["outcome"], "Succeeded", "{rerun:?}");
        assert_eq!(ended["report"]["inputs"][0]["rows_loaded"], 2, "{ended}");
        let database = stack.database().await;
        let total = format!("select total from rerun.sums where run_id = {}", ended["report"]["run"]["run_id"]);
        assert_eq!(count(&database, &total).await, 7);

        // The period that `penstock runs` prints is the period of the run.
        let forced = stack.penstock(&["run", "rerun", "--date", period, "--force", "--json"]);
        let ended: Value = serde_json::from_slice(&forced.stdout).unwrap();
        assert_eq!(
            (&ended["outcome"], &ended["report"]["inputs"][0]["loads"]),
            (&json!("Succeeded"), &json!(1)),
            "{ended}"
        );

        // Another period has no input.
        let empty = stack.penstock(&["run", "rerun", "--date", "2020-01-01", "--force"]);
        assert_eq!(empty.status.code(), Some(1), "{empty:?}");
        let printed = stdout(&empty);
        assert!(printed.starts_with("NoRunInput: ") && printed.contains("`penstock rerun RUN`"), "{printed}");
    });
}
