//! A model of the load protocol: check the ledger, claim, copy, commit, reply. Several workers load versions of one key,
//! and each may crash between two steps. The model is small enough to explore every interleaving.

use std::collections::{HashMap, VecDeque};

use protocol::LoadOutcome::{self, AlreadyLoaded, Loaded, Superseded};

use crate::pick;

/// Numbers of object versions, in the order of their sequencers.
pub(crate) type Version = usize;
pub(crate) type Execution = usize;

/// The key's rows in `penstock.load`, in the order of their commits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct ModelLedger(Vec<ModelRow>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ModelRow {
    version: Version,
    execution: Execution,
    is_loaded: bool,
}

impl ModelLedger {
    /// Returns the outcome of a version that has a row. None without a row.
    pub(crate) fn find(&self, version: Version, execution: Execution) -> Option<LoadOutcome> {
        let row = self.0.iter().find(|row| row.version == version)?;
        Some(match (row.is_loaded, row.execution == execution) {
            (true, true) => Loaded,
            (true, false) => AlreadyLoaded,
            (false, _) => Superseded,
        })
    }

    /// Returns the outcome of a version without a row.
    pub(crate) fn decide(&self, version: Version) -> LoadOutcome {
        if self.newest() > Some(version) { Superseded } else { Loaded }
    }

    pub(crate) fn commit(&mut self, version: Version, execution: Execution, outcome: LoadOutcome) {
        self.0.push(ModelRow { version, execution, is_loaded: outcome == Loaded });
    }

    /// Returns the version that the table must hold.
    pub(crate) fn newest(&self) -> Option<Version> {
        self.0.iter().filter(|row| row.is_loaded).map(|row| row.version).max()
    }

    pub(crate) fn rows(&self) -> usize {
        self.0.len()
    }
}

/// The last step of a worker. After a crash, the execution's retry starts at `Delivered`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Delivered,
    /// The version had no row before the claim.
    Checked,
    /// Holds the key's lock, with the outcome decided under it.
    Claimed(LoadOutcome),
    Copied(LoadOutcome),
    /// The ledger has the row, and the worker has not replied.
    Recorded(LoadOutcome),
    Replied(LoadOutcome),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Worker {
    version: Version,
    execution: Execution,
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ModelState {
    ledger: ModelLedger,
    /// The version whose rows are in the table.
    table: Option<Version>,
    workers: Vec<Worker>,
    crashes_left: usize,
    /// False for a wrong protocol, in which the exploration must find a violation.
    has_lock: bool,
}

/// A worker and the name of its step.
type Step = (usize, &'static str);

impl ModelState {
    /// Creates one worker and one execution for each delivery.
    fn new(deliveries: &[Version], crashes: usize, has_lock: bool) -> Self {
        let worker = |(execution, version): (Execution, &Version)| Worker {
            version: *version,
            execution,
            phase: Phase::Delivered,
        };
        let workers = deliveries.iter().enumerate().map(worker).collect();
        Self { ledger: ModelLedger::default(), table: None, workers, crashes_left: crashes, has_lock }
    }

    fn steps(&self) -> Vec<(Step, Self)> {
        (0..self.workers.len()).flat_map(|at| [self.step(at), self.crash(at)]).flatten().collect()
    }

    fn step(&self, at: usize) -> Option<(Step, Self)> {
        let Worker { version, execution, phase } = self.workers[at];
        let mut next = self.clone();
        let found = || self.ledger.find(version, execution).map(Phase::Recorded);
        let (name, phase) = match phase {
            Phase::Delivered => ("checks", found().unwrap_or(Phase::Checked)),
            Phase::Checked if self.is_locked() => return None,
            Phase::Checked => ("claims", found().unwrap_or_else(|| Phase::Claimed(self.ledger.decide(version)))),
            Phase::Claimed(outcome) => ("copies", Phase::Copied(outcome)),
            Phase::Copied(outcome) => {
                next.ledger.commit(version, execution, outcome);
                if outcome == Loaded {
                    next.table = Some(version);
                }
                ("commits", Phase::Recorded(outcome))
            }
            Phase::Recorded(outcome) => ("replies", Phase::Replied(outcome)),
            Phase::Replied(_) => return None,
        };
        next.workers[at].phase = phase;
        Some(((at, name), next))
    }

    /// Resets a worker. Its uncommitted work is lost.
    fn crash(&self, at: usize) -> Option<(Step, Self)> {
        let is_at_work = !matches!(self.workers[at].phase, Phase::Delivered | Phase::Replied(_));
        (is_at_work && self.crashes_left > 0).then(|| {
            let mut next = self.clone();
            next.workers[at].phase = Phase::Delivered;
            next.crashes_left -= 1;
            ((at, "crashes"), next)
        })
    }

    fn is_locked(&self) -> bool {
        self.has_lock && self.workers.iter().any(|worker| matches!(worker.phase, Phase::Claimed(_) | Phase::Copied(_)))
    }

    fn violation(&self) -> Option<&'static str> {
        let rows = &self.ledger.0;
        if rows.iter().any(|row| rows.iter().filter(|other| other.version == row.version).count() > 1) {
            return Some("a version has two rows in the ledger");
        }
        if self.table != self.ledger.newest() {
            return Some("the table does not hold the highest loaded version");
        }
        let loaded: Vec<Version> =
            self.workers.iter().filter(|w| w.phase == Phase::Replied(Loaded)).map(|worker| worker.version).collect();
        if loaded.iter().any(|version| loaded.iter().filter(|other| *other == version).count() > 1) {
            return Some("two executions reported Loaded for one version");
        }
        None
    }

    /// Returns the violation of a state in which no worker can take a step.
    fn unfinished(&self) -> Option<&'static str> {
        if !self.workers.iter().all(|worker| matches!(worker.phase, Phase::Replied(_))) {
            return Some("a delivery has no reply");
        }
        let highest = self.workers.iter().map(|worker| worker.version).max();
        (self.table != highest).then_some("the highest delivered version is not in the table")
    }
}

