//! All that is known, put together: where each version stands, and which may be started.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use pipeline::{Catalog, KeyBucket, KeyDecision, KeyRole, StartsOn, version};
use protocol::{FileKind, ObjectRef};

use crate::by_version::ByVersion;
use crate::judge::{Evidence, Standing, judge};
use crate::landing::Listed;
use crate::ledger::Entry;
use crate::traces::Trace;

/// One object version, and where it stands.
#[derive(Debug)]
pub struct Judged {
    pub listed: Listed,
    pub standing: Standing,
    /// The best of its executions that the ledger does not know; it holds the event.
    pub trace: Option<Trace>,
    /// How many executions of it there are that the ledger does not know.
    pub executions: usize,
}

/// What the ledger tells of object versions.
#[derive(Debug)]
pub struct Ledger<'a> {
    entries: &'a [Entry],
    standings: ByVersion<Standing>,
}

impl<'a> Ledger<'a> {
    pub fn of(entries: &'a [Entry]) -> Self {
        let mut standings = ByVersion::default();
        for entry in entries {
            if let Some(standing) = Standing::of_outcome(&entry.outcome) {
                standings.insert(&entry.object, standing, keep_the_best);
            }
        }
        Self { entries, standings }
    }

    /// When the oldest version was written that the ledger does not know: of nothing older executions need be read.
    pub fn undecided_since(&self, listed: &[Listed]) -> Option<DateTime<Utc>> {
        let undecided = listed.iter().filter(|it| self.standings.get(&it.object).is_none());
        undecided.filter_map(|it| it.object.event_time).min()
    }

    /// The executions whose object is the one in the ledger. Where a trigger starts the dataset, the execution is also
    /// the only one that tells of the trigger.
    pub fn tells_all_of(&self, catalog: &Catalog) -> HashSet<String> {
        let starts_on_its_source = |entry: &&Entry| {
            let definition = catalog.definitions().iter().find(|definition| definition.pipeline == entry.pipeline);
            let dataset = definition.and_then(|definition| definition.dataset(&entry.dataset));
            dataset.is_some_and(|dataset| matches!(dataset.starts_on, StartsOn::Source))
        };
        self.entries.iter().filter(starts_on_its_source).filter_map(|entry| entry.execution.clone()).collect()
    }
}

/// All that there is to judge by.
#[derive(Debug)]
pub struct Known<'a> {
    pub landing_bucket: &'a str,
    pub ledger: &'a Ledger<'a>,
    pub catalog: &'a Catalog,
    pub executions: &'a Executions,
    pub dead_letters: &'a ByVersion<()>,
    pub now: DateTime<Utc>,
    /// A younger object may still have its event on the way.
    pub grace: TimeDelta,
}

/// The executions of each version: the best of them, and how many there are.
#[derive(Debug, Default)]
pub struct Executions(ByVersion<(Trace, usize)>);

impl Executions {
    pub fn of(traces: Vec<Trace>) -> Self {
        let mut executions = ByVersion::default();
        for trace in traces {
            executions.insert(&trace.object.clone(), (trace, 1), |(best, count), (trace, _)| {
                *count += 1;
                if trace.standing < best.standing {
                    *best = trace;
                }
            });
        }
        Self(executions)
    }
}

/// Dead letters, by the versions that their events name.
pub fn dead_letters<'a>(objects: impl IntoIterator<Item = &'a ObjectRef>) -> ByVersion<()> {
    let mut letters = ByVersion::default();
    for object in objects {
        letters.insert(object, (), |(), ()| {});
    }
    letters
}

impl Known<'_> {
    /// `listed` has the newest version of each key first.
    pub fn judge(&self, listed: Vec<Listed>) -> Vec<Judged> {
        let mut newer = Newer::default();
        listed.into_iter().map(|it| self.judge_one(it, &mut newer)).collect()
    }

    fn judge_one(&self, listed: Listed, newer: &mut Newer) -> Judged {
        let object = &listed.object;
        let entry = self.ledger.standings.get(object).copied();
        let (trace, executions) = self.executions.0.get(object).cloned().unzip();
        let evidence = Evidence {
            entry,
            execution: trace.as_ref().map(|trace: &Trace| trace.standing),
            is_dead_letter: self.dead_letters.get(object).is_some(),
            is_replaced: newer.is_loaded(&object.key, entry) && self.keeps_the_newest(&object.key),
            is_ignored_by_name: matches!(FileKind::of_key(&object.key), Ok(FileKind::Ignored { .. })),
            age: object.event_time.map_or(TimeDelta::zero(), |time| self.now - time),
        };
        let standing = judge(evidence, self.grace);
        Judged { standing, trace, executions: executions.unwrap_or_default(), listed }
    }

    /// Those of which `wanted` says so that can be started, each with the event that it had or else with what S3 says of
    /// it. Without an event nothing tells the order of two versions that replace each other: an older one is left out
    /// while a newer one may still load, and is replaced when that has loaded.
    pub fn startable<'a>(&self, judged: &'a [Judged], wanted: impl Fn(Standing) -> bool) -> Vec<&'a Judged> {
        let (mut key, mut may_still_load) = ("", false);
        let mut startable = Vec::new();
        for it in judged {
            let of_this = it.listed.object.key.as_str();
            may_still_load &= key == of_this;
            key = of_this;
            let would_overtake = may_still_load && it.trace.is_none() && self.keeps_the_newest(key);
            if wanted(it.standing) && !would_overtake {
                startable.push(it);
            }
            may_still_load |= it.standing.may_still_load();
        }
        startable
    }

    /// Whether an older version of this key would change nothing, or worse, once a newer one is loaded.
    fn keeps_the_newest(&self, key: &str) -> bool {
        match self.catalog.decide(KeyBucket::Landing(Some(self.landing_bucket)), key) {
            KeyDecision::Load { matched, .. } => {
                matched.role != KeyRole::Trigger && version::supersedes_older(matched.dataset)
            }
            KeyDecision::Ignore { .. } | KeyDecision::Fail { .. } => false,
        }
    }
}

