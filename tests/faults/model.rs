//! The protocol of a load in miniature: look, claim, copy, commit, reply, by several workers on versions of one key, with
//! a death between any two steps. Small enough that every interleaving is looked at.

use std::collections::{HashMap, VecDeque};

use protocol::LoadOutcome::{self, AlreadyLoaded, Loaded, Superseded};

use crate::pick;

/// Their order is that of the sequencers.
pub(crate) type Version = usize;
pub(crate) type Execution = usize;

/// A key's rows in `penstock.load`, in the order of their commits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Ledger(Vec<Row>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Row {
    version: Version,
    execution: Execution,
    is_loaded: bool,
}

impl Ledger {
    /// What a worker is told that finds its version here: its own load once more, or that it was done before.
    pub(crate) fn find(&self, version: Version, execution: Execution) -> Option<LoadOutcome> {
        let row = self.0.iter().find(|row| row.version == version)?;
        Some(match (row.is_loaded, row.execution == execution) {
            (true, true) => Loaded,
            (true, false) => AlreadyLoaded,
            (false, _) => Superseded,
        })
    }

    /// What becomes of a version that is not here.
    pub(crate) fn decide(&self, version: Version) -> LoadOutcome {
        if self.newest() > Some(version) { Superseded } else { Loaded }
    }

    pub(crate) fn commit(&mut self, version: Version, execution: Execution, outcome: LoadOutcome) {
        self.0.push(Row { version, execution, is_loaded: outcome == Loaded });
    }

    /// The version whose rows the table should have.
    pub(crate) fn newest(&self) -> Option<Version> {
        self.0.iter().filter(|row| row.is_loaded).map(|row| row.version).max()
    }

    pub(crate) fn rows(&self) -> usize {
        self.0.len()
    }
}

/// Where a worker is; it dies between two of these, and its execution's retry begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Delivered,
    /// Not found before the claim.
    Looked,
    /// Behind the key's lock, with what it decided there.
    Claimed(LoadOutcome),
    Copied(LoadOutcome),
    /// Committed or found, and nobody has been told.
    Settled(LoadOutcome),
    Answered(LoadOutcome),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Worker {
    version: Version,
    execution: Execution,
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    ledger: Ledger,
    /// The version whose rows are in the table.
    table: Option<Version>,
    workers: Vec<Worker>,
    deaths_left: usize,
    /// Without it the protocol is wrong, and the exploration has to say so.
    has_lock: bool,
}

/// What one worker did, for the way to a violation.
type Step = (usize, &'static str);

impl World {
    /// One worker for each delivery; each is an execution of its own.
    fn new(deliveries: &[Version], deaths: usize, has_lock: bool) -> Self {
        let worker = |(execution, version): (Execution, &Version)| Worker {
            version: *version,
            execution,
            phase: Phase::Delivered,
        };
        let workers = deliveries.iter().enumerate().map(worker).collect();
        Self { ledger: Ledger::default(), table: None, workers, deaths_left: deaths, has_lock }
    }

    fn steps(&self) -> Vec<(Step, Self)> {
        (0..self.workers.len()).flat_map(|at| [self.step(at), self.death(at)]).flatten().collect()
    }

    fn step(&self, at: usize) -> Option<(Step, Self)> {
        let Worker { version, execution, phase } = self.workers[at];
        let mut next = self.clone();
        let found = || self.ledger.find(version, execution).map(Phase::Settled);
        let (name, phase) = match phase {
            Phase::Delivered => ("looks", found().unwrap_or(Phase::Looked)),
            Phase::Looked if self.is_locked() => return None,
            Phase::Looked => ("claims", found().unwrap_or_else(|| Phase::Claimed(self.ledger.decide(version)))),
            Phase::Claimed(outcome) => ("copies", Phase::Copied(outcome)),
            Phase::Copied(outcome) => {
                next.ledger.commit(version, execution, outcome);
                if outcome == Loaded {
                    next.table = Some(version);
                }
                ("commits", Phase::Settled(outcome))
            }
            Phase::Settled(outcome) => ("answers", Phase::Answered(outcome)),
            Phase::Answered(_) => return None,
        };
        next.workers[at].phase = phase;
        Some(((at, name), next))
    }

    /// Whatever is not committed is gone with it.
    fn death(&self, at: usize) -> Option<(Step, Self)> {
        let is_at_work = !matches!(self.workers[at].phase, Phase::Delivered | Phase::Answered(_));
        (is_at_work && self.deaths_left > 0).then(|| {
            let mut next = self.clone();
            next.workers[at].phase = Phase::Delivered;
            next.deaths_left -= 1;
            ((at, "dies"), next)
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
            return Some("the table is not the highest sequencer's");
        }
        let loaded: Vec<Version> =
            self.workers.iter().filter(|w| w.phase == Phase::Answered(Loaded)).map(|worker| worker.version).collect();
        if loaded.iter().any(|version| loaded.iter().filter(|other| *other == version).count() > 1) {
            return Some("two executions were told that they loaded one version");
        }
        None
    }

    /// What holds when nobody can go on.
    fn unfinished(&self) -> Option<&'static str> {
        if !self.workers.iter().all(|worker| matches!(worker.phase, Phase::Answered(_))) {
            return Some("a delivery is never answered");
        }
        let highest = self.workers.iter().map(|worker| worker.version).max();
        (self.table != highest).then_some("the highest version that was delivered is not in the table")
    }
}

struct Explored {
    states: usize,
    violation: Option<String>,
}

/// Breadth first, so that the way to a violation is a shortest one.
fn explore(start: World) -> Explored {
    let mut came_by: HashMap<World, Option<(World, Step)>> = HashMap::from([(start.clone(), None)]);
    let mut open = VecDeque::from([start]);
    while let Some(world) = open.pop_front() {
        let steps = world.steps();
        let violation = world.violation().or_else(|| steps.is_empty().then(|| world.unfinished()).flatten());
        if let Some(violation) = violation {
            let violation = Some(format!("{violation}: {}", way_to(&world, &came_by)));
            return Explored { states: came_by.len(), violation };
        }
        for (step, next) in steps {
            if !came_by.contains_key(&next) {
                came_by.insert(next.clone(), Some((world.clone(), step)));
                open.push_back(next);
            }
        }
    }
    Explored { states: came_by.len(), violation: None }
}

fn way_to(world: &World, came_by: &HashMap<World, Option<(World, Step)>>) -> String {
    let mut steps = Vec::new();
    let mut at = world;
    while let Some(Some((before, (worker, step)))) = came_by.get(at) {
        steps.push(format!("{worker} {step}"));
        at = before;
    }
    steps.reverse();
    steps.join(", ")
}

pub(crate) async fn every_interleaving_keeps_invariants() -> String {
    let deaths = pick(2, 4);
    let mut states = 0;
    for deliveries in [&[0, 0, 0, 0][..], &[0, 1, 1, 2], &[2, 1, 0, 2], &[0, 1, 2, 3]] {
        let explored = explore(World::new(deliveries, deaths, true));
        assert_eq!(explored.violation, None, "deliveries {deliveries:?}");
        states += explored.states;
    }
    // The exploration sees what it is for.
    let unlocked = explore(World::new(&[0, 1], 0, false)).violation;
    assert!(unlocked.is_some(), "a protocol without its lock passes");
    format!("{states} states of 4 deliveries and {deaths} deaths, no violation; without the lock one is found")
}
