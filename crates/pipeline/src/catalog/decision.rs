//! What becomes of a key, as far as names tell: the one place that knows the order of the reasons.

use std::time::Duration;

use chrono::{DateTime, Utc};
use protocol::{Compression, Failure, FailureName, FileKind, Format, UnsupportedName};

use super::{Catalog, KeyMatch, near};
use crate::repair::REPAIRS;
use crate::{Captures, Dataset, Definition, RepairKey, Start, TemplateError};

/// The only status of a trigger that leads to a load.
const SUCCEEDED: &str = "Succeeded";

/// What a key leads to. Without a claim no one dataset has it.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision<'a> {
    Load {
        claim: Claim<'a>,
        file: DataFile,
    },
    /// Nothing to do, and why.
    Ignore {
        claim: Option<Claim<'a>>,
        reason: String,
    },
    Refuse {
        claim: Option<Claim<'a>>,
        refusal: Refusal,
    },
}

/// A dataset that has the key.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim<'a> {
    pub definition: &'a Definition,
    pub dataset: &'a Dataset,
    pub role: Role,
    pub captures: Captures,
}

/// What the key is to its dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Source,
    Trigger,
    /// A file of corrected records of one of the dataset's loads.
    Repair {
        load_id: i64,
        /// The time that the repaired load's data is about.
        logical_at: DateTime<Utc>,
    },
}

impl Claim<'_> {
    /// The time that the data is about, as far as the key tells it.
    pub fn logical_at(&self) -> Option<DateTime<Utc>> {
        match self.role {
            Role::Repair { logical_at, .. } => Some(logical_at),
            Role::Source | Role::Trigger => self.captures.logical_time().map(|local| self.definition.instant(local)),
        }
    }

    /// The load whose refused records the file corrects.
    pub fn repairs(&self) -> Option<i64> {
        match self.role {
            Role::Repair { load_id, .. } => Some(load_id),
            Role::Source | Role::Trigger => None,
        }
    }
}

/// The file whose rows are loaded: the key's own, or the one that a trigger announces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFile {
    pub bucket: String,
    pub key: String,
    pub format: Format,
    pub compression: Compression,
    /// How long it may come after its trigger; `None` without one.
    pub wait: Option<Duration>,
}

/// Why a key leads to no load although somebody may expect one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("no dataset has this key as its source or trigger{}", .nearest.as_ref().map(|n| format!("; {n}")).unwrap_or_default())]
    NoDataset {
        /// The template that comes nearest, and where it stops matching.
        nearest: Option<String>,
    },
    #[error("it starts both {first} and {second}; only one dataset may have it")]
    Ambiguous { first: String, second: String },
    #[error("the process that writes this dataset ended as {0:?}, and only {SUCCEEDED} loads")]
    UpstreamFailed(String),
    #[error("the key of the data file cannot be built: {0}")]
    Unbuildable(TemplateError),
    #[error("its dataset takes {0} for data, and its name says that it is none")]
    NotData(String),
    #[error(transparent)]
    Unsupported(UnsupportedName),
}

impl Failure for Refusal {
    fn name(&self) -> FailureName {
        match self {
            Self::NoDataset { .. } => FailureName::NoDataset,
            Self::Ambiguous { .. } | Self::Unbuildable(_) => FailureName::InvalidDefinition,
            Self::UpstreamFailed(_) => FailureName::UpstreamFailed,
            Self::NotData(_) | Self::Unsupported(_) => FailureName::UnsupportedFormat,
        }
    }
}

