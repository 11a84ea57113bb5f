use protocol::{AwaitedFile, ObjectRef, RunFailure, RunRequest};

use crate::stage::{Stage, shop_run};

fn failure(message: &str) -> RunFailure {
    RunFailure { name: "TransformFailed".to_owned(), message: message.to_owned() }
}

#[tokio::test]
async fn failed_run_closes_once_with_its_inputs() {
    let stage = Stage::with_sql("select nothing;").await;
    let run_id = stage.ready().await;
    stage.run(run_id).await.unwrap_err();
    let failed = stage.close("arn:one", run_id, failure("first")).await;
    assert_eq!((&failed.run, failed.run_date.to_string().as_str()), (&shop_run(run_id), "2024-05-01"));
    assert_eq!((failed.inputs.len(), failed.failure.name.as_str()), (2, "TransformFailed"));
    assert!(failed.failure.message.starts_with("first\nWhat to do: find"), "{failed:?}");
    assert_eq!(stage.close("arn:one", run_id, failure("first")).await, failed);
    let row =
        "select state || failure || split_part(failure_message, E'\\n', 1) || (ended_at is not null) from penstock.run";
    assert_eq!(stage.text(row).await.unwrap(), "FailedTransformFailedfirsttrue");
    // A later claim finds the run closed.
    stage.bucket.put("pipelines/shop/agg.sql", "select 1;");
    assert_eq!(stage.run(run_id).await.unwrap().outcome, protocol::RunOutcome::AlreadyClaimed);
}

#[tokio::test]
async fn foreign_or_succeeded_run_is_not_closed() {
    let stage = Stage::with_sql("select 1;").await;
    let run_id = stage.ready().await;
    stage.client.execute("update penstock.run set state = 'Running', execution_arn = 'arn:one'", &[]).await.unwrap();
    stage.close("arn:two", run_id, failure("of another")).await;
    assert_eq!(stage.state(run_id).await, "Running");
    stage.run(run_id).await.unwrap();
    stage.close("arn:one", run_id, failure("after all")).await;
    assert_eq!(stage.state(run_id).await, "Succeeded");
}

#[tokio::test]
async fn run_without_definition_can_be_closed() {
    let stage = Stage::with_sql("select 1;").await;
    let run_id = stage.ready().await;
    stage.bucket.reject_reads(403, "AccessDenied");
    let failed = stage.close("arn:one", run_id, failure("no definition")).await;
    assert_eq!(failed.run_date.to_string(), "2024-04-30", "the day in UTC");
    assert_eq!(stage.state(run_id).await, "Failed");
}

#[tokio::test]
async fn awaited_file_is_recorded_once() {
    let stage = Stage::with_sql("select 1;").await;
    let awaited = AwaitedFile {
        pipeline: "shop".to_owned(),
        dataset: "orders".to_owned(),
        source: ObjectRef::new("landing", "raw/orders.csv"),
        trigger: ObjectRef::new("landing", "triggers/orders.trig"),
    };
    for execution in ["arn:one", "arn:one", "arn:two"] {
        let request = RunRequest::Await { execution: execution.to_owned(), awaited: Box::new(awaited.clone()) };
        let answer = stage.answer(&request).await.unwrap();
        assert_eq!(serde_json::to_string(&answer).unwrap(), "null");
    }
    let rows = "select string_agg(expected_by || key || trigger_key, ',') from penstock.missing";
    assert_eq!(stage.text(rows).await.unwrap(), "triggerraw/orders.csvtriggers/orders.trig");
    assert_eq!(stage.text("select execution_arn from penstock.awaited").await.unwrap(), "arn:one");
}
