//! A test fixture: a database, a bucket and loaders.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use futures_util::future::join_all;
use load::{Config, LoadError, Loader, TimeLeft};
use object_store::{ClientTimeouts, client_config};
use pipeline::Definition;
use postgres::{Database, DatabaseAddress};
use protocol::{Compression, Failure, FailureName, Format, LoadReport, LoadRequest, ObjectRef};
use test_support::TestDatabase;
use tokio_postgres::Client;

use crate::bucket::TestBucket;

pub(crate) const KEY: &str = "raw/2024-03-01/orders.csv";
/// The files of most tests are small, and have rejects above the default limit.
pub(crate) const DEFINITION: &str = r#"
[datasets.orders]
source = "raw/{date:%Y-%m-%d}/orders.csv"
table = "staging.orders"
columns.order_id = "integer not null"
columns.customer = "text"
columns.amount = "numeric(10,2)"
rejects.max_ratio = 1.0
"#;

pub(crate) struct LoadFixture {
    pub(crate) bucket: TestBucket,
    pub(crate) database: TestDatabase,
    pub(crate) client: Client,
    pub(crate) loader: Loader,
}

impl LoadFixture {
    pub(crate) async fn new() -> Self {
        let bucket = TestBucket::start();
        let database = test_support::database().await;
        let client = database.connect().await;
        let loader = loader(&bucket, &database.url);
        Self { bucket, database, client, loader }
    }

    /// Makes another loader, as in another Lambda.
    pub(crate) fn another_loader(&self) -> Loader {
        loader(&self.bucket, &self.database.url)
    }

    pub(crate) async fn load(&self, object: &ObjectRef) -> Result<LoadReport, LoadError> {
        self.load_as(DEFINITION, object).await
    }

    pub(crate) async fn load_as(&self, definition: &str, object: &ObjectRef) -> Result<LoadReport, LoadError> {
        self.loader.load(&request(definition, object), in_a_minute()).await
    }

    /// Expects a failed load, and checks that nothing of it is left.
    pub(crate) async fn fail(&self, definition: &str, object: &ObjectRef) -> LoadError {
        let error = self.load_as(definition, object).await.expect_err("a load that fails");
        self.nothing_is_left().await;
        error
    }

    /// Loads one file for each day at the same time, each with its own loader.
    pub(crate) async fn load_days_at_once(&self, days: u32) -> Vec<Result<LoadReport, LoadError>> {
        let load = async |day: u32| {
            let key = format!("raw/2024-03-{day:02}/orders.csv");
            let object = self.bucket.put(&key, Some("v1"), orders(&["ann"]));
            self.another_loader().load(&request(DEFINITION, &object), in_a_minute()).await
        };
        join_all((1..=days).map(load)).await
    }

    pub(crate) async fn nothing_is_left(&self) {
        assert_eq!(self.count("penstock.load").await, 0);
        assert_eq!(self.count("penstock.reject").await, 0);
        if self.text("select to_regclass('staging.orders')::text").await.is_some() {
            assert_eq!(self.count("staging.orders").await, 0);
        }
    }

    pub(crate) async fn count(&self, table: &str) -> i64 {
        self.client.query_one(&format!("select count(*) from {table}"), &[]).await.unwrap().get(0)
    }

    /// Returns a single value as text.
    pub(crate) async fn text(&self, query: &str) -> Option<String> {
        self.client.query_one(query, &[]).await.unwrap().get(0)
    }

    /// Returns the customers in the table, sorted and separated by commas.
    pub(crate) async fn customers(&self) -> String {
        let query = "select coalesce(string_agg(customer, ',' order by customer), '') from staging.orders";
        self.text(query).await.unwrap()
    }
}

fn loader(bucket: &TestBucket, url: &str) -> Loader {
    loader_at(bucket, DatabaseAddress::Url(url.to_owned()))
}

pub(crate) fn loader_at(bucket: &TestBucket, address: DatabaseAddress) -> Loader {
    let sdk = sdk(bucket);
    let config = Config { stall_timeout: Duration::from_secs(2), curated_bucket: Some("curated".to_owned()) };
    let timeouts = ClientTimeouts { read: config.stall_timeout, ..ClientTimeouts::LONG };
    let database = Database::new("penstock-loader", address, &sdk);
    Loader::new(config, database, client_config(&sdk, timeouts))
}

pub(crate) fn sdk(bucket: &TestBucket) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(&bucket.endpoint)
        .build()
}

pub(crate) fn request(definition: &str, object: &ObjectRef) -> LoadRequest {
    let parsed = Definition::parse("shop", "pipelines/shop/pipeline.toml", definition).expect("a valid definition");
    LoadRequest {
        execution: None,
        pipeline: "shop".to_owned(),
        dataset: "orders".to_owned(),
        object: object.clone(),
        format: Format::Csv,
        compression: Compression::None,
        logical_at: "2024-03-01T00:00:00Z".parse().unwrap(),
        scheduled_at: None,
        actual_at: None,
        definition: definition.to_owned(),
        definition_hash: parsed.hash,
        notify_success: false,
        repairs: None,
        reloads: None,
    }
}

pub(crate) fn in_a_minute() -> TimeLeft {
    in_seconds(60)
}

/// Returns the time of a Lambda invocation. A fifth of it, but at most 20 s, is left for the response.
pub(crate) fn in_seconds(seconds: u64) -> TimeLeft {
    let total = Duration::from_secs(seconds);
    TimeLeft { until_commit: total - Duration::from_secs(20).min(total / 5), total }
}

pub(crate) fn sequenced(object: ObjectRef, sequencer: &str) -> ObjectRef {
    ObjectRef { sequencer: Some(sequencer.to_owned()), ..object }
}

/// Returns a file with one order for each customer.
pub(crate) fn orders(customers: &[&str]) -> String {
    let mut file = "order_id,customer,amount\n".to_owned();
    for (customer, number) in customers.iter().zip(1..) {
        file.push_str(&format!("{number},{customer},{number}.50\n"));
    }
    file
}

pub(crate) fn check_failure(error: &LoadError, name: FailureName, says: &str) {
    assert_eq!(error.name(), name, "{error}");
    assert!(error.to_string().contains(says), "{error}\ndoes not contain\n{says}");
}
