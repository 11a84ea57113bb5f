//! Runs that are interrupted within their SQL or right after COMMIT.

use std::time::{Duration, Instant};

use pipeline::Definition;
use protocol::{FailureName, RunOutcome, RunReport, RunRequest};
use test_support::runtime_api::{Function, InvocationOutcome};
use tokio::task::{JoinHandle, block_in_place, spawn_blocking};

use crate::environment::{
    Bucket, DatabaseSession, EmulatorS3, Environment, FunctionProcess, LoaderProcess, check_failure, function,
    load_report, orders, request, storage,
};
use crate::fault_proxy::{FaultProxy, ProxyFault};
use crate::outage::{PostgresServer, STOPS, Stop};

const ROWS: usize = 500;
/// The function's timeout.
const TIMEOUT: Duration = Duration::from_secs(120);
/// How long a session may outlive its transformer. PostgreSQL checks for its client every five seconds.
const ORPHAN_TIME_MAX: Duration = Duration::from_secs(20);

const DEFINITION: &str = r#"
[datasets.orders]
source = "totals/{batch}.csv"
table = "staging.orders"
columns.order_id = "integer not null"
columns.customer = "text"

[[transforms]]
sql = "totals.sql"

[[exports]]
query = "select part, orders from analytics.totals where run_id = :run_id order by part desc"
to = "PIPELINE/{run_id}.csv"
"#;

/// Names the exports after the pipeline: the S3 is shared, and runs of every database are numbered from 1.
fn definition(pipeline: &str) -> String {
    DEFINITION.replace("PIPELINE", pipeline)
}

/// The second half waits for a lock that the test holds, so that a fault always hits the same place.
const SCRIPT: &str = "
create schema if not exists analytics;
create table if not exists analytics.totals (run_id bigint, part text, orders bigint);
insert into analytics.totals select :run_id, 'before', count(*) from staging.orders
    where _load_id in (select load_id from penstock.run_input where run_id = :run_id);
select pg_advisory_xact_lock(4711);
insert into analytics.totals select run_id, 'after', orders from analytics.totals where run_id = :run_id;
";
const LOCK: &str = "select pg_advisory_lock(4711)";
const UNLOCK: &str = "select pg_advisory_unlock(4711)";
const WAITING_FOR_LOCK: &str = "pg_locks where locktype = 'advisory' and objid = 4711 and not granted
                           and database = (select oid from pg_database where datname = current_database())";

/// A transformer as a process, like the one that Lambda runs.
struct TransformerProcess(Function);

impl TransformerProcess {
    fn start(storage: &EmulatorS3, database_url: &str) -> Self {
        let buckets = [("DEFINITIONS_BUCKET", Bucket::Plain.name()), ("CURATED_BUCKET", Bucket::Versioned.name())];
        Self(function("transformer", &format!("http://{}", storage.address), database_url, &buckets))
    }

    /// Starts a transformer and opens its session, so that its next COMMIT is that of a run's transforms.
    fn warm(storage: &EmulatorS3, database_url: &str) -> Self {
        let mut transformer = Self::start(storage, database_url);
        transformer.invoke(&RunRequest::Sweep { execution: "arn:warm".to_owned() }).answer();
        transformer
    }

    fn invoke(&mut self, request: &RunRequest) -> InvocationOutcome {
        let payload = serde_json::to_vec(request).unwrap();
        block_in_place(|| self.0.invoke(payload, TIMEOUT))
    }

    fn run(&mut self, run_id: i64) -> InvocationOutcome {
        self.run_as("arn:one", run_id)
    }

    fn run_as(&mut self, execution: &str, run_id: i64) -> InvocationOutcome {
        self.invoke(&RunRequest::Run { execution: execution.to_owned(), run_id })
    }

    /// Starts the run and returns while it executes.
    fn begin(mut self, run_id: i64) -> JoinHandle<(Self, InvocationOutcome)> {
        spawn_blocking(move || {
            let payload = serde_json::to_vec(&RunRequest::Run { execution: "arn:one".to_owned(), run_id }).unwrap();
            let outcome = self.0.invoke(payload, TIMEOUT);
            (self, outcome)
        })
    }

    fn process(&self) -> FunctionProcess {
        FunctionProcess::of(&self.0)
    }
}

fn run_report(outcome: InvocationOutcome) -> RunReport {
    serde_json::from_value(outcome.answer()).unwrap()
}

