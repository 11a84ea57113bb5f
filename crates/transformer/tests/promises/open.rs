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
async fn forced_run_without_input_is_rejected() {
    let stage = Stage::new("", &[]).await;
    let says = "shop 2024-04-30T22:00:00Z: no file is loaded for this period";
    check_failure(&stage.open("arn:a", start(true)).await.unwrap_err(), FailureName::NoRunInput, says);
    assert_eq!(stage.text("select count(*)::text from penstock.run").await.unwrap(), "0");
}

#[tokio::test]
async fn forced_run_makes_one_attempt_per_execution() {
    let stage = Stage::new("", &[]).await;
    stage.set("Succeeded", Some(1), &["orders"]).await;
    let opened = stage.open("arn:a", start(true)).await.unwrap();
    assert_eq!(opened, run(2));
    // A retry of the same execution gets the same run.
    assert_eq!(stage.open("arn:a", start(true)).await.unwrap(), opened);
    stage.run_as("arn:a", 2).await.unwrap();
    assert_eq!(stage.open("arn:b", start(true)).await.unwrap(), run(3));
    let attempts = "select string_agg(attempt::text || state, ',' order by run_id) from penstock.run";
    assert_eq!(stage.text(attempts).await.unwrap(), "1Succeeded,2Succeeded,3Ready");
}

fn rerun(run_id: i64) -> RunStart {
    RunStart { at: None, rerun: Some(run_id), ..start(false) }
}

#[tokio::test]
async fn rerun_has_the_inputs_of_the_run() {
    let stage = Stage::new("", &[]).await;
    let failed = stage.set("Failed", Some(1), ALL).await;
    let late = stage.set("Skipped", Some(2), &["orders"]).await;
    let opened = stage.open("arn:a", rerun(failed)).await.unwrap();
    assert_eq!(opened, run(late + 1));
    assert_eq!(stage.open("arn:a", rerun(failed)).await.unwrap(), opened, "a retry opens the same run");
    let report = stage.run_as("arn:a", late + 1).await.unwrap();
    assert_eq!(report.inputs.iter().map(|input| input.loads).collect::<Vec<_>>(), [1, 1]);
    // A run that has succeeded can be run again too.
    assert_eq!(stage.open("arn:b", rerun(late + 1)).await.unwrap(), run(late + 2));
    let attempts = "select string_agg(attempt::text || state, ',' order by run_id) from penstock.run";
    assert_eq!(stage.text(attempts).await.unwrap(), "1Failed,2Skipped,3Succeeded,4Ready");
}

#[tokio::test]
async fn rerun_of_a_running_run_is_skipped() {
    let stage = Stage::new("", &[]).await;
    let failed = stage.set("Failed", Some(1), ALL).await;
    stage.open("arn:a", rerun(failed)).await.unwrap();
    stage.client.execute("update penstock.run set state = 'Running' where state = 'Ready'", &[]).await.unwrap();
    assert_eq!(stage.open("arn:a", rerun(failed)).await.unwrap(), run(failed + 1), "its own run");
    let reason = "run 2 is already running with the same inputs";
    assert_eq!(stage.open("arn:b", rerun(failed)).await.unwrap(), skipped(failed + 1, reason));
    assert_eq!(stage.open("arn:b", rerun(failed + 1)).await.unwrap(), skipped(failed + 1, reason));
}

#[tokio::test]
async fn rerun_needs_an_ended_run_with_input() {
    let stage = Stage::new("", &[]).await;
    let waiting = stage.set("Waiting", Some(1), &["orders"]).await;
    let empty = stage.set("Failed", Some(2), &[]).await;
    let check = async |start: RunStart, name: FailureName, says: &str| {
        check_failure(&stage.open("arn:a", start).await.unwrap_err(), name, says);
    };
    check(rerun(waiting), FailureName::RunIncomplete, "(run 1): datasets not loaded: reviews").await;
    check(rerun(empty), FailureName::NoRunInput, "(run 2): no file is loaded").await;
    check(rerun(77), FailureName::InvalidInput, "run 77 does not exist").await;
    stage.bucket.put("pipelines/report/pipeline.toml", "[run]\nafter = \"shop\"\n");
    let other = RunStart { pipeline: "report".to_owned(), ..rerun(waiting) };
    check(other, FailureName::InvalidInput, "run 1 is a run of shop, not of report").await;
}

/// A failed run of `per = "file"`: its period is the time of the event, to the millisecond.
#[tokio::test]
async fn failed_run_of_one_file_runs_again() {
    const EACH: &str =
        "[datasets.orders]\nsource = \"f/*\"\ntable = \"staging.orders\"\n[[transforms]]\nsql = \"x.sql\"\n";
    let stage = Stage::new("", &[]).await;
    stage.bucket.put("pipelines/each/pipeline.toml", EACH);
    stage.bucket.put("pipelines/each/x.sql", "create table if not exists analytics.seen as select :run_id as run_id;");
    let failed = stage.set("Failed", None, &["orders"]).await;
    let update = "update penstock.run set pipeline = 'each', logical_at = '2024-05-01T10:00:05.123Z'";
    stage.client.execute(update, &[]).await.unwrap();
    let each = |start: RunStart| RunStart { pipeline: "each".to_owned(), ..start };
    let run_of = |opened: OpenedRun| match opened {
        OpenedRun::Run { run } => run.run_id,
        OpenedRun::Skipped { .. } => panic!("{opened:?}"),
    };

    let first = run_of(stage.open("arn:a", each(rerun(failed))).await.unwrap());
    assert_eq!(stage.run_as("arn:a", first).await.unwrap().inputs[0].rows_loaded, 9);
    assert_eq!(stage.text("select run_id::text from analytics.seen").await.unwrap(), first.to_string());

    let at =
        |time: &str| each(RunStart { at: None, logical_at: Some(time.parse().unwrap()), force: true, ..start(false) });
    let second = run_of(stage.open("arn:b", at("2024-05-01T10:00:05.123Z")).await.unwrap());
    assert_eq!(stage.run_as("arn:b", second).await.unwrap().inputs[0].loads, 1);
    let error = stage.open("arn:c", at("2024-05-01T10:00:05Z")).await.unwrap_err();
    check_failure(&error, FailureName::NoRunInput, "each 2024-05-01T10:00:05Z: no file is loaded for this period");
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
        rerun: None,
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
