//! A test stage: a database, a bucket, and transformers.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use function::Deadline;
use protocol::{Failure, FailureName, OpenedRun, RunFailure, RunRef, RunReport, RunRequest, RunStart, Sweep};
use test_support::TestDatabase;
use tokio_postgres::Client;
use transformer::{Config, DatabaseAddress, RunResponse, TransformError, Transformer};

use crate::bucket::Bucket;

/// Daily runs of two datasets. A test adds transforms and exports.
pub(crate) const DEFINITION: &str = r#"
timezone = "Europe/Berlin"
[run]
when = "all"
per = "day"
deadline = "6h"
[datasets.orders]
source = "raw/{date:%Y-%m-%d}/orders.csv"
table = "staging.orders"
columns.order_id = "integer not null"
[datasets.reviews]
source = "raw/{date:%Y-%m-%d}/reviews.csv"
table = "staging.reviews"
columns.points = "integer not null"
"#;

/// Midnight in Berlin.
pub(crate) const MAY_1: &str = "2024-04-30T22:00:00Z";

pub(crate) struct Stage {
    pub(crate) bucket: Bucket,
    pub(crate) database: TestDatabase,
    pub(crate) client: Client,
    pub(crate) transformer: Transformer,
}

impl Stage {
    /// Pipeline `shop` is [`DEFINITION`] with `more` at its end; `files` are its SQL files.
    pub(crate) async fn new(more: &str, files: &[(&str, &str)]) -> Self {
        let bucket = Bucket::start();
        bucket.put("pipelines/shop/pipeline.toml", &format!("{DEFINITION}{more}"));
        for (name, sql) in files {
            bucket.put(&format!("pipelines/shop/{name}"), sql);
        }
        let database = test_support::database().await;
        let client = database.connect().await;
        let transformer = transformer(&bucket, &database.url);
        let stage = Self { bucket, database, client, transformer };
        // The first request creates the schema.
        stage.answer(&RunRequest::Sweep { execution: "arn:first".to_owned() }).await.unwrap();
        stage.client.batch_execute("create schema analytics").await.unwrap();
        stage
    }

    /// A pipeline with one SQL file.
    pub(crate) async fn with_sql(sql: &str) -> Self {
        Self::new("[[transforms]]\nsql = \"agg.sql\"\n", &[("agg.sql", sql)]).await
    }

    /// A second transformer, as in another Lambda.
    pub(crate) fn another_transformer(&self) -> Transformer {
        transformer(&self.bucket, &self.database.url)
    }

    /// Inserts a run of [`MAY_1`] with one load of each given dataset.
    pub(crate) async fn set(&self, state: &str, attempt: Option<i32>, datasets: &[&str]) -> i64 {
        let run = self
            .client
            .query_one(
                "insert into penstock.run (pipeline, logical_at, state, attempt, datasets)
                 values ('shop', $1::text::timestamptz, $2, $3, '{orders,reviews}') returning run_id",
                &[&MAY_1, &state, &attempt],
            )
            .await
            .unwrap();
        let run_id: i64 = run.get(0);
        for dataset in datasets {
            let key = format!("{dataset}-{run_id}");
            self.client
                .execute(
                    "with load as (
                         insert into penstock.load (pipeline, dataset, bucket, key, definition_hash, table_name, bytes,
                                                    rows_read, rows_loaded, rows_rejected, outcome, committed_at)
                         values ('shop', $2, 'landing', $3, '', 'staging.' || $2, 1, 10, 9, 1, 'Loaded',
                                 clock_timestamp()) returning load_id)
                     insert into penstock.run_input select $1::bigint, $2, load_id from load",
                    &[&run_id, dataset, &key],
                )
                .await
                .unwrap();
        }
        run_id
    }

    pub(crate) async fn ready(&self) -> i64 {
        self.set("Ready", Some(1), &["orders", "reviews"]).await
    }

    pub(crate) async fn answer(&self, request: &RunRequest) -> Result<RunResponse, TransformError> {
        self.transformer.respond(request, long_deadline()).await
    }

    pub(crate) async fn run(&self, run_id: i64) -> Result<RunReport, TransformError> {
        self.run_as("arn:one", run_id).await
    }

    pub(crate) async fn run_as(&self, execution: &str, run_id: i64) -> Result<RunReport, TransformError> {
        run_with(&self.transformer, execution, run_id).await
    }

    pub(crate) async fn open(&self, execution: &str, start: RunStart) -> Result<OpenedRun, TransformError> {
        let execution = execution.to_owned();
        match self.answer(&RunRequest::Open { execution, start }).await? {
            RunResponse::Open(opened) => Ok(opened),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn sweep(&self, execution: &str) -> Sweep {
        match self.answer(&RunRequest::Sweep { execution: execution.to_owned() }).await.unwrap() {
            RunResponse::Sweep(sweep) => sweep,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn close(&self, execution: &str, run_id: i64, failure: RunFailure) -> protocol::FailedRun {
        let execution = execution.to_owned();
        match self.answer(&RunRequest::Close { execution, run_id, failure }).await.unwrap() {
            RunResponse::Close(failed) => failed,
            other => panic!("{other:?}"),
        }
    }

    /// Returns the single value of a query, as text.
    pub(crate) async fn text(&self, query: &str) -> Option<String> {
        self.client.query_one(query, &[]).await.unwrap().get(0)
    }

    pub(crate) async fn state(&self, run_id: i64) -> String {
        self.text(&format!("select state from penstock.run where run_id = {run_id}")).await.unwrap()
    }

    pub(crate) async fn tables(&self) -> String {
        let query = "select coalesce(string_agg(relname, ',' order by relname), '') from pg_class
                     where relnamespace = 'analytics'::regnamespace and relkind = 'r'";
        self.text(query).await.unwrap()
    }
}

pub(crate) async fn run_with(
    transformer: &Transformer,
    execution: &str,
    run_id: i64,
) -> Result<RunReport, TransformError> {
    let execution = execution.to_owned();
    match transformer.respond(&RunRequest::Run { execution, run_id }, long_deadline()).await? {
        RunResponse::Run(report) => Ok(report),
        other => panic!("{other:?}"),
    }
}

fn transformer(bucket: &Bucket, url: &str) -> Transformer {
    let config = Config {
        database: DatabaseAddress::Url(url.to_owned()),
        definitions_bucket: "definitions".to_owned(),
        curated_bucket: Some("curated".to_owned()),
    };
    Transformer::new(config, &sdk(bucket))
}

pub(crate) fn sdk(bucket: &Bucket) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(&bucket.endpoint)
        .build()
}

/// The longest time of a Lambda, so that a busy machine fails no test.
pub(crate) fn long_deadline() -> Deadline {
    Deadline::after(Duration::from_secs(900))
}

pub(crate) fn start(force: bool) -> RunStart {
    RunStart {
        pipeline: "shop".to_owned(),
        at: Some("2024-05-01T15:00:00".parse().unwrap()),
        logical_at: None,
        force,
        after_run_id: None,
        rerun: None,
    }
}

pub(crate) fn shop_run(run_id: i64) -> RunRef {
    RunRef { run_id, pipeline: "shop".to_owned(), logical_at: MAY_1.parse().unwrap() }
}

pub(crate) fn check_failure(error: &TransformError, name: FailureName, says: &str) {
    assert_eq!(error.name(), name, "{error}");
    assert!(error.to_string().contains(says), "{error}\ndoes not say\n{says}");
}
