use std::error::Error;

use definitions::DefinitionsError;
use object_store::StorageError;
use postgres::DatabaseError;
use protocol::{Failure, FailureName, error_chain};

/// Why the status of object versions cannot be determined.
#[derive(Debug, thiserror::Error)]
pub enum ReconciliationError {
    #[error(transparent)]
    Definitions(#[from] DefinitionsError),
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Step Functions, or the dead-letter queue.
    #[error("{doing}: {reason}")]
    Executions { doing: String, reason: String },
}

impl ReconciliationError {
    pub(crate) fn executions<E: Error>(doing: impl Into<String>) -> impl FnOnce(E) -> Self {
        let doing = doing.into();
        move |error| Self::Executions { doing, reason: error_chain(&error) }
    }
}

impl Failure for ReconciliationError {
    fn name(&self) -> FailureName {
        match self {
            Self::Definitions(error) => error.name(),
            Self::Storage(error) => error.name(),
            Self::Database(error) => error.name(),
            Self::Executions { .. } => FailureName::ExecutionsUnavailable,
        }
    }
}