/// Loads a file that completes a run. Returns the run's id. Each test has its own pipeline.
async fn ready(storage: &EmulatorS3, loader: &mut LoaderProcess, pipeline: &str, batch: &str) -> i64 {
    let definition = definition(pipeline);
    storage.put(Bucket::Plain, &format!("pipelines/{pipeline}/pipeline.toml"), definition.clone()).await;
    storage.put(Bucket::Plain, &format!("pipelines/{pipeline}/totals.sql"), SCRIPT).await;
    let object = storage.put(Bucket::Plain, &format!("totals/{pipeline}-{batch}.csv"), orders(ROWS, batch)).await;
    let mut request = request(&object);
    request.pipeline = pipeline.to_owned();
    request.definition_hash = Definition::parse(pipeline, "pipeline.toml", &definition).unwrap().hash;
    request.definition = definition;
    load_report(loader.load(&request)).run.expect("a load of a pipeline with transforms is a run").run_id
}

/// Checks that no result of the run is visible and that its execution still holds the claim.
async fn check_nothing_is_visible(session: &DatabaseSession, storage: &EmulatorS3, pipeline: &str, run_id: i64) {
    if session.count("pg_tables where schemaname = 'analytics' and tablename = 'totals'").await > 0 {
        assert_eq!(session.count(&format!("analytics.totals where run_id = {run_id}")).await, 0);
    }
    assert_eq!(session.count(&format!("penstock.run_transform where run_id = {run_id}")).await, 0);
    let state = "state = 'Running' and execution_arn = 'arn:one' and transformed_at is null";
    assert_eq!(session.count(&format!("penstock.run where run_id = {run_id} and {state}")).await, 1);
    assert_eq!(exports(storage, pipeline, run_id).await, [""; 0]);
}

/// Checks that both halves and the export exist once, that a retry reports the same, and that another execution is refused.
async fn check_done(
    session: &DatabaseSession,
    storage: &EmulatorS3,
    transformer: &mut TransformerProcess,
    pipeline: &str,
    run_id: i64,
) {
    let again = run_report(transformer.run(run_id));
    assert_eq!(again.outcome, RunOutcome::Succeeded);
    assert_eq!((again.transforms[0].rows, again.exports[0].rows), (2, 2));
    let another = run_report(transformer.run_as("arn:another", run_id));
    assert_eq!(another.outcome, RunOutcome::AlreadyClaimed);

    let totals = format!("analytics.totals where run_id = {run_id}");
    assert_eq!(session.count(&totals).await, 2);
    assert_eq!(session.count(&format!("{totals} and orders = {ROWS} and part in ('before', 'after')")).await, 2);
    assert_eq!(session.count(&format!("penstock.run where run_id = {run_id} and state = 'Succeeded'")).await, 1);
    assert_eq!(exports(storage, pipeline, run_id).await, [format!("part,orders\nbefore,{ROWS}\nafter,{ROWS}\n")]);
}

/// Returns every version of the run's export.
async fn exports(storage: &EmulatorS3, pipeline: &str, run_id: i64) -> Vec<String> {
    storage.versions(Bucket::Versioned, &format!("{pipeline}/{run_id}.csv")).await
}

pub(crate) async fn database_stop_during_transform_is_retried() -> String {
    let mut server = PostgresServer::start();
    let storage = storage().await;
    let mut loader = LoaderProcess::start(&format!("http://{}", storage.address), &server.url);
    let mut transformer = TransformerProcess::start(storage, &server.url);
    for (name, stop) in STOPS {
        let run_id = ready(storage, &mut loader, "stopped", name).await;
        let lock_session = server.session().await;
        lock_session.run(LOCK).await;
        let run = transformer.begin(run_id);
        lock_session.wait_until(WAITING_FOR_LOCK, |waiting| waiting == 1).await;
        server.end(stop, &lock_session, WAITING_FOR_LOCK).await;
        let outcome;
        (transformer, outcome) = run.await.unwrap();
        check_failure(&outcome, FailureName::DatabaseUnavailable);
        if let Stop::Server(_) = stop {
            check_failure(&transformer.run(run_id), FailureName::DatabaseUnavailable);
            server.restart();
        } else {
            lock_session.run(UNLOCK).await;
        }
        let session = server.session().await;
        check_nothing_is_visible(&session, storage, "stopped", run_id).await;
        assert_eq!(run_report(transformer.run_as("arn:another", run_id)).outcome, RunOutcome::AlreadyClaimed);
        assert_eq!(run_report(transformer.run(run_id)).outcome, RunOutcome::Succeeded, "{name}");
        check_done(&session, storage, &mut transformer, "stopped", run_id).await;
        session.check_invariants().await;
    }
    let names = STOPS.map(|(name, _)| name).join(", ");
    format!("{names} between two statements: DatabaseUnavailable, nothing visible, the retry completes, one export")
}

