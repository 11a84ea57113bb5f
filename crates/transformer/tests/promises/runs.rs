use futures_util::future::join_all;
use protocol::{ExportReport, FailureName, RunInput, RunOutcome, TransformReport};

use crate::stage::{Stage, check_failure, run_with, shop_run};

const AGGREGATE: &str = "-- One row a run.
create table if not exists analytics.daily (ingestion_date date, run_id bigint, note text);
insert into analytics.daily values (:run_date, :run_id, 'not :run_date');
create table analytics.made as select :run_date as day;
";
const EXPORT: &str = r#"
[[transforms]]
sql = "agg.sql"
[[exports]]
table = "analytics.daily"
to = "export/{run_date:%Y-%m-%d}/daily.csv"
"#;

#[tokio::test]
async fn complete_run_is_transformed_and_exported() {
    let stage = Stage::new(EXPORT, &[("agg.sql", AGGREGATE)]).await;
    let run_id = stage.ready().await;
    let report = stage.run(run_id).await.unwrap();

    let csv = "ingestion_date,run_id,note\n2024-05-01,1,not :run_date\n";
    assert_eq!(stage.bucket.text("export/2024-05-01/daily.csv").unwrap(), csv);
    assert_eq!(report.outcome, RunOutcome::Succeeded);
    assert_eq!(report.run, shop_run(run_id));
    assert_eq!(report.run_date.to_string(), "2024-05-01");
    let input = |dataset: &str| RunInput { dataset: dataset.to_owned(), loads: 1, rows_loaded: 9, rows_rejected: 1 };
    assert_eq!(report.inputs, [input("orders"), input("reviews")]);
    let [TransformReport { sql, statements: 3, rows: 2, .. }] = report.transforms.as_slice() else {
        panic!("{:?}", report.transforms)
    };
    assert_eq!(sql, "agg.sql");
    let (bucket, key) = ("curated".to_owned(), "export/2024-05-01/daily.csv".to_owned());
    assert_eq!(report.exports, [ExportReport { bucket, key, rows: 1, bytes: csv.len() as u64 }]);
    assert_eq!(stage.text("select day::text from analytics.made").await.unwrap(), "2024-05-01");
    assert_eq!(stage.state(run_id).await, "Succeeded");
    let history = "select exports || ' ' || loads || ' ' || rows_loaded from penstock.run_history";
    assert_eq!(stage.text(history).await.unwrap(), "1 2 18");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_claims_run_once() {
    let stage = Stage::with_sql(AGGREGATE).await;
    let run_id = stage.ready().await;
    let transformers: Vec<_> = (0..20).map(|_| stage.another_transformer()).collect();
    let executions: Vec<_> = (0..20).map(|number| format!("arn:{number}")).collect();
    let claims = transformers.iter().zip(&executions);
    let reports = join_all(claims.map(|(transformer, execution)| run_with(transformer, execution, run_id))).await;
    let count = |outcome| reports.iter().filter(|report| report.as_ref().unwrap().outcome == outcome).count();
    assert_eq!((count(RunOutcome::Succeeded), count(RunOutcome::AlreadyClaimed)), (1, 19));
    assert_eq!(stage.text("select count(*)::text from analytics.daily").await.unwrap(), "1");
}

#[tokio::test]
async fn retry_exports_without_a_second_transform() {
    let stage = Stage::new(EXPORT, &[("agg.sql", AGGREGATE)]).await;
    let run_id = stage.ready().await;
    let key = "export/2024-05-01/daily.csv";
    stage.bucket.reject_above(key, 0);
    let error = stage.run(run_id).await.unwrap_err();
    check_failure(&error, FailureName::ExportFailed, "export of analytics.daily to s3://curated/export/2024-05-01/");
    assert_eq!(stage.state(run_id).await, "Running");
    assert_eq!(stage.bucket.get(key), None);

    stage.bucket.accept_all();
    let report = stage.run(run_id).await.unwrap();
    assert_eq!(report.transforms[0].rows, 2, "the report has the transforms of the earlier attempt");
    assert_eq!(stage.text("select count(*)::text from analytics.daily").await.unwrap(), "1");
    assert!(stage.bucket.text(key).unwrap().ends_with("2024-05-01,1,not :run_date\n"));

    // The answer was lost, so the state machine asks again.
    let again = stage.run(run_id).await.unwrap();
    assert_eq!((again.outcome, again.exports), (RunOutcome::Succeeded, report.exports));
    assert_eq!(stage.run_as("arn:two", run_id).await.unwrap().outcome, RunOutcome::AlreadyClaimed);
    assert_eq!(stage.text("select count(*)::text from analytics.daily").await.unwrap(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_of_one_pipeline_are_serial() {
    const COUNT: &str = "create table if not exists analytics.counted (number bigint);
                         insert into analytics.counted select count(*) from analytics.counted;";
    let stage = Stage::with_sql(COUNT).await;
    let mut runs = Vec::new();
    for _ in 0..8 {
        runs.push(stage.set("Ready", None, &["orders"]).await);
    }
    let transformers: Vec<_> = runs.iter().map(|_| stage.another_transformer()).collect();
    let reports = transformers.iter().zip(&runs).map(|(transformer, run)| run_with(transformer, "arn:one", *run));
    assert!(join_all(reports).await.into_iter().all(|report| report.is_ok()));
    let counted = "select string_agg(number::text, ',' order by number) from analytics.counted";
    assert_eq!(stage.text(counted).await.unwrap(), "0,1,2,3,4,5,6,7");
}

#[tokio::test]
async fn session_settings_of_a_script_do_not_persist() {
    let stage = Stage::with_sql(
        "create temporary table scratch as select :run_id as run_id;
         set search_path = analytics;
         create table if not exists seen (run_id bigint);
         insert into seen select run_id from scratch;",
    )
    .await;
    for expected in ["1", "2"] {
        let run_id = stage.set("Ready", None, &["orders"]).await;
        stage.run(run_id).await.unwrap();
        assert_eq!(stage.text("select count(*)::text from analytics.seen").await.unwrap(), expected);
    }
}

#[tokio::test]
async fn waiting_or_unknown_run_is_rejected() {
    let stage = Stage::with_sql(AGGREGATE).await;
    let waiting = stage.set("Waiting", Some(1), &["orders"]).await;
    check_failure(&stage.run(waiting).await.unwrap_err(), FailureName::InvalidInput, "is waiting for datasets");
    check_failure(&stage.run(77).await.unwrap_err(), FailureName::InvalidInput, "run 77 does not exist");
}
