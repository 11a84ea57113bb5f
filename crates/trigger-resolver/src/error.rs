use definitions::{DefinitionsError, InvalidDefinition};
use function::InvalidInput;
use object_store::StorageError;
use pipeline::KeyFailure;
use protocol::{Failure, FailureName, ObjectRef};

/// Why a file leads to no load, or nobody can tell which runs follow.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    #[error(transparent)]
    Input(#[from] InvalidInput),
    #[error("{object}: {failure}")]
    Refused { object: Box<ObjectRef>, failure: KeyFailure },
    /// The key may well belong to one of these: nobody can tell before they are corrected.
    #[error("{object}: no dataset that can be used matches, and {}", join(broken))]
    BrokenDefinitions { object: Box<ObjectRef>, broken: Vec<InvalidDefinition> },
    #[error("{source_object}: not there {waited_s} seconds after its trigger {}", trigger.key)]
    SourceMissing { source_object: Box<ObjectRef>, trigger: Box<ObjectRef>, waited_s: u64 },
    #[error("{object}: not there")]
    ObjectMissing { object: Box<ObjectRef> },
    #[error("{object}: a data file without a byte in it")]
    EmptyFile { object: Box<ObjectRef> },
    #[error("{object}: neither its event nor S3 says when it was written")]
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
            Self::Refused { failure, .. } => failure.name(),
            Self::BrokenDefinitions { .. } => FailureName::InvalidDefinition,
            Self::SourceMissing { .. } => FailureName::SourceMissing,
            Self::ObjectMissing { .. } => FailureName::ObjectMissing,
            Self::EmptyFile { .. } => FailureName::EmptyFile,
            Self::Undated { .. } => FailureName::InternalError,
            Self::Definitions(error) => error.name(),
            Self::Storage(error) => error.name(),
        }
    }
}

/// Enough of them to begin with; the rest shows when these are corrected.
const BROKEN_NAMED_MAX: usize = 5;

fn join(broken: &[InvalidDefinition]) -> String {
    let mut named: Vec<_> = broken.iter().take(BROKEN_NAMED_MAX).map(|broken| broken.reason.clone()).collect();
    if broken.len() > BROKEN_NAMED_MAX {
        named.push(format!("and {} more", broken.len() - BROKEN_NAMED_MAX));
    }
    named.join("; ")
}
