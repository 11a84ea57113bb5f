//! `penstock reconcile`: the landing bucket against the ledger and the executions.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use contracts::FileKind;
use pipeline::{Catalog, Decision, OnNewVersion, Role, Start as StartsOn};
use serde::Serialize;

use super::by_version::ByVersion;
use super::judge::{Evidence, Standing, judge};
use super::landing::{self, Listed};
use super::ledger::{Entry, Ledger};
use super::start::{Start, Started, bare_event, start_all};
use super::traces::{self, Trace, Wanted};
use super::{dead_letters, definitions, shown};
use crate::cloud::Cloud;
use crate::local::StackEnv;
use crate::progress::Progress;
use crate::{Result, table};

/// What `reconcile` is asked for.
#[derive(Debug)]
pub(crate) struct ReconcileOptions {
    /// Only keys that begin so.
    pub(crate) prefix: String,
    pub(crate) since: Option<DateTime<Utc>>,
    /// A younger object may still have its event on the way.
    pub(crate) grace: TimeDelta,
    /// Start what was missed.
    pub(crate) start: bool,
    pub(crate) json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    bucket: String,
    /// How many object versions stand where.
    standings: BTreeMap<&'static str, usize>,
    /// Those that somebody has to do something about.
    open: Vec<Named>,
    /// Those of which nothing can be known any more.
    unknown: Vec<Named>,
    started: Vec<Started>,
}

#[derive(Debug, Serialize)]
struct Named {
    key: String,
    version_id: Option<String>,
    last_modified: Option<DateTime<Utc>>,
    standing: Standing,
}

/// One object version, and where it stands.
struct Judged {
    listed: Listed,
    standing: Standing,
    /// The event that it had, when an execution holds it.
    event: Option<String>,
}

/// False while an object version is open.
pub(crate) async fn reconcile(options: &ReconcileOptions, env: &StackEnv, progress: Progress) -> Result<bool> {
    let cloud = Cloud::of(env).await;
    let bucket = &env.landing_bucket;
    let step = progress.step("landing bucket");
    let mut listed = landing::versions(&cloud, bucket, &options.prefix).await?;
    listed.retain(|it| options.since.is_none_or(|since| it.object.event_time.is_none_or(|time| time >= since)));
    step.done(&format!("has {} object versions", listed.len()));
    let judged = judge_all(&cloud, env, listed, options.grace, progress).await?;

    let mut report = Report::of(bucket, &judged);
    if options.start {
        let starts = starts(&cloud, env, &judged).await?;
        report.started = start_all(&cloud, starts, progress).await?;
    }
    report.print(options.json)?;
    // What waits in the queue is not started from here.
    let is_left = |open: &Named| !options.start || open.standing == Standing::DeadLetter;
    Ok(!report.open.iter().any(is_left))
}

async fn judge_all(
    cloud: &Cloud,
    env: &StackEnv,
    listed: Vec<Listed>,
    grace: TimeDelta,
    progress: Progress,
) -> Result<Vec<Judged>> {
    let step = progress.step("ledger");
    let ledger = Ledger::open(env).await?.of_bucket(&env.landing_bucket).await?;
    let entries = by_version(&ledger);
    step.done(&format!("knows {} object versions", ledger.len()));

    let undecided = listed.iter().filter(|it| entries.get(&it.object).is_none()).filter_map(|it| it.object.event_time);
    let Some(oldest) = undecided.min() else {
        return Ok(listed.into_iter().map(|it| decided(it, &entries)).collect());
    };
    let step = progress.step("executions");
    let catalog = definitions::deployed(cloud, env).await?;
    let known = told_by_the_ledger(&ledger, &catalog);
    let wanted = Wanted { machine: &env.state_machine_arn, since: oldest, failed: false, known: &known };
    let mut traces = ByVersion::default();
    let found = traces::read(cloud, &wanted).await?;
    step.done(&format!("{} looked at", found.len()));
    for trace in found {
        traces.insert(&trace.object.clone(), trace, |before: &Trace, now| before.standing <= now.standing);
    }
    let mut letters = ByVersion::default();
    for (object, _) in dead_letters::waiting(cloud, env).await? {
        letters.insert(&object, (), |(), ()| true);
    }

    let (now, mut newer) = (Utc::now(), Newer::default());
    let one = |it: Listed| {
        let (object, trace) = (&it.object, traces.get(&it.object));
        let entry = entries.get(object).copied();
        let evidence = Evidence {
            entry,
            execution: trace.map(|trace| trace.standing),
            is_dead_letter: letters.get(object).is_some(),
            is_replaced: newer.is_loaded(&object.key, entry) && keeps_the_newest(&catalog, env, &object.key),
            is_ignored_by_name: matches!(FileKind::of_key(&object.key), Ok(FileKind::Ignored { .. })),
            age: object.event_time.map_or(TimeDelta::zero(), |time| now - time),
        };
        Judged { standing: judge(evidence, grace), event: trace.map(|trace| trace.input.clone()), listed: it }
    };
    Ok(listed.into_iter().map(one).collect())
}

fn by_version(ledger: &[Entry]) -> ByVersion<Standing> {
    let mut entries = ByVersion::default();
    for entry in ledger {
        if let Some(standing) = Standing::of_outcome(&entry.outcome) {
            entries.insert(&entry.object, standing, |before, now| before <= now);
        }
    }
    entries
}

fn decided(listed: Listed, entries: &ByVersion<Standing>) -> Judged {
    let standing = entries.get(&listed.object).copied().unwrap_or(Standing::Missed);
    Judged { listed, standing, event: None }
}

