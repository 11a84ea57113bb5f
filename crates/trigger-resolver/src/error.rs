use definitions::{DefinitionsError, InvalidDefinition};
use function::InvalidInput;
use object_store::StorageError;
use pipeline::KeyFailure;
use protocol::{Failure, FailureName, ObjectRef};

/// Why a file leads to no load, or why the followers of a run are unknown.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    #[error(transparent)]
    Input(#[from] InvalidInput),
    #[error("{object}: {failure}")]
    Key { object: Box<ObjectRef>, failure: KeyFailure },
    /// One of the invalid definitions may have a dataset for this key.
    #[error(
        "{object}: no valid definition has a dataset for this key, and some definitions are invalid: {}",
        join(invalid)
    )]
    InvalidDefinitions { object: Box<ObjectRef>, invalid: Vec<InvalidDefinition> },
    #[error("{source_object} does not exist {waited_s} s after its trigger {}", trigger.key)]
    SourceMissing { source_object: Box<ObjectRef>, trigger: Box<ObjectRef>, waited_s: u64 },
    #[error("{object} does not exist")]
    ObjectMissing { object: Box<ObjectRef> },
    #[error("{object} is empty: it has 0 bytes")]
    EmptyFile { object: Box<ObjectRef> },
    #[error("{object}: neither the event nor S3 has the time of the object")]
    Undated { object: Box<ObjectRef> },
    #[error(transparent)]
    Definitions(#[from] DefinitionsError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Failure for ResolveError {
    fn name(&self) -> FailureName {
        match self {
            Self::Input(invalid) => invalid.name(),
            Self::Key { failure, .. } => failure.name(),
            Self::InvalidDefinitions { .. } => FailureName::InvalidDefinition,
            Self::SourceMissing { .. } => FailureName::SourceMissing,
            Self::ObjectMissing { .. } => FailureName::ObjectMissing,
            Self::EmptyFile { .. } => FailureName::EmptyFile,
            Self::Undated { .. } => FailureName::InternalError,
            Self::Definitions(error) => error.name(),
            Self::Storage(error) => error.name(),
        }
    }
}

/// Invalid definitions in one message; the others show when these are corrected.
const INVALID_SHOWN_MAX: usize = 5;

fn join(invalid: &[InvalidDefinition]) -> String {
    let mut reasons: Vec<_> = invalid.iter().take(INVALID_SHOWN_MAX).map(|invalid| invalid.reason.clone()).collect();
    if invalid.len() > INVALID_SHOWN_MAX {
        reasons.push(format!("and {} more", invalid.len() - INVALID_SHOWN_MAX));
    }
    reasons.join("; ")
}
