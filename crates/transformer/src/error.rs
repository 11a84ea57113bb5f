use definitions::DefinitionsError;
use object_store::StorageError;
use postgres::DatabaseError;
use protocol::{Failure, FailureName, error_chain};
use tokio_postgres::error::{DbError, ErrorPosition, SqlState};

use crate::limits::MESSAGE_CHARS_MAX;

/// Why a run, or what was asked about it, came to nothing: one variant for each thing that an operator does about it.
///
/// Messages reach notices and the machine's history. What PostgreSQL says of a pipeline's own SQL is told whole, within
/// bounds; it is in no log.
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
    #[error("{run}: not loaded yet: {}", .missing.join(", "))]
    RunIncomplete { run: String, missing: Vec<String> },
    #[error("{0}")]
    RunInProgress(String),
    #[error("{at}: stopped before the time was over, after {elapsed_s} s")]
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

/// What became of a statement of our own.
impl From<tokio_postgres::Error> for TransformError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code().map(class) {
            Some(Class::Busy) => Self::RunInProgress(DatabaseError::from(error).to_string()),
            Some(Class::Passing | Class::Lasting) | None => DatabaseError::from(error).into(),
        }
    }
}

/// What became of a statement of the pipeline's.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// A lock, a deadlock: it may succeed in a while.
    Busy(String),
    /// The server, or the way to it.
    Passing(String),
    /// Stopped from outside, or by a time-out.
    Cancelled(String),
    /// It would be refused again.
    Lasting { reason: String, position: Option<u32> },
}

impl Refusal {
    pub(crate) fn of(error: &tokio_postgres::Error) -> Self {
        let Some(refusal) = error.as_db_error() else { return Self::Passing(error_chain(error)) };
        let reason = told(refusal);
        match class(refusal.code()) {
            Class::Busy => Self::Busy(reason),
            Class::Passing => Self::Passing(reason),
            Class::Lasting if *refusal.code() == SqlState::QUERY_CANCELED => Self::Cancelled(reason),
            Class::Lasting => {
                let position = match refusal.position() {
                    Some(ErrorPosition::Original(position)) => Some(*position),
                    // In the body of a function, which is not the file.
                    Some(ErrorPosition::Internal { .. }) | None => None,
                };
                Self::Lasting { reason, position }
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Busy,
    Passing,
    Lasting,
}

/// By the class of the SQLSTATE, and narrower than the loader's: here the SQL is not ours, and `55000` may be its fault.
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn class(code: &SqlState) -> Class {
    let code = code.code();
    match code.get(..2) {
        // Serialization and deadlock.
        Some("40") => Class::Busy,
        // Connection; out of disk, memory or connections; the disk.
        Some("08" | "53" | "58") => Class::Passing,
        // Shut down or starting up, but not a cancelled query.
        Some("57") if code != SqlState::QUERY_CANCELED.code() => Class::Passing,
        // Object in use; lock not available.
        _ if matches!(code, "55006" | "55P03") => Class::Busy,
        // A session that was idle, or a transaction that lived, for too long.
        _ if matches!(code, "25P03" | "25P04") => Class::Passing,
        _ => Class::Lasting,
    }
}

/// PostgreSQL's words, detail and hint included: `ERROR 42703: column "x" does not exist`.
fn told(refusal: &DbError) -> String {
    let mut words = format!("{} {}: {}", refusal.severity(), refusal.code().code(), refusal.message());
    for (what, more) in [("detail", refusal.detail()), ("hint", refusal.hint())] {
        if let Some(more) = more {
            words.push_str(&format!("; {what}: {more}"));
        }
    }
    match words.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", words.get(..end).unwrap_or_default()),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tried_again_and_what_is_not() {
        let check = |code: &str, expected: Class| assert_eq!(class(&SqlState::from_code(code)), expected, "{code}");
        check("40001", Class::Busy);
        check("40P01", Class::Busy);
        check("55P03", Class::Busy);
        check("55006", Class::Busy);
        check("08006", Class::Passing);
        check("53100", Class::Passing);
        check("57P01", Class::Passing);
        check("25P03", Class::Passing);
        check("57014", Class::Lasting);
        check("55000", Class::Lasting);
        check("25006", Class::Lasting);
        check("42703", Class::Lasting);
        check("23505", Class::Lasting);
        check("P0001", Class::Lasting);
    }
}
