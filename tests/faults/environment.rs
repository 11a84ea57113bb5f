//! The environment of the fault tests: an emulator with buckets, a database for each test, functions as processes, and
//! checks of the ledger's invariants.

use std::net::SocketAddr;
use std::time::Duration;

use aws_sdk_s3::Client as S3;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use local_stack::{CREDENTIAL, Emulator, EmulatorKind, REGION};
use pipeline::Definition;
use protocol::{Compression, FailureName, Format, LoadReport, LoadRequest, ObjectRef};
use rustix::process::{Pid, Signal, kill_process};
use test_support::runtime_api::{Function, InvocationOutcome};
use test_support::{TestDatabase, binary, database, scratch_folder};
use tokio::sync::OnceCell;
use tokio::task::{JoinHandle, block_in_place, spawn_blocking};
use tokio_postgres::Client;

pub(crate) const DEFINITION: &str = r#"
[datasets.orders]
source = "faults/{batch}.csv"
table = "staging.orders"
columns.order_id = "integer not null"
columns.customer = "text"
"#;

/// The function's timeout. Only the tests of timeouts come near it.
const TIMEOUT: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(10);
const POLLS_MAX: u32 = 6_000;

/// S3 of an emulator, with one versioned and one unversioned bucket.
pub(crate) struct EmulatorS3 {
    _emulator: Emulator,
    pub(crate) address: SocketAddr,
    pub(crate) s3: S3,
}

#[derive(Clone, Copy)]
pub(crate) enum Bucket {
    Plain,
    Versioned,
}

impl Bucket {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Versioned => "versioned",
        }
    }
}

pub(crate) async fn storage() -> &'static EmulatorS3 {
    static STORAGE: OnceCell<EmulatorS3> = OnceCell::const_new();
    STORAGE.get_or_init(EmulatorS3::start).await
}

impl EmulatorS3 {
    async fn start() -> Self {
        let emulator =
            block_in_place(|| Emulator::start(&scratch_folder("emulator"), EmulatorKind::Ministack)).unwrap();
        let endpoint = emulator.endpoint();
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new(CREDENTIAL, CREDENTIAL, None, None, "faults"))
            .endpoint_url(&endpoint)
            .force_path_style(true)
            .build();
        let s3 = S3::from_conf(config);
        for bucket in [Bucket::Plain, Bucket::Versioned] {
            s3.create_bucket().bucket(bucket.name()).send().await.unwrap();
        }
        let on = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        let versioning = s3.put_bucket_versioning().bucket(Bucket::Versioned.name()).versioning_configuration(on);
        versioning.send().await.unwrap();
        let address = endpoint.trim_start_matches("http://").parse().unwrap();
        Self { _emulator: emulator, address, s3 }
    }

    /// Writes an object. Returns the reference that its event would hold, without a sequencer.
    pub(crate) async fn put(&self, bucket: Bucket, key: &str, body: impl Into<Vec<u8>>) -> ObjectRef {
        let body = body.into();
        let mut object = ObjectRef::new(bucket.name(), key);
        object.size_bytes = Some(body.len() as u64);
        let put = self.s3.put_object().bucket(bucket.name()).key(key).body(ByteStream::from(body));
        let reply = put.send().await.unwrap();
        object.etag = reply.e_tag().map(|etag| etag.trim_matches('"').to_owned());
        object.version_id = reply.version_id().map(str::to_owned);
        object
    }

    /// Returns the text of every version of a key.
    pub(crate) async fn versions(&self, bucket: Bucket, key: &str) -> Vec<String> {
        let listed = self.s3.list_object_versions().bucket(bucket.name()).prefix(key).send().await.unwrap();
        let mut texts = Vec::new();
        for version in listed.versions() {
            let get = self.s3.get_object().bucket(bucket.name()).key(key);
            let object = get.version_id(version.version_id().unwrap()).send().await.unwrap();
            let bytes = object.body.collect().await.unwrap().into_bytes();
            texts.push(String::from_utf8(bytes.to_vec()).unwrap());
        }
        texts
    }
}

/// Returns a CSV file of one customer's orders, numbered from 1.
pub(crate) fn orders(rows: usize, customer: &str) -> String {
    let lines = (1..=rows).map(|number| format!("{number},{customer}\n"));
    ["order_id,customer\n".to_owned()].into_iter().chain(lines).collect()
}

