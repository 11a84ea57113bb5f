//! Runs that are cut off in the middle of their SQL, or right after its COMMIT.

use std::time::{Duration, Instant};

use pipeline::Definition;
use protocol::{FailureName, RunOutcome, RunReport, RunRequest};
use test_support::runtime_api::{Function, Outcome};
use tokio::task::{JoinHandle, block_in_place, spawn_blocking};

use crate::ground::{
    Bucket, Ground, Loader, Process, Seen, Storage, check_failure, function, orders, report, request, storage,
};
use crate::outage::{ENDS, End, Server};
use crate::tap::{Fault, Tap};

const ROWS: usize = 500;
/// What Lambda would give a run.
const TIME: Duration = Duration::from_secs(120);
/// How long a transformer's session may outlive it: PostgreSQL looks for its client every five seconds.
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

/// Of a test's own: runs of every database are numbered from 1.
fn definition(pipeline: &str) -> String {
    DEFINITION.replace("PIPELINE", pipeline)
}

/// Its second half waits for a lock that a test holds: so a fault hits the same place on every machine.
const SCRIPT: &str = "
create schema if not exists analytics;
create table if not exists analytics.totals (run_id bigint, part text, orders bigint);
insert into analytics.totals select :run_id, 'before', count(*) from staging.orders
    where _load_id in (select load_id from penstock.run_input where run_id = :run_id);
select pg_advisory_xact_lock(4711);
insert into analytics.totals select run_id, 'after', orders from analytics.totals where run_id = :run_id;
";
const CLOSE_THE_GATE: &str = "select pg_advisory_lock(4711)";
const OPEN_THE_GATE: &str = "select pg_advisory_unlock(4711)";
const AT_THE_GATE: &str = "pg_locks where locktype = 'advisory' and objid = 4711 and not granted
                           and database = (select oid from pg_database where datname = current_database())";

/// A transformer, as the process that Lambda would run.
struct Transformer(Function);

impl Transformer {
    fn start(storage: &Storage, database_url: &str) -> Self {
        let buckets = [("DEFINITIONS_BUCKET", Bucket::Plain.name()), ("CURATED_BUCKET", Bucket::Versioned.name())];
        Self(function("transformer", &format!("http://{}", storage.address), database_url, &buckets))
    }

    /// One that has a session already, in which the next COMMIT is that of a run's transforms.
    fn warm(storage: &Storage, database_url: &str) -> Self {
        let mut transformer = Self::start(storage, database_url);
        transformer.answer(&RunRequest::Sweep { execution: "arn:warm".to_owned() }).answer();
        transformer
    }

    fn answer(&mut self, request: &RunRequest) -> Outcome {
        let payload = serde_json::to_vec(request).unwrap();
        block_in_place(|| self.0.invoke(payload, TIME))
    }

    fn run(&mut self, run_id: i64) -> Outcome {
        self.run_as("arn:one", run_id)
    }

    fn run_as(&mut self, execution: &str, run_id: i64) -> Outcome {
        self.answer(&RunRequest::Run { execution: execution.to_owned(), run_id })
    }

    /// The run goes on while the test does something about it.
    fn begin(mut self, run_id: i64) -> JoinHandle<(Self, Outcome)> {
        spawn_blocking(move || {
            let payload = serde_json::to_vec(&RunRequest::Run { execution: "arn:one".to_owned(), run_id }).unwrap();
            let outcome = self.0.invoke(payload, TIME);
            (self, outcome)
        })
    }

    fn process(&self) -> Process {
        Process::of(&self.0)
    }
}

fn run_report(outcome: Outcome) -> RunReport {
    serde_json::from_value(outcome.answer()).unwrap()
}

