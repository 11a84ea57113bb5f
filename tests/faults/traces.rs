//! Traces that the model may take, walked by real loaders on a real ledger.

use std::fmt::Debug;
use std::hash::{BuildHasher, Hasher, RandomState};

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy};
use proptest::prop_oneof;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use protocol::{LoadOutcome, LoadRequest};
use test_support::runtime_api::Outcome;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::environment::{Bucket, Environment, LoaderProcess, load_report, orders, request};
use crate::fault_proxy::{FaultProxy, ProxyFault};
use crate::model::{Execution, Ledger, Version};
use crate::pick;

const VERSIONS: usize = 4;
/// Large enough that half of a body does not fit into what is on the way already.
const ROWS: usize = 20_000;

#[derive(Clone, Copy, Debug)]
struct Delivery {
    version: Version,
    /// Whether the execution is that of the version's first delivery, trying again.
    is_retry: bool,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Lives,
    DiesBeforeCommit,
    DiesAfterCommit,
}

fn deliveries() -> impl Strategy<Value = Vec<Delivery>> {
    let fate = prop_oneof![3 => Just(Fate::Lives), 1 => Just(Fate::DiesBeforeCommit), 1 => Just(Fate::DiesAfterCommit)];
    let delivery = (0..VERSIONS, proptest::bool::ANY, fate).prop_map(|(version, is_retry, fate)| Delivery {
        version,
        is_retry,
        fate,
    });
    vec(delivery, 1..10)
}

/// One key, from its first delivery to its last.
struct Walk<'a> {
    environment: &'a Environment,
    storage: &'a FaultProxy,
    database: (&'a FaultProxy, &'a str),
    requests: Vec<LoadRequest>,
    customers: Vec<String>,
    ledger: Ledger,
    deliveries: usize,
}

impl Walk<'_> {
    fn loader(&self) -> LoaderProcess {
        LoaderProcess::start(&format!("http://{}", self.storage.address), self.database.1)
    }

    /// Does in the model and with a process what the delivery says, and compares.
    async fn deliver(&mut self, Delivery { version, is_retry, fate }: Delivery) {
        self.deliveries += 1;
        let execution: Execution = if is_retry { version } else { VERSIONS + self.deliveries };
        let mut request = self.requests[version].clone();
        request.execution = Some(format!("arn:aws:states:::execution:process-file:{}-{execution}", request.object.key));

        let found = self.ledger.find(version, execution);
        let outcome = found.unwrap_or_else(|| self.ledger.decide(version));
        // Who finds the version has no transaction to die in.
        let fate = if found.is_some() { Fate::Lives } else { fate };
        if found.is_none() && fate != Fate::DiesBeforeCommit {
            self.ledger.commit(version, execution, outcome);
        }
        match fate {
            Fate::Lives => assert_eq!(load_report(self.loader().load(&request)).outcome, outcome),
            Fate::DiesBeforeCommit if outcome == LoadOutcome::Loaded => {
                self.die(&request, self.storage, ProxyFault::Stall { after_bytes: ROWS }).await;
            }
            // One that is superseded does not read the body.
            Fate::DiesBeforeCommit => self.die(&request, self.storage, ProxyFault::Stall { after_bytes: 0 }).await,
            Fate::DiesAfterCommit => self.die(&request, self.database.0, ProxyFault::HoldReply).await,
        }
        self.compare().await;
    }

    async fn die(&self, request: &LoadRequest, proxy: &FaultProxy, fault: ProxyFault) {
        proxy.arm(fault);
        let loader = self.loader();
        let process = loader.process();
        let load = loader.begin(request);
        block_in_place(|| proxy.wait_for_fault());
        process.kill();
        assert_eq!(load.await.unwrap().1, Outcome::Exited);
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
    let walk = async |trace: &[Delivery]| {
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
        let ledger = Ledger::default();
        let mut walk =
            Walk { environment: &environment, storage: &storage, database, requests, customers, ledger, deliveries: 0 };
        for delivery in trace {
            walk.deliver(*delivery).await;
        }
        deliveries_made += trace.len();
    };
    sample(seed, traces, &deliveries(), walk);
    environment.session.check_invariants().await;
    format!(
        "seed {seed}: {traces} traces of {deliveries_made} deliveries, kills among them: outcome, ledger and table as the model says"
    )
}

/// Given to replay a failure, else a new one.
fn seed() -> u64 {
    match std::env::var("FAULTS_SEED") {
        Ok(seed) => seed.parse().expect("FAULTS_SEED is a number"),
        Err(_) => RandomState::new().build_hasher().finish(),
    }
}

/// Runs traces until one fails, then looks for a shorter one that fails as well, and says how to see it again.
fn sample<T: Debug>(
    seed: u64,
    cases: usize,
    strategy: &impl Strategy<Value = Vec<T>>,
    mut walk: impl AsyncFnMut(&[T]),
) {
    let cases = u32::try_from(cases).unwrap();
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 100, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let walk = std::cell::RefCell::new(&mut walk);
    let result = runner.run(strategy, |trace| {
        block_in_place(|| Handle::current().block_on((walk.borrow_mut())(&trace)));
        Ok(())
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(reason, trace)) => {
            panic!(
                "{reason}\nthe shortest trace that fails: {trace:#?}\nreplay: FAULTS_SEED={seed} cargo test --test faults model_says"
            )
        }
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}