/// Returns a load request. Each object version has its own execution.
pub(crate) fn request(object: &ObjectRef) -> LoadRequest {
    let parsed = Definition::parse("shop", "pipelines/shop/pipeline.toml", DEFINITION).unwrap();
    let version = object.version_id.as_deref().or(object.etag.as_deref()).unwrap_or_default();
    LoadRequest {
        execution: Some(format!("arn:aws:states:::execution:process-file:{}-{version}", object.key)),
        pipeline: "shop".to_owned(),
        dataset: "orders".to_owned(),
        object: object.clone(),
        format: Format::Csv,
        compression: Compression::None,
        logical_at: "2024-03-01T00:00:00Z".parse().unwrap(),
        scheduled_at: None,
        actual_at: None,
        definition: DEFINITION.to_owned(),
        definition_hash: parsed.hash,
        notify_success: false,
        repairs: None,
        reloads: None,
    }
}

/// Starts a function as a process. `variables` are those of its template beside the addresses.
pub(crate) fn function(name: &str, endpoint: &str, database_url: &str, variables: &[(&str, &str)]) -> Function {
    let addresses = [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", CREDENTIAL),
        ("AWS_SECRET_ACCESS_KEY", CREDENTIAL),
        ("DATABASE_URL", database_url),
    ];
    Function::start(binary(name), &[&addresses, variables].concat())
}

/// A loader as a process, like the one that Lambda runs.
pub(crate) struct LoaderProcess(Function);

impl LoaderProcess {
    pub(crate) fn start(endpoint: &str, database_url: &str) -> Self {
        Self(function("loader", endpoint, database_url, &[]))
    }

    pub(crate) fn load(&mut self, request: &LoadRequest) -> InvocationOutcome {
        self.load_within(TIMEOUT, request)
    }

    pub(crate) fn load_within(&mut self, time: Duration, request: &LoadRequest) -> InvocationOutcome {
        let payload = serde_json::to_vec(request).unwrap();
        block_in_place(|| self.0.invoke(payload, time))
    }

    /// Starts the load and returns while it runs.
    pub(crate) fn begin(self, request: &LoadRequest) -> JoinHandle<(Self, InvocationOutcome)> {
        self.begin_within(TIMEOUT, request)
    }

    pub(crate) fn begin_within(
        mut self,
        time: Duration,
        request: &LoadRequest,
    ) -> JoinHandle<(Self, InvocationOutcome)> {
        let payload = serde_json::to_vec(request).unwrap();
        spawn_blocking(move || {
            let outcome = self.0.invoke(payload, time);
            (self, outcome)
        })
    }

    pub(crate) fn process(&self) -> FunctionProcess {
        FunctionProcess::of(&self.0)
    }
}

/// The process of a function, to signal it while another thread waits for its reply.
#[derive(Clone, Copy)]
pub(crate) struct FunctionProcess(pub(crate) Pid);

impl FunctionProcess {
    pub(crate) fn of(function: &Function) -> Self {
        Self(Pid::from_raw(i32::try_from(function.pid()).unwrap()).unwrap())
    }

    pub(crate) fn kill(self) {
        kill_process(self.0, Signal::KILL).unwrap();
    }

    pub(crate) fn freeze(self) {
        kill_process(self.0, Signal::STOP).unwrap();
    }

    pub(crate) fn thaw(self) {
        kill_process(self.0, Signal::CONT).unwrap();
    }

    /// Returns the peak resident memory in MiB.
    pub(crate) fn peak_mib(self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.as_raw_nonzero())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() / 1024
    }
}

pub(crate) fn load_report(outcome: InvocationOutcome) -> LoadReport {
    serde_json::from_value(outcome.answer()).unwrap()
}

#[track_caller]
pub(crate) fn check_failure(outcome: &InvocationOutcome, name: FailureName) {
    assert_eq!(outcome.error_type(), Some(name.as_str()), "{outcome:?}");
}

const COPIES: &str = "pg_stat_progress_copy where datname = current_database()";

/// A second session, which sees only committed rows.
pub(crate) struct DatabaseSession(Client);

/// A database of the shared server and the shared S3. Tests that stop the server use `PostgresServer`.
pub(crate) struct Environment {
    pub(crate) database: TestDatabase,
    pub(crate) session: DatabaseSession,
    pub(crate) storage: &'static EmulatorS3,
}

impl Environment {
    pub(crate) async fn new() -> Self {
        let database = database().await;
        let session = DatabaseSession(database.connect().await);
        Self { session, database, storage: storage().await }
    }

    pub(crate) fn loader(&self) -> LoaderProcess {
        self.loader_through(self.storage.address)
    }