/// The executions whose object is the one in the ledger. Where a trigger starts the dataset, the execution is also the
/// only one that tells of the trigger.
fn told_by_the_ledger(ledger: &[Entry], catalog: &Catalog) -> HashSet<String> {
    let starts_on_its_source = |entry: &&Entry| {
        let definition = catalog.definitions().iter().find(|definition| definition.pipeline == entry.pipeline);
        let dataset = definition.and_then(|definition| definition.dataset(&entry.dataset));
        dataset.is_some_and(|dataset| matches!(dataset.start, StartsOn::Source))
    };
    ledger.iter().filter(starts_on_its_source).filter_map(|entry| entry.execution.clone()).collect()
}

/// Walks through the versions of keys, the newest of each first.
#[derive(Default)]
struct Newer {
    key: String,
    is_loaded: bool,
}

impl Newer {
    /// Whether a version of this key that was asked about before is loaded.
    fn is_loaded(&mut self, key: &str, entry: Option<Standing>) -> bool {
        if self.key != key {
            *self = Self { key: key.to_owned(), is_loaded: false };
        }
        let before = self.is_loaded;
        self.is_loaded |= matches!(entry, Some(Standing::Loaded | Standing::AlreadyLoaded));
        before
    }
}

/// Whether an older version of this key would change nothing, or worse, once a newer one is loaded.
fn keeps_the_newest(catalog: &Catalog, env: &StackEnv, key: &str) -> bool {
    match catalog.decide(&env.landing_bucket, &env.landing_bucket, key) {
        Decision::Load { claim, .. } => {
            claim.role != Role::Trigger && claim.dataset.on_new_version == OnNewVersion::Replace
        }
        Decision::Ignore { .. } | Decision::Refuse { .. } => false,
    }
}

/// What is open is started, with the event that it had or else with what S3 says of it. Without an event nothing tells
/// the order of two versions: of those that replace each other only the newest is started.
async fn starts(cloud: &Cloud, env: &StackEnv, judged: &[Judged]) -> Result<Vec<Start>> {
    let mut open: Vec<&Judged> = judged.iter().filter(|it| it.standing.is_open()).collect();
    open.retain(|it| it.standing != Standing::DeadLetter);
    if open.is_empty() {
        return Ok(Vec::new());
    }
    let catalog = definitions::deployed(cloud, env).await?;
    let mut last_key = None;
    let mut starts = Vec::new();
    for Judged { listed: Listed { object, .. }, event, .. } in open {
        let is_behind = last_key.replace(&object.key) == Some(&object.key);
        if is_behind && event.is_none() && keeps_the_newest(&catalog, env, &object.key) {
            continue;
        }
        let input = event.clone().map_or_else(|| bare_event(object), Ok)?;
        starts.push(Start { about: object.key.clone(), machine: env.state_machine_arn.clone(), name: None, input });
    }
    Ok(starts)
}

impl Report {
    fn of(bucket: &str, judged: &[Judged]) -> Self {
        let mut standings = BTreeMap::new();
        for it in judged {
            *standings.entry(it.standing.words()).or_default() += 1;
        }
        let named = |which: fn(Standing) -> bool| {
            judged.iter().filter(|it| which(it.standing)).map(Named::of).collect::<Vec<Named>>()
        };
        let unknown = named(|standing| standing == Standing::Unknown);
        Self { bucket: bucket.to_owned(), standings, open: named(Standing::is_open), unknown, started: Vec::new() }
    }

    fn print(&self, json: bool) -> Result<()> {
        if json {
            return table::print_json(self);
        }
        for (words, count) in &self.standings {
            table::say(&format!("{count:>8}  {words}"));
        }
        let named: Vec<&Named> = self.open.iter().chain(&self.unknown).collect();
        if !named.is_empty() {
            table::say("");
            let cells = |it: &&Named| {
                let time = it.last_modified.map(shown).unwrap_or_default();
                vec![it.key.clone(), it.version_id.clone().unwrap_or_default(), time, it.standing.words().to_owned()]
            };
            table::print(&["key", "version", "arrived", "standing"], &named.iter().map(cells).collect::<Vec<_>>());
        }
        table::say(&self.summary());
        Ok(())
    }

    fn summary(&self) -> String {
        let waiting = self.open.iter().filter(|it| it.standing == Standing::DeadLetter).count();
        let letters =
            if waiting > 0 { "; `penstock dead-letters --redrive` starts what waits in the queue" } else { "" };
        match (self.open.len(), self.started.len()) {
            (0, _) => "nothing was lost".to_owned(),
            (open, 0) if open > waiting => format!("{open} are open; --start starts what was missed{letters}"),
            (open, 0) => format!("{open} are open{letters}"),
            (_, started) => format!("{started} started; look again when they have ended{letters}"),
        }
    }
}

impl Named {
    fn of(judged: &Judged) -> Self {
        let object = &judged.listed.object;
        Self {
            key: object.key.clone(),
            version_id: object.version_id.clone(),
            last_modified: object.event_time,
            standing: judged.standing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_behind_a_loaded_one_have_a_newer_one() {
        fn check(versions: &[(&str, Option<Standing>)], expected: &[bool]) {
            let mut newer = Newer::default();
            let found: Vec<bool> = versions.iter().map(|(key, entry)| newer.is_loaded(key, *entry)).collect();
            assert_eq!(found, expected, "{versions:?}");
        }
        let loaded = Some(Standing::Loaded);
        check(&[("a", None), ("a", loaded), ("a", None), ("b", None)], &[false, false, true, false]);
        check(&[("a", loaded), ("a", None), ("a", None), ("b", None)], &[false, true, true, false]);
        check(&[("a", Some(Standing::Ignored)), ("a", None)], &[false, false]);
    }
}