/// A run that is ready: by a load, as the machine has it. The pipeline is this test's own.
async fn ready(storage: &Storage, loader: &mut Loader, pipeline: &str, batch: &str) -> i64 {
    let definition = definition(pipeline);
    storage.put(Bucket::Plain, &format!("pipelines/{pipeline}/pipeline.toml"), definition.clone()).await;
    storage.put(Bucket::Plain, &format!("pipelines/{pipeline}/totals.sql"), SCRIPT).await;
    let object = storage.put(Bucket::Plain, &format!("totals/{pipeline}-{batch}.csv"), orders(ROWS, batch)).await;
    let mut request = request(&object);
    request.pipeline = pipeline.to_owned();
    request.definition_hash = Definition::parse(pipeline, "pipeline.toml", &definition).unwrap().hash;
    request.definition = definition;
    report(loader.load(&request)).run.expect("a load of a pipeline with transforms is a run").run_id
}

/// Nothing of the run's transforms is there, and the run is still its execution's, to be tried again.
async fn check_nothing_is_visible(seen: &Seen, storage: &Storage, pipeline: &str, run_id: i64) {
    if seen.count("pg_tables where schemaname = 'analytics' and tablename = 'totals'").await > 0 {
        assert_eq!(seen.count(&format!("analytics.totals where run_id = {run_id}")).await, 0);
    }
    assert_eq!(seen.count(&format!("penstock.run_transform where run_id = {run_id}")).await, 0);
    let state = "state = 'Running' and execution_arn = 'arn:one' and transformed_at is null";
    assert_eq!(seen.count(&format!("penstock.run where run_id = {run_id} and {state}")).await, 1);
    assert_eq!(exports(storage, pipeline, run_id).await, [""; 0]);
}

/// Both halves once, the export written once, the same answer when it is asked for again, and nothing for another.
async fn check_done(seen: &Seen, storage: &Storage, transformer: &mut Transformer, pipeline: &str, run_id: i64) {
    let again = run_report(transformer.run(run_id));
    assert_eq!(again.outcome, RunOutcome::Succeeded);
    assert_eq!((again.transforms[0].rows, again.exports[0].rows), (2, 2));
    let another = run_report(transformer.run_as("arn:another", run_id));
    assert_eq!(another.outcome, RunOutcome::AlreadyClaimed);

    let totals = format!("analytics.totals where run_id = {run_id}");
    assert_eq!(seen.count(&totals).await, 2);
    assert_eq!(seen.count(&format!("{totals} and orders = {ROWS} and part in ('before', 'after')")).await, 2);
    assert_eq!(seen.count(&format!("penstock.run where run_id = {run_id} and state = 'Succeeded'")).await, 1);
    assert_eq!(exports(storage, pipeline, run_id).await, [format!("part,orders\nbefore,{ROWS}\nafter,{ROWS}\n")]);
}

/// What was ever written for this run.
async fn exports(storage: &Storage, pipeline: &str, run_id: i64) -> Vec<String> {
    storage.versions(Bucket::Versioned, &format!("{pipeline}/{run_id}.csv")).await
}

pub(crate) async fn a_database_that_stops_in_the_middle_of_a_transform_is_waited_for() -> String {
    let mut server = Server::start();
    let storage = storage().await;
    let mut loader = Loader::start(&format!("http://{}", storage.address), &server.url);
    let mut transformer = Transformer::start(storage, &server.url);
    for (name, end) in ENDS {
        let run_id = ready(storage, &mut loader, "stopped", name).await;
        let gate = server.seen().await;
        gate.run(CLOSE_THE_GATE).await;
        let run = transformer.begin(run_id);
        gate.wait_until(AT_THE_GATE, |waiting| waiting == 1).await;
        server.end(end, &gate, AT_THE_GATE).await;
        let outcome;
        (transformer, outcome) = run.await.unwrap();
        check_failure(&outcome, FailureName::DatabaseUnavailable);
        if let End::Server(_) = end {
            check_failure(&transformer.run(run_id), FailureName::DatabaseUnavailable);
            server.restart();
        } else {
            gate.run(OPEN_THE_GATE).await;
        }
        let seen = server.seen().await;
        check_nothing_is_visible(&seen, storage, "stopped", run_id).await;
        assert_eq!(run_report(transformer.run_as("arn:another", run_id)).outcome, RunOutcome::AlreadyClaimed);
        assert_eq!(run_report(transformer.run(run_id)).outcome, RunOutcome::Succeeded, "{name}");
        check_done(&seen, storage, &mut transformer, "stopped", run_id).await;
        seen.keeps_its_invariants().await;
    }
    let names = ENDS.map(|(name, _)| name).join(", ");
    format!("{names} between two statements: DatabaseUnavailable, nothing visible, the retry exact, one export")
}