struct Exploration {
    states: usize,
    violation: Option<String>,
}

/// Explores breadth first, so that the steps to a violation are fewest.
fn explore(start: ModelState) -> Exploration {
    let mut reached_by: HashMap<ModelState, Option<(ModelState, Step)>> = HashMap::from([(start.clone(), None)]);
    let mut queue = VecDeque::from([start]);
    while let Some(state) = queue.pop_front() {
        let steps = state.steps();
        let violation = state.violation().or_else(|| steps.is_empty().then(|| state.unfinished()).flatten());
        if let Some(violation) = violation {
            let violation = Some(format!("{violation}: {}", steps_to(&state, &reached_by)));
            return Exploration { states: reached_by.len(), violation };
        }
        for (step, next) in steps {
            if !reached_by.contains_key(&next) {
                reached_by.insert(next.clone(), Some((state.clone(), step)));
                queue.push_back(next);
            }
        }
    }
    Exploration { states: reached_by.len(), violation: None }
}

fn steps_to(state: &ModelState, reached_by: &HashMap<ModelState, Option<(ModelState, Step)>>) -> String {
    let mut steps = Vec::new();
    let mut at = state;
    while let Some(Some((before, (worker, step)))) = reached_by.get(at) {
        steps.push(format!("{worker} {step}"));
        at = before;
    }
    steps.reverse();
    steps.join(", ")
}

pub(crate) async fn every_interleaving_keeps_invariants() -> String {
    let crashes = pick(2, 4);
    let mut states = 0;
    for deliveries in [&[0, 0, 0, 0][..], &[0, 1, 1, 2], &[2, 1, 0, 2], &[0, 1, 2, 3]] {
        let exploration = explore(ModelState::new(deliveries, crashes, true));
        assert_eq!(exploration.violation, None, "deliveries {deliveries:?}");
        states += exploration.states;
    }
    // The exploration must find the violation of a wrong protocol.
    let unlocked = explore(ModelState::new(&[0, 1], 0, false)).violation;
    assert!(unlocked.is_some(), "no violation found without the lock");
    format!("{states} states of 4 deliveries and {crashes} crashes, no violation; without the lock one is found")
}