fn keep_the_best(known: &mut Standing, new: Standing) {
    *known = new.min(*known);
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

#[cfg(test)]
mod tests {
    use pipeline::Definition;

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

    /// Versions of keys, the newest of each first, named by their key and number.
    fn startable(more: &str, versions: &[(&str, Standing, bool)]) -> Vec<usize> {
        let text = format!("[datasets.d]\nsource = \"{{n}}.csv\"\ntable = \"t\"\ncolumns.a = \"text\"\n{more}");
        let catalog = Catalog::new(vec![Definition::parse("p", "pipeline.toml", &text).unwrap()]).unwrap();
        let known = Known {
            landing_bucket: "b",
            ledger: &Ledger::of(&[]),
            catalog: &catalog,
            executions: &Executions::default(),
            dead_letters: &ByVersion::default(),
            now: DateTime::UNIX_EPOCH,
            grace: TimeDelta::zero(),
        };
        let judge = |(number, (key, standing, has_event)): (usize, &(&str, Standing, bool))| {
            let object = ObjectRef { size_bytes: u64::try_from(number).ok(), ..ObjectRef::new("b", *key) };
            let trace = Trace { object: object.clone(), standing: *standing, input: String::new() };
            let listed = Listed { object, is_latest: false };
            let trace = has_event.then_some(trace);
            Judged { executions: usize::from(trace.is_some()), trace, listed, standing: *standing }
        };
        let judged: Vec<Judged> = versions.iter().enumerate().map(judge).collect();
        let number = |it: &&Judged| usize::try_from(it.listed.object.size_bytes.unwrap()).unwrap();
        known.startable(&judged, Standing::starts_unattended).iter().map(number).collect()
    }

    #[test]
    fn an_older_version_without_an_event_never_overtakes_a_newer_one() {
        use Standing::{Arriving, DeadLetter, Failed, Missed, Running, Stopped, Unnoticed};
        fn check(versions: &[(&str, Standing, bool)], expected: &[usize]) {
            assert_eq!(startable("", versions), expected, "{versions:?}");
        }
        let missed = |key| (key, Missed, false);
        check(&[missed("a.csv"), missed("b.csv")], &[0, 1]);
        check(&[missed("a.csv"), missed("a.csv"), missed("b.csv"), missed("b.csv")], &[0, 2]);
        for newer in [Running, Arriving, DeadLetter, Stopped] {
            check(&[("a.csv", newer, true), missed("a.csv"), missed("b.csv")], &[2]);
            check(&[("a.csv", newer, true), ("a.csv", Unnoticed, true)], &[1]);
        }
        check(&[("a.csv", Failed, true), missed("a.csv")], &[1]);
        check(&[missed("unknown.txt.gz"), missed("unknown.txt.gz")], &[0, 1]);
        let every_version = startable("on_new_version = \"append\"", &[missed("a.csv"), missed("a.csv")]);
        assert_eq!(every_version, [0, 1]);
    }

    #[test]
    fn only_what_nobody_decides_about_starts_unattended() {
        use Standing::{
            AlreadyLoaded, Arriving, DeadLetter, Failed, Ignored, Loaded, Missed, Running, Stopped, Superseded,
            Unknown, Unnoticed,
        };
        for standing in [Missed, Unnoticed] {
            assert!(standing.starts_unattended() && standing.is_open(), "{standing:?}");
        }
        for standing in
            [Loaded, AlreadyLoaded, Superseded, Ignored, Failed, Running, Arriving, Unknown, Stopped, DeadLetter]
        {
            assert!(!standing.starts_unattended(), "{standing:?}");
        }
    }
}