pub(crate) async fn a_transformer_killed_in_the_middle_leaves_nothing_and_the_retry_runs_all() -> String {
    let ground = Ground::new().await;
    let storage = ground.storage;
    let mut loader = Loader::start(&format!("http://{}", storage.address), &ground.database.url);
    let run_id = ready(storage, &mut loader, "killed", "killed").await;
    ground.seen.run(CLOSE_THE_GATE).await;
    let transformer = Transformer::start(storage, &ground.database.url);
    let process = transformer.process();
    let run = transformer.begin(run_id);
    ground.seen.wait_until(AT_THE_GATE, |waiting| waiting == 1).await;
    process.kill();
    assert_eq!(run.await.unwrap().1, Outcome::Exited);
    let killed = Instant::now();
    // The gate is closed: PostgreSQL notices by itself that nobody waits for this statement any more.
    ground.seen.wait_until(AT_THE_GATE, |waiting| waiting == 0).await;
    let orphaned = killed.elapsed();
    assert!(orphaned < ORPHAN_TIME_MAX, "the session outlived its transformer by {orphaned:?}");
    check_nothing_is_visible(&ground.seen, storage, "killed", run_id).await;

    ground.seen.run(OPEN_THE_GATE).await;
    let mut another = Transformer::start(storage, &ground.database.url);
    assert_eq!(run_report(another.run(run_id)).outcome, RunOutcome::Succeeded);
    check_done(&ground.seen, storage, &mut another, "killed", run_id).await;
    ground.seen.keeps_its_invariants().await;
    format!(
        "killed between two statements: its session gone after {:.1} s, nothing visible, the retry exact, one export",
        orphaned.as_secs_f64()
    )
}

pub(crate) async fn a_run_whose_commit_is_unheard_transforms_nothing_twice() -> String {
    let ground = Ground::new().await;
    let storage = ground.storage;
    let (tap, url) = Tap::to_database(&ground.database.url);
    let mut loader = Loader::start(&format!("http://{}", storage.address), &ground.database.url);
    for (fault, is_committed) in [(Fault::LoseCommit, false), (Fault::LoseAnswer, true)] {
        let run_id = ready(storage, &mut loader, "unheard", &format!("{fault:?}")).await;
        let mut transformer = Transformer::warm(storage, &url);
        tap.arm(fault);
        check_failure(&transformer.run(run_id), FailureName::DatabaseUnavailable);
        if !is_committed {
            check_nothing_is_visible(&ground.seen, storage, "unheard", run_id).await;
        }
        assert_eq!(run_report(transformer.run(run_id)).outcome, RunOutcome::Succeeded, "{fault:?}");
        check_done(&ground.seen, storage, &mut transformer, "unheard", run_id).await;
    }

    // Killed when the tables are committed, and no export is written.
    let run_id = ready(storage, &mut loader, "unheard", "killed").await;
    let transformer = Transformer::warm(storage, &url);
    let process = transformer.process();
    tap.arm(Fault::HoldAnswer);
    let run = transformer.begin(run_id);
    block_in_place(|| tap.wait_until_met());
    process.kill();
    assert_eq!(run.await.unwrap().1, Outcome::Exited);
    tap.release();
    assert_eq!(ground.seen.count(&format!("analytics.totals where run_id = {run_id}")).await, 2);
    assert_eq!(exports(storage, "unheard", run_id).await, [""; 0]);
    let mut another = Transformer::start(storage, &ground.database.url);
    assert_eq!(run_report(another.run(run_id)).outcome, RunOutcome::Succeeded);
    check_done(&ground.seen, storage, &mut another, "unheard", run_id).await;
    ground.seen.keeps_its_invariants().await;
    "COMMIT lost, its answer lost, killed between COMMIT and export: the retry answers the same, tables and export once"
        .to_owned()
}