pub(crate) async fn killed_transformer_leaves_nothing() -> String {
    let environment = Environment::new().await;
    let storage = environment.storage;
    let mut loader = LoaderProcess::start(&format!("http://{}", storage.address), &environment.database.url);
    let run_id = ready(storage, &mut loader, "killed", "killed").await;
    environment.session.run(LOCK).await;
    let transformer = TransformerProcess::start(storage, &environment.database.url);
    let process = transformer.process();
    let run = transformer.begin(run_id);
    environment.session.wait_until(WAITING_FOR_LOCK, |waiting| waiting == 1).await;
    process.kill();
    assert_eq!(run.await.unwrap().1, InvocationOutcome::Exited);
    let killed = Instant::now();
    // The lock stays held, so only PostgreSQL's check for its client can end the session.
    environment.session.wait_until(WAITING_FOR_LOCK, |waiting| waiting == 0).await;
    let orphaned = killed.elapsed();
    assert!(orphaned < ORPHAN_TIME_MAX, "the session outlived its transformer by {orphaned:?}");
    check_nothing_is_visible(&environment.session, storage, "killed", run_id).await;

    environment.session.run(UNLOCK).await;
    let mut second = TransformerProcess::start(storage, &environment.database.url);
    assert_eq!(run_report(second.run(run_id)).outcome, RunOutcome::Succeeded);
    check_done(&environment.session, storage, &mut second, "killed", run_id).await;
    environment.session.check_invariants().await;
    format!(
        "killed between two statements: session ended after {:.1} s, nothing visible, the retry completes, one export",
        orphaned.as_secs_f64()
    )
}

pub(crate) async fn lost_commit_reply_runs_transforms_once() -> String {
    let environment = Environment::new().await;
    let storage = environment.storage;
    let (proxy, url) = FaultProxy::before_database(&environment.database.url);
    let mut loader = LoaderProcess::start(&format!("http://{}", storage.address), &environment.database.url);
    for (fault, is_committed) in [(ProxyFault::DropCommit, false), (ProxyFault::DropReply, true)] {
        let run_id = ready(storage, &mut loader, "lost-reply", &format!("{fault:?}")).await;
        let mut transformer = TransformerProcess::warm(storage, &url);
        proxy.arm(fault);
        check_failure(&transformer.run(run_id), FailureName::DatabaseUnavailable);
        if !is_committed {
            check_nothing_is_visible(&environment.session, storage, "lost-reply", run_id).await;
        }
        assert_eq!(run_report(transformer.run(run_id)).outcome, RunOutcome::Succeeded, "{fault:?}");
        check_done(&environment.session, storage, &mut transformer, "lost-reply", run_id).await;
    }

    // Kill the transformer after COMMIT and before the export.
    let run_id = ready(storage, &mut loader, "lost-reply", "killed").await;
    let transformer = TransformerProcess::warm(storage, &url);
    let process = transformer.process();
    proxy.arm(ProxyFault::HoldReply);
    let run = transformer.begin(run_id);
    block_in_place(|| proxy.wait_for_fault());
    process.kill();
    assert_eq!(run.await.unwrap().1, InvocationOutcome::Exited);
    proxy.release();
    assert_eq!(environment.session.count(&format!("analytics.totals where run_id = {run_id}")).await, 2);
    assert_eq!(exports(storage, "lost-reply", run_id).await, [""; 0]);
    let mut second = TransformerProcess::start(storage, &environment.database.url);
    assert_eq!(run_report(second.run(run_id)).outcome, RunOutcome::Succeeded);
    check_done(&environment.session, storage, &mut second, "lost-reply", run_id).await;
    environment.session.check_invariants().await;
    "COMMIT dropped, its reply dropped, killed between COMMIT and export: the retry reports the same, tables and export once"
        .to_owned()
}