    /// Starts a loader that reads S3 at this address.
    pub(crate) fn loader_through(&self, storage: SocketAddr) -> LoaderProcess {
        LoaderProcess::start(&format!("http://{storage}"), &self.database.url)
    }

    /// Loads a file once, so that the next load creates no schema and no table and the process is warm.
    pub(crate) async fn warm(&self, mut loader: LoaderProcess) -> LoaderProcess {
        let object = self.storage.put(Bucket::Plain, "faults/warm.csv", orders(1, "warm")).await;
        load_report(loader.load(&request(&object)));
        loader
    }
}

impl DatabaseSession {
    pub(crate) fn new(client: Client) -> Self {
        Self(client)
    }

    pub(crate) async fn count(&self, of: &str) -> i64 {
        self.0.query_one(&format!("select count(*) from {of}"), &[]).await.unwrap().get(0)
    }

    pub(crate) async fn run(&self, statements: &str) {
        self.0.batch_execute(statements).await.unwrap();
    }

    /// Returns the customer's committed rows. A missing table has none.
    pub(crate) async fn count_rows(&self, customer: &str) -> i64 {
        if self.count("pg_tables where schemaname = 'staging' and tablename = 'orders'").await == 0 {
            return 0;
        }
        self.count(&format!("staging.orders where customer = '{customer}'")).await
    }

    /// Checks that the customer has the orders 1 to `rows`, each once.
    pub(crate) async fn check_rows(&self, rows: usize, customer: &str) {
        let query = "select count(*), count(distinct order_id), min(order_id), max(order_id)
                     from staging.orders where customer = $1";
        let row = self.0.query_one(query, &[&customer]).await.unwrap();
        let (count, distinct): (i64, i64) = (row.get(0), row.get(1));
        let (first, last): (Option<i32>, Option<i32>) = (row.get(2), row.get(3));
        let rows = i64::try_from(rows).unwrap();
        assert_eq!((count, distinct), (rows, rows), "rows of {customer}");
        assert_eq!((first.map(i64::from), last.map(i64::from)), (Some(1), Some(rows)), "rows of {customer}");
    }

    /// Polls until the count meets the condition.
    pub(crate) async fn wait_until(&self, of: &str, is_wanted: impl Fn(i64) -> bool) {
        for _ in 0..POLLS_MAX {
            if is_wanted(self.count(of).await) {
                return;
            }
            tokio::time::sleep(POLL).await;
        }
        panic!("timed out: {of}");
    }

    /// Waits until a loader is copying rows.
    pub(crate) async fn wait_for_copy(&self) {
        self.wait_until(COPIES, |copies| copies > 0).await;
    }

    /// Waits until PostgreSQL has ended the session of the killed loader.
    pub(crate) async fn wait_for_no_copy(&self) {
        self.wait_until(COPIES, |copies| copies == 0).await;
    }

    pub(crate) async fn count_loads(&self, key: &str) -> i64 {
        self.0.query_one("select count(*) from penstock.load where key = $1", &[&key]).await.unwrap().get(0)
    }

    /// Checks all committed loads and rows against the invariants.
    pub(crate) async fn check_invariants(&self) {
        for (violation, query) in INVARIANTS {
            assert_eq!(self.count(&format!("({query}) as violation")).await, 0, "{violation}");
        }
    }
}

/// Name of each violation, and a query that returns its rows.
const INVARIANTS: [(&str, &str); 6] = [
    ("a committed load without committed_at", "select from penstock.load where committed_at is null"),
    (
        "a load with rows_read <> rows_loaded + rows_rejected",
        "select from penstock.load where outcome = 'Loaded' and rows_read <> rows_loaded + rows_rejected",
    ),
    (
        "a load with another number of rejects than it counted",
        "select from penstock.load where outcome = 'Loaded'
         and rows_rejected <> (select count(*) from penstock.reject where reject.load_id = load.load_id)",
    ),
    (
        "an object version that was loaded twice",
        "select from penstock.load where outcome = 'Loaded'
         group by pipeline, dataset, bucket, key, version_id, etag, sequencer having count(*) > 1",
    ),
    (
        "a row without a load, or of a load that is not Loaded",
        "select from staging.orders where not exists (
             select from penstock.load where load_id = _load_id and outcome = 'Loaded')",
    ),
    (
        "a key with another number of rows than its last load inserted",
        "select from (
             select distinct on (bucket, key) load_id, rows_loaded from penstock.load where outcome = 'Loaded'
             order by bucket, key, load_id desc) as last
         where rows_loaded <> (select count(*) from staging.orders where _load_id = last.load_id)",
    ),
];
