use object_store::StorageError;
use protocol::{Failure, FailureName};

/// Why definitions cannot be read from their bucket.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionsError {
    #[error("the definitions bucket {bucket:?} does not exist")]
    NoBucket { bucket: String },
    #[error("{at} does not exist")]
    NoPipeline { at: String },
    #[error("{0}")]
    InvalidDefinition(String),
    #[error("{0}")]
    InvalidTransform(String),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Failure for DefinitionsError {
    fn name(&self) -> FailureName {
        match self {
            Self::NoBucket { .. } => FailureName::InvalidConfiguration,
            Self::NoPipeline { .. } => FailureName::NoPipeline,
            Self::InvalidDefinition(_) => FailureName::InvalidDefinition,
            Self::InvalidTransform(_) => FailureName::InvalidTransform,
            Self::Storage(error) => error.name(),
        }
    }
}
