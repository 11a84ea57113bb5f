use contracts::{Failure, FailureName, ObjectRef, UnsupportedName};
use storage::{Fault, StorageError};

use crate::library::Broken;

/// Why a file leads to no load.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    #[error("{object}: no dataset has this key as its source or trigger{}", and(nearest.as_ref()))]
    NoDataset {
        object: Box<ObjectRef>,
        /// The template that comes nearest, and where it stops matching.
        nearest: Option<String>,
    },
    /// The key may well belong to one of these: nobody can tell before they are corrected.
    #[error("{object}: no dataset that can be used matches, and {}", join(broken))]
    BrokenDefinitions { object: Box<ObjectRef>, broken: Vec<Broken> },
    #[error("{object}: the definition of {dataset} cannot be followed: {reason}")]
    InvalidDefinition { object: Box<ObjectRef>, dataset: String, reason: String },
    #[error("{trigger}: the process that writes this dataset ended as {status:?}")]
    UpstreamFailed { trigger: Box<ObjectRef>, status: String },
    #[error("{source_object}: not there {waited_s} seconds after its trigger {}", trigger.key)]
    SourceMissing { source_object: Box<ObjectRef>, trigger: Box<ObjectRef>, waited_s: u64 },
    #[error("{object}: not there")]
    ObjectMissing { object: Box<ObjectRef> },
    #[error("{object}: a data file without a byte in it")]
    EmptyFile { object: Box<ObjectRef> },
    #[error("{object}")]
    UnsupportedFormat { object: Box<ObjectRef>, source: UnsupportedName },
    #[error("{object}: a dataset takes it for data, and its name says that it is none")]
    NotData { object: Box<ObjectRef> },
    #[error("{object}: an ignored file leads to no dataset")]
    Ignored { object: Box<ObjectRef> },
    #[error("{object}: neither its event nor S3 says when it was written")]
    Undated { object: Box<ObjectRef> },
    #[error("the definitions bucket {bucket:?} does not exist")]
    NoDefinitionsBucket { bucket: String },
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Failure for ResolveError {
    fn name(&self) -> FailureName {
        match self {
            Self::NoDataset { .. } => FailureName::NoDataset,
            Self::BrokenDefinitions { .. } | Self::InvalidDefinition { .. } => FailureName::InvalidDefinition,
            Self::UpstreamFailed { .. } => FailureName::UpstreamFailed,
            Self::SourceMissing { .. } => FailureName::SourceMissing,
            Self::ObjectMissing { .. } => FailureName::ObjectMissing,
            Self::EmptyFile { .. } => FailureName::EmptyFile,
            Self::UnsupportedFormat { .. } | Self::NotData { .. } => FailureName::UnsupportedFormat,
            Self::Ignored { .. } => FailureName::InvalidInput,
            Self::Undated { .. } => FailureName::InternalError,
            Self::NoDefinitionsBucket { .. } => FailureName::InvalidConfiguration,
            Self::Storage(error) => match error.fault {
                Fault::Unavailable => FailureName::StorageUnavailable,
                Fault::Denied | Fault::Absent => FailureName::StorageDenied,
                Fault::TooLarge => FailureName::InvalidDefinition,
            },
        }
    }
}

fn and(nearest: Option<&String>) -> String {
    nearest.map(|nearest| format!("; {nearest}")).unwrap_or_default()
}

/// Enough of them to begin with; the rest shows when these are corrected.
const BROKEN_NAMED_MAX: usize = 5;

fn join(broken: &[Broken]) -> String {
    let mut named: Vec<_> = broken.iter().take(BROKEN_NAMED_MAX).map(|broken| broken.reason.clone()).collect();
    if broken.len() > BROKEN_NAMED_MAX {
        named.push(format!("and {} more", broken.len() - BROKEN_NAMED_MAX));
    }
    named.join("; ")
}
