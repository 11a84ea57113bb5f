use protocol::{FailureKind, RecordedFailure, RunFailure, RunRequest, UnrecordedFailure};
use transformer::RunResponse;

use crate::stage::Stage;

fn failed_file() -> UnrecordedFailure {
    UnrecordedFailure {
        kind: FailureKind::File,
        pipeline: Some("shop".to_owned()),
        dataset: Some("orders".to_owned()),
        bucket: Some("landing".to_owned()),
        key: Some("raw/my orders.csv".to_owned()),
        version_id: Some("v1".to_owned()),
        name: "HeaderMismatch".to_owned(),
        message: "the header is wrong\0\nWhat to do: mend it, then run `penstock replay --key KEY`".to_owned(),
    }
}

async fn record(stage: &Stage, execution: &str, failed: UnrecordedFailure) -> RecordedFailure {
    let request = RunRequest::Fail { execution: execution.to_owned(), failed: Box::new(failed) };
    match stage.answer(&request).await.unwrap() {
        RunResponse::Fail(recorded) => recorded,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn failed_file_is_recorded_once() {
    let stage = Stage::new("", &[]).await;
    let remedy = "mend it, then run `penstock replay --key 'raw/my orders.csv'`";
    for execution in ["arn:one", "arn:one", "arn:two"] {
        assert_eq!(record(&stage, execution, failed_file()).await.what_to_do, remedy);
    }
    let rows =
        "select string_agg(concat_ws(';', kind, pipeline, dataset, bucket, key, version_id, name, message, remedy,
                                  execution_arn), '|' order by failure_id) from penstock.failure";
    let row = |execution: &str| {
        format!(
            "file;shop;orders;landing;raw/my orders.csv;v1;HeaderMismatch;the header is wrong\\x00;{remedy};{execution}"
        )
    };
    assert_eq!(stage.text(rows).await.unwrap(), format!("{}|{}", row("arn:one"), row("arn:two")));
}

#[tokio::test]
async fn event_without_object_is_recorded() {
    let stage = Stage::new("", &[]).await;
    let (pipeline, dataset, bucket, key, version_id) = (None, None, None, None, None);
    let message = "States.Timeout without a cause".to_owned();
    let failed = UnrecordedFailure { pipeline, dataset, bucket, key, version_id, message, ..failed_file() };
    assert_eq!(record(&stage, "arn:one", failed).await.what_to_do, protocol::FILE_REMEDY);
    assert_eq!(stage.text("select message from penstock.failure").await.unwrap(), "States.Timeout without a cause");
}

#[tokio::test]
async fn closed_run_is_recorded_once() {
    let stage = Stage::with_sql("select nothing;").await;
    let run_id = stage.ready().await;
    stage.run(run_id).await.unwrap_err();
    let message = "agg.sql: no\nWhat to do: mend it, then run `penstock run PIPELINE --date DATE --force`".to_owned();
    let failure = RunFailure { name: "TransformFailed".to_owned(), message };
    for _ in 0..2 {
        let closed = stage.close("arn:one", run_id, failure.clone()).await;
        let says = "agg.sql: no\nWhat to do: mend it, then run `penstock run shop --date 2024-04-30T22:00:00Z --force`";
        assert_eq!(closed.failure.message, says);
    }
    let rows = "select string_agg(concat_ws(';', kind, pipeline, run_id, name, message, remedy, execution_arn), '|')
                from penstock.failure";
    let remedy = "mend it, then run `penstock run shop --date 2024-04-30T22:00:00Z --force`";
    assert_eq!(
        stage.text(rows).await.unwrap(),
        format!("run;shop;{run_id};TransformFailed;agg.sql: no;{remedy};arn:one")
    );
}

#[tokio::test]
async fn every_run_of_a_sweep_is_recorded() {
    let stage = Stage::new("", &[]).await;
    stage.set("Waiting", Some(1), &["orders"]).await;
    stage.client.execute("update penstock.run set deadline_at = '2024-05-01T04:00:00Z'", &[]).await.unwrap();
    let interrupted = stage.set("Running", None, &["orders"]).await;
    let claimed = "update penstock.run set execution_arn = 'arn:dead', claimed_at = now() - interval '61 minutes'
                   where run_id = $1";
    stage.client.execute(claimed, &[&interrupted]).await.unwrap();
    for execution in ["arn:a", "arn:a", "arn:b"] {
        stage.sweep(execution).await;
    }
    let rows = "select string_agg(concat_ws(';', run_id, name, execution_arn), '|' order by run_id)
                from penstock.failure where kind = 'run' and (remedy like '%penstock rerun 2%' or name = 'RunIncomplete')";
    assert_eq!(stage.text(rows).await.unwrap(), "1;RunIncomplete;arn:a|2;RunInterrupted;arn:a");
}

#[tokio::test]
async fn load_history_shows_failed_files() {
    let stage = Stage::new("", &[]).await;
    stage.ready().await;
    record(&stage, "arn:one", failed_file()).await;
    let rows = "select string_agg(concat_ws(';', load_id, dataset, outcome, key, message), '|' order by started_at)
                from penstock.load_history where dataset = 'orders'";
    let expected = "1;orders;Loaded;orders-1|orders;HeaderMismatch;raw/my orders.csv;the header is wrong\\x00";
    assert_eq!(stage.text(rows).await.unwrap(), expected);
}
