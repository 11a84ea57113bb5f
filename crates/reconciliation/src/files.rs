//! The status of every object version, and which versions may be started.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use pipeline::{Catalog, KeyBucket, KeyDecision, KeyRole, StartsOn, version};
use protocol::{FileKind, ObjectRef};

use crate::executions::FileExecution;
use crate::landing::ListedVersion;
use crate::ledger::LedgerEntry;
use crate::status::{FileStatus, StatusFacts, status_of};
use crate::version_map::VersionMap;

/// One object version and its status.
#[derive(Debug)]
pub struct FileVersion {
    pub listed: ListedVersion,
    pub status: FileStatus,
    /// Of its executions that the ledger does not have, the one with the smallest status.
    pub execution: Option<FileExecution>,
    /// The number of its executions that the ledger does not have.
    pub executions: usize,
}

/// The entries of the ledger, by object version.
#[derive(Debug)]
pub struct LedgerIndex<'a> {
    entries: &'a [LedgerEntry],
    statuses: VersionMap<FileStatus>,
}

impl<'a> LedgerIndex<'a> {
    pub fn new(entries: &'a [LedgerEntry]) -> Self {
        let mut statuses = VersionMap::default();
        for entry in entries {
            let status = FileStatus::from_outcome(entry.outcome);
            statuses.insert(&entry.object, status, |known, new| *known = new.min(*known));
        }
        Self { entries, statuses }
    }

    /// Returns the time of the oldest version that the ledger does not have. Older executions need not be read.
    pub fn oldest_unrecorded(&self, listed: &[ListedVersion]) -> Option<DateTime<Utc>> {
        let unrecorded = listed.iter().filter(|it| self.statuses.get(&it.object).is_none());
        unrecorded.filter_map(|it| it.object.event_time).min()
    }

    /// Returns the ARNs of executions that need not be read: their object is in the ledger.
    ///
    /// The execution of a trigger is read, because the ledger has its data file and not the trigger.
    pub fn recorded_executions(&self, catalog: &Catalog) -> HashSet<String> {
        let starts_on_its_source = |entry: &&LedgerEntry| {
            let definition = catalog.definitions().iter().find(|definition| definition.pipeline == entry.pipeline);
            let dataset = definition.and_then(|definition| definition.dataset(&entry.dataset));
            dataset.is_some_and(|dataset| matches!(dataset.starts_on, StartsOn::Source))
        };
        self.entries.iter().filter(starts_on_its_source).filter_map(|entry| entry.execution.clone()).collect()
    }
}

/// The executions of each object version: the one with the smallest status, and their number.
#[derive(Debug, Default)]
pub struct ExecutionIndex(VersionMap<(FileExecution, usize)>);

impl ExecutionIndex {
    pub fn new(executions: Vec<FileExecution>) -> Self {
        let mut index = VersionMap::default();
        for execution in executions {
            index.insert(&execution.object.clone(), (execution, 1), |(best, count), (execution, _)| {
                *count += 1;
                if execution.status < best.status {
                    *best = execution;
                }
            });
        }
        Self(index)
    }
}

/// All records from which the status of object versions is determined.
#[derive(Debug)]
pub struct Records<'a> {
    pub landing_bucket: &'a str,
    pub ledger: &'a LedgerIndex<'a>,
    pub catalog: &'a Catalog,
    pub executions: &'a ExecutionIndex,
    /// The object versions whose events are in the dead-letter queue.
    pub dead_letters: &'a VersionMap<()>,
    pub now: DateTime<Utc>,
    /// The event of a younger object may still arrive.
    pub grace: TimeDelta,
}

impl Records<'_> {
    /// Determines the status of each version. `listed` has the newest version of each key first.
    pub fn statuses(&self, listed: Vec<ListedVersion>) -> Vec<FileVersion> {
        let mut newer = NewerVersions::default();
        listed.into_iter().map(|it| self.file_version(it, &mut newer)).collect()
    }

    fn file_version(&self, listed: ListedVersion, newer: &mut NewerVersions) -> FileVersion {
        let object = &listed.object;
        let recorded = self.ledger.statuses.get(object).copied();
        let (execution, executions) = self.executions.0.get(object).cloned().unzip();
        let facts = StatusFacts {
            recorded,
            execution: execution.as_ref().map(|execution: &FileExecution| execution.status),
            is_dead_letter: self.dead_letters.get(object).is_some(),
            is_superseded: newer.is_loaded(&object.key, recorded) && self.supersedes_older(&object.key),
            is_ignored_by_name: self.is_ignored_by_name(object),
            age: object.event_time.map_or(TimeDelta::zero(), |time| self.now - time),
        };
        let status = status_of(facts, self.grace);
        FileVersion { status, execution, executions: executions.unwrap_or_default(), listed }
    }

    /// Returns whether a file is ignored for its name, and no dataset names it.
    fn is_ignored_by_name(&self, object: &ObjectRef) -> bool {
        let bucket = KeyBucket::of(&object.bucket, self.landing_bucket);
        matches!(FileKind::of_key(&object.key), Ok(FileKind::Ignored { .. }))
            && matches!(self.catalog.decide(bucket, &object.key), KeyDecision::Ignore { matched: None, .. })
    }

    /// Returns the versions with a wanted status that may be started.
    ///
    /// Each starts with the event of its execution, or without one with an event from S3's listing. Such an event has
    /// no sequencer, so nothing orders it among the versions of its key. An older version is therefore left out while a
    /// newer one may still load; when that has loaded, it supersedes the older one.
    pub fn startable<'a>(
        &self,
        versions: &'a [FileVersion],
        wanted: impl Fn(FileStatus) -> bool,
    ) -> Vec<&'a FileVersion> {
        let (mut key, mut newer_may_load) = ("", false);
        let mut startable = Vec::new();
        for it in versions {
            let this_key = it.listed.object.key.as_str();
            newer_may_load &= key == this_key;
            key = this_key;
            let would_overtake = newer_may_load && it.execution.is_none() && self.supersedes_older(key);
            if wanted(it.status) && !would_overtake {
                startable.push(it);
            }
            newer_may_load |= it.status.may_still_load();
        }
        startable
    }

    /// Returns true if a loaded version of this key makes the older ones superseded.
    fn supersedes_older(&self, key: &str) -> bool {
        match self.catalog.decide(KeyBucket::Landing(Some(self.landing_bucket)), key) {
            KeyDecision::Load { matched, .. } => {
                matched.role != KeyRole::Trigger && version::supersedes_older(matched.dataset)
            }
            KeyDecision::Ignore { .. } | KeyDecision::Fail { .. } => false,
        }
    }
}