impl Catalog {
    /// What `key` of `bucket` leads to.
    pub fn decide(&self, landing_bucket: &str, bucket: &str, key: &str) -> Decision<'_> {
        if bucket == landing_bucket && key.starts_with(REPAIRS) {
            return self.decide_repair(bucket, key);
        }
        let (claim, file) = match self.find(landing_bucket, bucket, key) {
            Ok(KeyMatch::Source { definition, dataset, captures }) => {
                (Claim { definition, dataset, role: Role::Source, captures }, data_file(bucket, key, None))
            }
            Ok(KeyMatch::Trigger { definition, dataset, captures }) => {
                let file = announced(landing_bucket, dataset, &captures);
                (Claim { definition, dataset, role: Role::Trigger, captures }, file)
            }
            Ok(KeyMatch::SourceOfTriggered { definition, dataset }) => {
                let captures = dataset.source.template.matches(key).unwrap_or_default();
                let claim = Claim { definition, dataset, role: Role::Source, captures };
                return Decision::Ignore { claim: Some(claim), reason: starts_elsewhere(dataset) };
            }
            // Jobs write markers whether anybody waits for them or not.
            Err(Refusal::NoDataset { .. }) if FileKind::is_success_marker(key) => {
                let reason = "a marker that no dataset has as its trigger".to_owned();
                return Decision::Ignore { claim: None, reason };
            }
            Err(refusal) => return Decision::Refuse { claim: None, refusal },
        };
        Decision::of(claim, file)
    }

    /// Whatever templates say: no dataset's own files lie there.
    fn decide_repair(&self, bucket: &str, key: &str) -> Decision<'_> {
        let no_dataset = |nearest| Decision::Refuse { claim: None, refusal: Refusal::NoDataset { nearest } };
        let Some(RepairKey { pipeline, dataset, load_id, logical_at, .. }) = RepairKey::parse(key) else {
            return no_dataset(RepairKey::template().map(|template| near(key, "a repair's key", template)));
        };
        let definition = self.definitions.iter().find(|definition| definition.pipeline == pipeline);
        let found = definition.and_then(|definition| Some((definition, definition.dataset(&dataset)?)));
        let Some((definition, dataset)) = found else {
            return no_dataset(Some(format!("it repairs load {load_id} of {pipeline}/{dataset}, which is no dataset")));
        };
        let role = Role::Repair { load_id, logical_at };
        let captures = RepairKey::template().and_then(|template| template.matches(key)).unwrap_or_default();
        let claim = Claim { definition, dataset, role, captures };
        Decision::of(claim, data_file(bucket, key, None))
    }
}

impl<'a> Decision<'a> {
    fn of(claim: Claim<'a>, file: Result<DataFile, Refusal>) -> Self {
        match file {
            Ok(file) => Self::Load { claim, file },
            Err(refusal) => Self::Refuse { claim: Some(claim), refusal },
        }
    }
}

fn starts_elsewhere(dataset: &Dataset) -> String {
    match &dataset.start {
        Start::Source => "its dataset does not start on it".to_owned(),
        Start::Trigger { trigger, .. } => format!("its dataset starts on its trigger {trigger}, not on the data file"),
    }
}

/// What a trigger's name says of the data file.
fn announced(landing_bucket: &str, dataset: &Dataset, captures: &Captures) -> Result<DataFile, Refusal> {
    if let Some(status) = captures.text("status").filter(|status| *status != SUCCEEDED) {
        return Err(Refusal::UpstreamFailed(status.to_owned()));
    }
    let wait = match dataset.start {
        Start::Trigger { wait, .. } => Some(wait),
        Start::Source => None,
    };
    let key = dataset.source.template.build(captures).map_err(Refusal::Unbuildable)?;
    data_file(dataset.source.bucket_or(landing_bucket), &key, wait)
}

fn data_file(bucket: &str, key: &str, wait: Option<Duration>) -> Result<DataFile, Refusal> {
    match FileKind::of_key(key) {
        Ok(FileKind::Data { format, compression }) => {
            Ok(DataFile { bucket: bucket.to_owned(), key: key.to_owned(), format, compression, wait })
        }
        Ok(FileKind::Trigger {} | FileKind::Ignored { .. }) => Err(Refusal::NotData(key.to_owned())),
        Err(unsupported) => Err(Refusal::Unsupported(unsupported)),
    }
}
