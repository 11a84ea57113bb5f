use definitions::DefinitionsError;
use object_store::StorageError;
use postgres::DatabaseError;
use protocol::{Failure, FailureName};
use reconciliation::ReconciliationError;

/// Why the reconciler found no missed files.
#[derive(Debug, thiserror::Error)]
pub enum ReconcilerError {
    #[error(transparent)]
    Reconciliation(#[from] ReconciliationError),
    #[error("s3://{bucket}: time ran out after {elapsed_s} s, while {doing}")]
    TooMuch { bucket: String, doing: &'static str, elapsed_s: u64 },
}

impl Failure for ReconcilerError {
    fn name(&self) -> FailureName {
        match self {
            Self::Reconciliation(error) => error.name(),
            Self::TooMuch { .. } => FailureName::TooMuchToReconcile,
        }
    }
}

impl From<DefinitionsError> for ReconcilerError {
    fn from(error: DefinitionsError) -> Self {
        ReconciliationError::from(error).into()
    }
}

impl From<StorageError> for ReconcilerError {
    fn from(error: StorageError) -> Self {
        ReconciliationError::from(error).into()
    }
}

impl From<DatabaseError> for ReconcilerError {
    fn from(error: DatabaseError) -> Self {
        ReconciliationError::from(error).into()
    }
}
