use protocol::{FailureName, OpenedRun, RunStart};

use crate::stage::{DEFINITION, MAY_1, Stage, check_failure, shop_run, start};

const ALL: &[&str] = &["orders", "reviews"];

fn run(run_id: i64) -> OpenedRun {
    OpenedRun::Run { run: shop_run(run_id) }
}

fn skipped(run_id: i64, reason: &str) -> OpenedRun {
    OpenedRun::Skipped { run: shop_run(run_id), reason: reason.to_owned() }
}

#[tokio::test]
async fn incomplete_run_fails_unless_forced() {
    let stage = Stage::new("", &[]).await;
    let says = "shop 2024-04-30T22:00:00Z: datasets not loaded: orders, reviews";
    check_failure(&stage.open("arn:a", start(false)).await.unwrap_err(), FailureName::RunIncomplete, says);
    let waiting = stage.set("Waiting", Some(1), &["orders"]).await;
    let error = stage.open("arn:a", start(false)).await.unwrap_err();
    check_failure(&error, FailureName::RunIncomplete, "datasets not loaded: reviews");
    assert_eq!(stage.open("arn:a", start(true)).await.unwrap(), run(waiting));
    assert_eq!(stage.state(waiting).await, "Ready");
}

#[tokio::test]
async fn forced_run_needs_no_loads() {
    let stage = Stage::new("", &[]).await;
    let opened = stage.open("arn:a", start(true)).await.unwrap();
    assert_eq!(opened, run(1));
    // A retry of the same execution gets the same run.
    assert_eq!(stage.open("arn:a", start(true)).await.unwrap(), opened);
    stage.run_as("arn:a", 1).await.unwrap();
    assert_eq!(stage.open("arn:b", start(true)).await.unwrap(), run(2));
    let attempts = "select string_agg(attempt::text || state, ',' order by run_id) from penstock.run";
    assert_eq!(stage.text(attempts).await.unwrap(), "1Succeeded,2Ready");
}

#[tokio::test]
async fn succeeded_run_runs_again_only_when_forced() {
    let stage = Stage::new("", &[]).await;
    let first = stage.ready().await;
    assert_eq!(stage.open("arn:a", start(false)).await.unwrap(), run(first), "no execution has claimed it");
    stage.run(first).await.unwrap();
    let late = stage.set("Skipped", Some(2), &["orders"]).await;
    let again = "the run has already succeeded; --force runs it again";
    assert_eq!(stage.open("arn:a", start(false)).await.unwrap(), skipped(first, again));
    assert_eq!(stage.open("arn:a", start(true)).await.unwrap(), run(late + 1));
    // All loads of the period count.
    let report = stage.run_as("arn:a", late + 1).await.unwrap();
    assert_eq!(report.inputs.iter().map(|input| input.loads).collect::<Vec<_>>(), [2, 1]);
}

#[tokio::test]
async fn failed_run_opens_a_new_attempt() {
    let stage = Stage::new("", &[]).await;
    let failed = stage.set("Failed", Some(1), ALL).await;
    assert_eq!(stage.open("arn:a", start(false)).await.unwrap(), run(failed + 1));
    assert_eq!(stage.run_as("arn:a", failed + 1).await.unwrap().inputs.len(), 2);
    assert_eq!(stage.text("select attempt::text from penstock.run where state = 'Succeeded'").await.unwrap(), "2");
}

#[tokio::test]
async fn run_follows_another_once() {
    let stage = Stage::new("", &[]).await;
    stage.bucket.put(
        "pipelines/report/pipeline.toml",
        "[run]\nafter = \"shop\"\n[[exports]]\nquery = \"select :run_date\"\nto = \"{run_id}.csv\"\n",
    );
    let followed = stage.ready().await;
    let follow = RunStart {
        pipeline: "report".to_owned(),
        at: None,
        logical_at: Some(MAY_1.parse().unwrap()),
        force: false,
        after_run_id: Some(followed),
    };
    let opened = stage.open("arn:a", follow.clone()).await.unwrap();
    let OpenedRun::Run { run } = opened.clone() else { panic!("{opened:?}") };
    assert_eq!((run.pipeline.as_str(), run.logical_at), ("report", MAY_1.parse().unwrap()));
    assert_eq!(stage.open("arn:a", follow.clone()).await.unwrap(), opened, "a retry opens the same run");
    let reason = format!("this run already follows run {followed}");
    let skipped = OpenedRun::Skipped { run: run.clone(), reason };
    assert_eq!(stage.open("arn:b", follow.clone()).await.unwrap(), skipped);
    stage.run_as("arn:a", run.run_id).await.unwrap();
    assert_eq!(stage.open("arn:b", follow).await.unwrap(), skipped);
    // The day is in the time zone of the follower, UTC.
    assert_eq!(stage.bucket.text(&format!("{}.csv", run.run_id)).unwrap().lines().last().unwrap(), "2024-04-30");

    // A follower opened by hand needs no loads.
    let by_hand = RunStart { pipeline: "report".to_owned(), ..start(false) };
    assert!(matches!(stage.open("arn:c", by_hand).await.unwrap(), OpenedRun::Run { .. }));
}

#[tokio::test]
async fn pipeline_without_runs_cannot_open_one() {
    let stage = Stage::new("", &[]).await;
    let (_, datasets) = DEFINITION.split_once("deadline = \"6h\"").unwrap();
    stage.bucket.put("pipelines/plain/pipeline.toml", datasets);
    let plain = RunStart { pipeline: "plain".to_owned(), ..start(true) };
    check_failure(
        &stage.open("arn:a", plain).await.unwrap_err(),
        FailureName::InvalidInput,
        "the pipeline has no runs",
    );
    let unknown = RunStart { pipeline: "unknown".to_owned(), ..start(true) };
    check_failure(&stage.open("arn:a", unknown).await.unwrap_err(), FailureName::NoPipeline, "unknown");
}