/// Goes through the versions of keys, the newest of each key first.
#[derive(Default)]
struct NewerVersions {
    key: String,
    is_loaded: bool,
}

impl NewerVersions {
    /// Returns true if an earlier call for this key was about a loaded version.
    fn is_loaded(&mut self, key: &str, recorded: Option<FileStatus>) -> bool {
        if self.key != key {
            *self = Self { key: key.to_owned(), is_loaded: false };
        }
        let before = self.is_loaded;
        self.is_loaded |= matches!(recorded, Some(FileStatus::Loaded | FileStatus::AlreadyLoaded));
        before
    }
}

#[cfg(test)]
mod tests {
    use pipeline::Definition;
    use protocol::{LoadOutcome, ObjectRef};

    use super::*;

    #[test]
    fn only_versions_after_a_loaded_one_have_a_newer() {
        fn check(versions: &[(&str, Option<FileStatus>)], expected: &[bool]) {
            let mut newer = NewerVersions::default();
            let found: Vec<bool> = versions.iter().map(|(key, recorded)| newer.is_loaded(key, *recorded)).collect();
            assert_eq!(found, expected, "{versions:?}");
        }
        let loaded = Some(FileStatus::Loaded);
        check(&[("a", None), ("a", loaded), ("a", None), ("b", None)], &[false, false, true, false]);
        check(&[("a", loaded), ("a", None), ("a", None), ("b", None)], &[false, true, true, false]);
        check(&[("a", Some(FileStatus::Ignored)), ("a", None)], &[false, false]);
    }

    /// Versions of keys, the newest of each first: key, status, has an execution. Returns the indexes to start.
    fn startable(more: &str, versions: &[(&str, FileStatus, bool)]) -> Vec<usize> {
        let text = format!("[datasets.d]\nsource = \"{{n}}.csv\"\ntable = \"t\"\ncolumns.a = \"text\"\n{more}");
        let catalog = Catalog::new(vec![Definition::parse("p", "pipeline.toml", &text).unwrap()]).unwrap();
        let records = Records {
            landing_bucket: "b",
            ledger: &LedgerIndex::new(&[]),
            catalog: &catalog,
            executions: &ExecutionIndex::default(),
            dead_letters: &VersionMap::default(),
            now: DateTime::UNIX_EPOCH,
            grace: TimeDelta::zero(),
        };
        let version = |(number, (key, status, has_event)): (usize, &(&str, FileStatus, bool))| {
            let object = ObjectRef { size_bytes: u64::try_from(number).ok(), ..ObjectRef::new("b", *key) };
            let execution = FileExecution { object: object.clone(), status: *status, input: String::new() };
            let listed = ListedVersion { object, is_latest: false };
            let execution = has_event.then_some(execution);
            FileVersion { executions: usize::from(execution.is_some()), execution, listed, status: *status }
        };
        let versions: Vec<FileVersion> = versions.iter().enumerate().map(version).collect();
        let number = |it: &&FileVersion| usize::try_from(it.listed.object.size_bytes.unwrap()).unwrap();
        records.startable(&versions, FileStatus::starts_unattended).iter().map(number).collect()
    }

    #[test]
    fn older_version_without_event_waits_for_the_newer() {
        use FileStatus::{Arriving, DeadLetter, Failed, Missed, Running, Stopped, Unnoticed};
        fn check(versions: &[(&str, FileStatus, bool)], expected: &[usize]) {
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
    fn only_missed_and_unnoticed_start_unattended() {
        use FileStatus::{
            AlreadyLoaded, Arriving, DeadLetter, Failed, Ignored, Loaded, Missed, Running, Stopped, Superseded,
            Unknown, Unnoticed,
        };
        for status in [Missed, Unnoticed] {
            assert!(status.starts_unattended() && status.is_open(), "{status:?}");
        }
        for status in
            [Loaded, AlreadyLoaded, Superseded, Ignored, Failed, Running, Arriving, Unknown, Stopped, DeadLetter]
        {
            assert!(!status.starts_unattended(), "{status:?}");
        }
    }

    #[test]
    fn smallest_status_in_the_ledger_counts() {
        let entry = |outcome| LedgerEntry {
            load_id: 1,
            pipeline: "p".to_owned(),
            dataset: "d".to_owned(),
            object: ObjectRef { version_id: Some("1".to_owned()), ..ObjectRef::new("b", "k") },
            outcome,
            rows_read: 0,
            execution: None,
            definition_hash: String::new(),
            is_overtaken: false,
            is_forgotten: false,
        };
        let entries = [LoadOutcome::Ignored, LoadOutcome::Loaded, LoadOutcome::Superseded].map(entry);
        let index = LedgerIndex::new(&entries);
        assert_eq!(index.statuses.get(&entries[0].object), Some(&FileStatus::Loaded));
    }
}
