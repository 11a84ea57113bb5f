//! Random traces of the model, replayed by real loaders on a real ledger.

use std::fmt::Debug;
use std::hash::{BuildHasher, Hasher, RandomState};

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy};
use proptest::prop_oneof;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use protocol::{LoadOutcome, LoadRequest};
use test_support::runtime_api::InvocationOutcome;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::environment::{Bucket, Environment, LoaderProcess, load_report, orders, request};
use crate::fault_proxy::{FaultProxy, ProxyFault};
use crate::model::{Execution, ModelLedger, Version};
use crate::pick;

const VERSIONS: usize = 4;
/// Large enough that half of the body does not fit into the socket buffers.
const ROWS: usize = 20_000;

#[derive(Clone, Copy, Debug)]
struct Delivery {
    version: Version,
    /// True for a retry by the execution of the version's first delivery.
    is_retry: bool,
    crash: Crash,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Crash {
    Never,
    BeforeCommit,
    AfterCommit,
}

fn deliveries() -> impl Strategy<Value = Vec<Delivery>> {
    let crash = prop_oneof![3 => Just(Crash::Never), 1 => Just(Crash::BeforeCommit), 1 => Just(Crash::AfterCommit)];
    let delivery = (0..VERSIONS, proptest::bool::ANY, crash).prop_map(|(version, is_retry, crash)| Delivery {
        version,
        is_retry,
        crash,
    });
    vec(delivery, 1..10)
}

/// The replay of one trace on one key.
struct Replay<'a> {
    environment: &'a Environment,
    storage: &'a FaultProxy,
    database: (&'a FaultProxy, &'a str),
    requests: Vec<LoadRequest>,
    customers: Vec<String>,
    ledger: ModelLedger,
    deliveries: usize,
}

impl Replay<'_> {
    fn loader(&self) -> LoaderProcess {
        LoaderProcess::start(&format!("http://{}", self.storage.address), self.database.1)
    }

    /// Makes the delivery in the model and with a process, and compares.
    async fn deliver(&mut self, Delivery { version, is_retry, crash }: Delivery) {
        self.deliveries += 1;
        let execution: Execution = if is_retry { version } else { VERSIONS + self.deliveries };
        let mut request = self.requests[version].clone();
        request.execution = Some(format!("arn:aws:states:::execution:process-file:{}-{execution}", request.object.key));

        let found = self.ledger.find(version, execution);
        let outcome = found.unwrap_or_else(|| self.ledger.decide(version));
        // A delivery whose version has a row opens no transaction.
        let crash = if found.is_some() { Crash::Never } else { crash };
        if found.is_none() && crash != Crash::BeforeCommit {
            self.ledger.commit(version, execution, outcome);
        }
        match crash {
            Crash::Never => assert_eq!(load_report(self.loader().load(&request)).outcome, outcome),
            Crash::BeforeCommit if outcome == LoadOutcome::Loaded => {
                self.crash(&request, self.storage, ProxyFault::Stall { after_bytes: ROWS }).await;
            }
            // A superseded load does not read the body.
            Crash::BeforeCommit => self.crash(&request, self.storage, ProxyFault::Stall { after_bytes: 0 }).await,
            Crash::AfterCommit => self.crash(&request, self.database.0, ProxyFault::HoldReply).await,
        }
        self.compare().await;
    }

    async fn crash(&self, request: &LoadRequest, proxy: &FaultProxy, fault: ProxyFault) {
        proxy.arm(fault);
        let loader = self.loader();
        let process = loader.process();
        let load = loader.begin(request);
        block_in_place(|| proxy.wait_for_fault());
        process.kill();
        assert_eq!(load.await.unwrap().1, InvocationOutcome::Exited);
        proxy.release();
    }

    async fn compare(&self) {
        let key = &self.requests[0].object.key;
        let rows = self.environment.session.count(&format!("penstock.load where key = '{key}'")).await;
        assert_eq!(usize::try_from(rows).unwrap(), self.ledger.rows(), "rows in the ledger");
        for (version, customer) in self.customers.iter().enumerate() {
            if self.ledger.newest() == Some(version) {
                self.environment.session.check_rows(ROWS, customer).await;
            } else {
                assert_eq!(self.environment.session.count_rows(customer).await, 0, "rows of version {version}");
            }
        }
    }
}

pub(crate) async fn loader_matches_the_model() -> String {
    let environment = Environment::new().await;
    drop(environment.warm(environment.loader()).await);
    let storage = FaultProxy::before(environment.storage.address);
    let (database, url) = FaultProxy::before_database(&environment.database.url);
    let (seed, traces) = (seed(), pick(6, 100));
    let (mut keys, mut deliveries_made) = (0, 0);
    let replay = async |trace: &[Delivery]| {
        keys += 1;
        let key = format!("faults/trace-{keys}.csv");
        let customers: Vec<String> = (0..VERSIONS).map(|version| format!("trace {keys} version {version}")).collect();
        let mut requests = Vec::new();
        for (version, customer) in customers.iter().enumerate() {
            let mut object = environment.storage.put(Bucket::Versioned, &key, orders(ROWS, customer)).await;
            object.sequencer = Some(format!("{:x}", 0xF + version));
            requests.push(request(&object));
        }
        let database = (&database, url.as_str());
        let ledger = ModelLedger::default();
        let mut replay = Replay {
            environment: &environment,
            storage: &storage,
            database,
            requests,
            customers,
            ledger,
            deliveries: 0,
        };
        for delivery in trace {
            replay.deliver(*delivery).await;
        }
        deliveries_made += trace.len();
    };
    run_traces(seed, traces, &deliveries(), replay);
    environment.session.check_invariants().await;
    format!(
        "seed {seed}: {traces} traces of {deliveries_made} deliveries, with kills: outcome, ledger and table match the model"
    )
}

/// Returns `FAULTS_SEED`, or a random seed.
fn seed() -> u64 {
    match std::env::var("FAULTS_SEED") {
        Ok(seed) => seed.parse().expect("FAULTS_SEED is a number"),
        Err(_) => RandomState::new().build_hasher().finish(),
    }
}

/// Runs random traces. When one fails, shrinks it and panics with the command that replays it.
fn run_traces<T: Debug>(
    seed: u64,
    cases: usize,
    strategy: &impl Strategy<Value = Vec<T>>,
    mut replay: impl AsyncFnMut(&[T]),
) {
    let cases = u32::try_from(cases).unwrap();
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 100, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let replay = std::cell::RefCell::new(&mut replay);
    let result = runner.run(strategy, |trace| {
        block_in_place(|| Handle::current().block_on((replay.borrow_mut())(&trace)));
        Ok(())
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(reason, trace)) => {
            panic!(
                "{reason}\nshortest failing trace: {trace:#?}\nto replay it: FAULTS_SEED={seed} cargo test --test faults matches_the_model"
            )
        }
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}
