use definitions::DefinitionsError;
use object_store::StorageError;
use postgres::DatabaseError;
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
    #[error("{0}")]
    RunInProgress(String),
    #[error("{at}: stopped after {elapsed_s} s, before the time limit of the function")]
    DeadlineExceeded { at: String, elapsed_s: u64 },

    #[error("{0}")]
    DatabaseUnavailable(String),
    #[error("{0}")]
    DatabaseRefused(String),
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
            Self::RunInProgress(_) => FailureName::RunInProgress,
            Self::DeadlineExceeded { .. } => FailureName::DeadlineExceeded,
            Self::DatabaseUnavailable(_) => FailureName::DatabaseUnavailable,
            Self::DatabaseRefused(_) => FailureName::DatabaseRefused,
        }
    }
}

impl From<DatabaseError> for TransformError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Unavailable(reason) => Self::DatabaseUnavailable(reason),
            DatabaseError::Refused(reason) => Self::DatabaseRefused(reason),
            DatabaseError::Misconfigured(reason) => Self::InvalidConfiguration(reason),
            DatabaseError::Internal(reason) => Self::Internal(reason),
        }
    }
}

/// For Penstock's own statements. [`StatementError`] is for those of the pipeline.
impl From<tokio_postgres::Error> for TransformError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code().map(sql_state_class) {
            Some(SqlStateClass::Busy) => Self::RunInProgress(DatabaseError::from(error).to_string()),
            Some(SqlStateClass::Transient | SqlStateClass::Permanent) | None => DatabaseError::from(error).into(),
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
        match sql_state_class(error.code()) {
            SqlStateClass::Busy => Self::Busy(reason),
            SqlStateClass::Transient => Self::Transient(reason),
            SqlStateClass::Permanent if *error.code() == SqlState::QUERY_CANCELED => Self::Cancelled(reason),
            SqlStateClass::Permanent => {
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SqlStateClass {
    Busy,
    Transient,
    Permanent,
}

/// Classifies a SQLSTATE. Fewer codes are transient than for the loader: here the SQL comes from the pipeline, and may
/// itself be the cause of `55000`.
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn sql_state_class(code: &SqlState) -> SqlStateClass {
    let code = code.code();
    match code.get(..2) {
        // Serialization failure, deadlock.
        Some("40") => SqlStateClass::Busy,
        // Connection lost; no disk space, memory or connections left; I/O error.
        Some("08" | "53" | "58") => SqlStateClass::Transient,
        // Server shutdown or start, but not a cancelled query.
        Some("57") if code != SqlState::QUERY_CANCELED.code() => SqlStateClass::Transient,
        // Object in use, lock not available.
        _ if matches!(code, "55006" | "55P03") => SqlStateClass::Busy,
        // Time limit of an idle session or of the transaction.
        _ if matches!(code, "25P03" | "25P04") => SqlStateClass::Transient,
        _ => SqlStateClass::Permanent,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_state_determines_the_class() {
        let check = |code: &str, expected: SqlStateClass| {
            assert_eq!(sql_state_class(&SqlState::from_code(code)), expected, "{code}");
        };
        check("40001", SqlStateClass::Busy);
        check("40P01", SqlStateClass::Busy);
        check("55P03", SqlStateClass::Busy);
        check("55006", SqlStateClass::Busy);
        check("08006", SqlStateClass::Transient);
        check("53100", SqlStateClass::Transient);
        check("57P01", SqlStateClass::Transient);
        check("25P03", SqlStateClass::Transient);
        check("57014", SqlStateClass::Permanent);
        check("55000", SqlStateClass::Permanent);
        check("25006", SqlStateClass::Permanent);
        check("42703", SqlStateClass::Permanent);
        check("23505", SqlStateClass::Permanent);
        check("P0001", SqlStateClass::Permanent);
    }
}
