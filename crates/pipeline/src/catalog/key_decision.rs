//! Decides what happens with a key, from names alone. The order of the reasons is defined here only.

use std::time::Duration;

use chrono::{DateTime, Utc};
use protocol::{Compression, FileKind, Format};

use super::dataset_ref::DatasetRef;
use super::definitions::Catalog;
use super::key_failure::{KeyFailure, SUCCEEDED};
use super::lookup::{KeyMatch, nearest_template};
use crate::dataset::{Dataset, StartsOn};
use crate::definition::Definition;
use crate::file_name::names_ignored_files;
use crate::location::KeyBucket;
use crate::repair::{REPAIRS, RepairKey};
use crate::template::Captures;

/// The decision on a key. `matched` is `None` when the key belongs to no single dataset.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyDecision<'a> {
    Load { matched: DatasetMatch<'a>, file: DataFile },
    Ignore { matched: Option<DatasetMatch<'a>>, reason: String },
    Fail { matched: Option<DatasetMatch<'a>>, failure: KeyFailure },
}

/// The dataset that a key belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct DatasetMatch<'a> {
    pub definition: &'a Definition,
    pub dataset: &'a Dataset,
    pub role: KeyRole,
    pub captures: Captures,
}

/// The role of a key in its dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRole {
    Source,
    Trigger,
    /// A file of corrected records of one of the dataset's loads.
    Repair {
        load_id: i64,
        /// The logical time of the load.
        logical_at: DateTime<Utc>,
    },
}

impl<'a> DatasetMatch<'a> {
    fn new(found: DatasetRef<'a>, role: KeyRole, captures: Captures) -> Self {
        Self { definition: found.definition, dataset: found.dataset, role, captures }
    }

    /// Returns the logical time; `None` when the key has none.
    pub fn logical_at(&self) -> Option<DateTime<Utc>> {
        match self.role {
            KeyRole::Repair { logical_at, .. } => Some(logical_at),
            KeyRole::Source | KeyRole::Trigger => {
                let local = self.captures.time(self.dataset.logical_time.as_deref()?)?;
                Some(self.definition.instant(local))
            }
        }
    }

    /// Returns the load whose rejects the file corrects.
    pub fn repairs(&self) -> Option<i64> {
        match self.role {
            KeyRole::Repair { load_id, .. } => Some(load_id),
            KeyRole::Source | KeyRole::Trigger => None,
        }
    }
}

/// The file that is loaded: the key's own file, or the file that a trigger names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// `None` is the landing bucket.
    pub bucket: Option<String>,
    pub key: String,
    pub format: Format,
    pub compression: Compression,
    /// How long the file may come after its trigger; `None` without a trigger.
    pub wait: Option<Duration>,
}

