use definitions::DefinitionsError;
use object_store::StorageError;
use postgres::DatabaseError;
use protocol::{Failure, FailureName};
use reconciliation::StandingError;

/// Why nobody can tell what was missed.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    #[error(transparent)]
    Standing(#[from] StandingError),
    #[error("s3://{bucket}: {} s were not enough for {doing}", .worked_s)]
    TooMuch { bucket: String, doing: &'static str, worked_s: u64 },
}

impl Failure for ReconcileError {
    fn name(&self) -> FailureName {
        match self {
            Self::Standing(error) => error.name(),
            Self::TooMuch { .. } => FailureName::TooMuchToReconcile,
        }
    }
}

impl From<DefinitionsError> for ReconcileError {
    fn from(error: DefinitionsError) -> Self {
        StandingError::from(error).into()
    }
}

impl From<StorageError> for ReconcileError {
    fn from(error: StorageError) -> Self {
        StandingError::from(error).into()
    }
}

impl From<DatabaseError> for ReconcileError {
    fn from(error: DatabaseError) -> Self {
        StandingError::from(error).into()
    }
}
