use definitions::DefinitionsError;
use object_store::StorageError;
use postgres::{DatabaseError, StatementErrorClass, statement_error_class};
use protocol::{Failure, FailureName, error_chain};
use tokio_postgres::error::{DbError, ErrorPosition, SqlState};

use crate::limits::MESSAGE_CHARS_MAX;

/// Why a request about a run failed: one variant for each action of the operator.
///
/// The messages go into notices and the history of the execution. They quote PostgreSQL's message about the pipeline's
/// own SQL, up to [`MESSAGE_CHARS_MAX`]. The log does not have it.
#[derive(Debug, thiserror::Error)]
pub enum TransformError {
    #[error("{0}")]
    InvalidInput(String),
    #[error("{0}")]
    InvalidConfiguration(String),
    #[error("{0}")]
    Internal(String),

    #[error(transparent)]
    Definitions(#[from] DefinitionsError),
    #[error(transparent)]
    Storage(StorageError),

    #[error("{at}: {reason}")]
    TransformFailed { at: String, reason: String },
    #[error("{at}: {reason}")]
    ExportFailed { at: String, reason: String },
    #[error("{run}: datasets not loaded: {}", .missing.join(", "))]
    RunIncomplete { run: String, missing: Vec<String> },
    #[error("{run}: no file is loaded for this period, so a run would have no input")]
    NoRunInput { run: String },
    #[error("{0}")]
    RunInProgress(String),
    #[error("{at}: stopped after {elapsed_s} s, before the time limit of the function")]
    DeadlineExceeded { at: String, elapsed_s: u64 },

    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl Failure for TransformError {
    fn name(&self) -> FailureName {
        match self {
            Self::InvalidInput(_) => FailureName::InvalidInput,
            Self::InvalidConfiguration(_) => FailureName::InvalidConfiguration,
            Self::Internal(_) => FailureName::InternalError,
            Self::Definitions(error) => error.name(),
            Self::Storage(error) => error.name(),
            Self::TransformFailed { .. } => FailureName::TransformFailed,
            Self::ExportFailed { .. } => FailureName::ExportFailed,
            Self::RunIncomplete { .. } => FailureName::RunIncomplete,
            Self::NoRunInput { .. } => FailureName::NoRunInput,
            Self::RunInProgress(_) => FailureName::RunInProgress,
            Self::DeadlineExceeded { .. } => FailureName::DeadlineExceeded,
            Self::Database(error) => error.name(),
        }
    }
}

/// For Penstock's own statements. [`StatementError`] is for those of the pipeline.
impl From<tokio_postgres::Error> for TransformError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code().map(statement_error_class) {
            Some(StatementErrorClass::Busy) => Self::RunInProgress(DatabaseError::from(error).to_string()),
            Some(StatementErrorClass::Transient | StatementErrorClass::Permanent) | None => {
                DatabaseError::from(error).into()
            }
        }
    }
}

/// Why a statement of the pipeline failed.
#[derive(Debug)]
pub(crate) enum StatementError {
    /// Another session holds a lock. A later attempt may succeed.
    Busy(String),
    /// The server or the connection failed. A later attempt may succeed.
    Transient(String),
    /// Cancelled by a time limit or from outside.
    Cancelled(String),
    /// PostgreSQL would reject the statement again.
    Permanent { reason: String, position: Option<u32> },
}

impl From<&tokio_postgres::Error> for StatementError {
    fn from(error: &tokio_postgres::Error) -> Self {
        let Some(error) = error.as_db_error() else { return Self::Transient(error_chain(error)) };
        let reason = message(error);
        match statement_error_class(error.code()) {
            StatementErrorClass::Busy => Self::Busy(reason),
            StatementErrorClass::Transient => Self::Transient(reason),
            StatementErrorClass::Permanent if *error.code() == SqlState::QUERY_CANCELED => Self::Cancelled(reason),
            StatementErrorClass::Permanent => {
                let position = match error.position() {
                    Some(ErrorPosition::Original(position)) => Some(*position),
                    // A position in the body of a function, not in the file.
                    Some(ErrorPosition::Internal { .. }) | None => None,
                };
                Self::Permanent { reason, position }
            }
        }
    }
}

/// Returns PostgreSQL's message with detail and hint: `ERROR 42703: column "x" does not exist; hint: …`.
fn message(error: &DbError) -> String {
    let mut message = format!("{} {}: {}", error.severity(), error.code().code(), error.message());
    for (label, text) in [("detail", error.detail()), ("hint", error.hint())] {
        if let Some(text) = text {
            message.push_str(&format!("; {label}: {text}"));
        }
    }
    match message.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", message.get(..end).unwrap_or_default()),
        None => message,
    }
}