impl Catalog {
    /// Decides what happens with `key` of `bucket`.
    pub fn decide(&self, bucket: KeyBucket<'_>, key: &str) -> KeyDecision<'_> {
        if matches!(bucket, KeyBucket::Landing(_)) && key.starts_with(REPAIRS) && !FileKind::is_folder_marker(key) {
            return self.decide_repair(key);
        }
        let found = self.find(bucket, key);
        if let Some(reason) = reason_to_ignore(key, &found) {
            return KeyDecision::Ignore { matched: None, reason };
        }
        let (matched, file) = match found {
            Ok(KeyMatch::Source(found, captures)) => {
                let file = data_file(found.dataset, bucket.declared(), key, None);
                (DatasetMatch::new(found, KeyRole::Source, captures), file)
            }
            Ok(KeyMatch::Trigger(found, captures)) => {
                let file = triggered_file(found.dataset, &captures);
                (DatasetMatch::new(found, KeyRole::Trigger, captures), file)
            }
            Ok(KeyMatch::SourceOfTriggered(found, captures)) => {
                let matched = DatasetMatch::new(found, KeyRole::Source, captures);
                return KeyDecision::Ignore { matched: Some(matched), reason: starts_on_trigger(found) };
            }
            Err(failure @ KeyFailure::NoDataset { .. }) => {
                let failure = FileKind::of_key(key).map_or_else(KeyFailure::Unsupported, |_| failure);
                return KeyDecision::Fail { matched: None, failure };
            }
            Err(failure) => return KeyDecision::Fail { matched: None, failure },
        };
        KeyDecision::of(matched, file)
    }

    /// Decides about a data file that was loaded before and is loaded again. Its trigger is not needed any more.
    pub fn decide_reload(&self, bucket: KeyBucket<'_>, key: &str) -> KeyDecision<'_> {
        match self.decide(bucket, key) {
            KeyDecision::Ignore { matched: Some(matched), .. } => {
                let file = data_file(matched.dataset, bucket.declared(), key, None);
                KeyDecision::of(matched, file)
            }
            decision => decision,
        }
    }

    /// Decides on a key under [`REPAIRS`]. Templates do not count there: definitions cannot use such keys.
    fn decide_repair(&self, key: &str) -> KeyDecision<'_> {
        let no_dataset = |nearest| KeyDecision::Fail { matched: None, failure: KeyFailure::NoDataset { nearest } };
        let Some(RepairKey { pipeline, dataset, load_id, logical_at, .. }) = RepairKey::parse(key) else {
            return no_dataset(RepairKey::template().map(|template| nearest_template(key, "a repair's key", template)));
        };
        let definition = self.definitions().iter().find(|definition| definition.pipeline == pipeline);
        let found = definition.and_then(|definition| Some((definition, definition.dataset(&dataset)?)));
        let Some((definition, dataset)) = found else {
            return no_dataset(Some(format!(
                "it repairs load {load_id} of {pipeline}/{dataset}, which does not exist"
            )));
        };
        let role = KeyRole::Repair { load_id, logical_at };
        let captures = RepairKey::template().and_then(|template| template.matches(key)).unwrap_or_default();
        let file = dataset.repair_format(key).map_err(KeyFailure::Unsupported).map(|(format, compression)| DataFile {
            bucket: None,
            key: key.to_owned(),
            format,
            compression,
            wait: None,
        });
        KeyDecision::of(DatasetMatch { definition, dataset, role, captures }, file)
    }
}

/// Returns why a key is ignored whatever dataset it belongs to; `None` if it is not. A dataset that names such a file
/// itself gets it.
fn reason_to_ignore(key: &str, found: &Result<KeyMatch<'_>, KeyFailure>) -> Option<String> {
    let reason = match FileKind::of_key(key) {
        Ok(FileKind::Ignored { reason }) => reason,
        // Jobs write success markers even when no dataset starts on them.
        _ if FileKind::is_success_marker(key) => "no dataset has this success marker as its trigger".to_owned(),
        _ => return None,
    };
    let names_it = match found {
        Ok(KeyMatch::Trigger(..)) if FileKind::is_success_marker(key) => true,
        Ok(KeyMatch::Trigger(found, _)) => names_ignored_files(&found.starts_on().template),
        Ok(KeyMatch::Source(found, _) | KeyMatch::SourceOfTriggered(found, _)) => {
            names_ignored_files(&found.dataset.source.template)
        }
        Err(KeyFailure::Ambiguous { .. }) => !FileKind::is_folder_marker(key),
        Err(_) => false,
    };
    (!names_it || FileKind::is_folder_marker(key)).then_some(reason)
}

impl<'a> KeyDecision<'a> {
    fn of(matched: DatasetMatch<'a>, file: Result<DataFile, KeyFailure>) -> Self {
        match file {
            Ok(file) => Self::Load { matched, file },
            Err(failure) => Self::Fail { matched: Some(matched), failure },
        }
    }
}

fn starts_on_trigger(found: DatasetRef<'_>) -> String {
    format!("the dataset starts on its trigger {}, not on its data file", found.starts_on())
}

/// Returns the data file that a trigger names.
fn triggered_file(dataset: &Dataset, captures: &Captures) -> Result<DataFile, KeyFailure> {
    if let Some(status) = captures.text("status").filter(|status| *status != SUCCEEDED) {
        return Err(KeyFailure::UpstreamFailed(status.to_owned()));
    }
    let wait = match dataset.starts_on {
        StartsOn::Trigger { wait, .. } => Some(wait),
        StartsOn::Source => None,
    };
    let key = dataset.source.template.build(captures).map_err(KeyFailure::Unbuildable)?;
    data_file(dataset, dataset.source.bucket.as_deref(), &key, wait)
}

fn data_file(
    dataset: &Dataset,
    bucket: Option<&str>,
    key: &str,
    wait: Option<Duration>,
) -> Result<DataFile, KeyFailure> {
    let (format, compression) = dataset.file_format(key).map_err(KeyFailure::Unsupported)?;
    Ok(DataFile { bucket: bucket.map(str::to_owned), key: key.to_owned(), format, compression, wait })
}
