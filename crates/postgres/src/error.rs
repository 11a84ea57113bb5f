use protocol::{Failure, FailureName, error_chain};
use tokio_postgres::error::{DbError, SqlState};

/// What PostgreSQL, or the way to it, failed with: one variant for each thing that an operator does about it.
///
/// Messages reach notices and the machine's history: no secret and, but for what PostgreSQL's own message quotes, no
/// value of a row is in them.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The same may succeed later.
    #[error("{0}")]
    Unavailable(String),
    /// PostgreSQL refuses, and would again.
    #[error("{0}")]
    Refused(String),
    /// The address, the secret or the certificate cannot be used.
    #[error("{0}")]
    Misconfigured(String),
    #[error("{0}")]
    Internal(String),
}

impl Failure for DatabaseError {
    fn name(&self) -> FailureName {
        match self {
            Self::Unavailable(_) => FailureName::DatabaseUnavailable,
            Self::Refused(_) => FailureName::DatabaseRefused,
            Self::Misconfigured(_) => FailureName::InvalidConfiguration,
            Self::Internal(_) => FailureName::InternalError,
        }
    }
}

impl From<tokio_postgres::Error> for DatabaseError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(refusal) if may_pass(refusal.code()) => Self::Unavailable(told(refusal)),
            Some(refusal) => Self::Refused(told(refusal)),
            None => Self::Unavailable(error_chain(&error)),
        }
    }
}

/// Whether the same statement may succeed later, by the class of the SQLSTATE.
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
pub fn may_pass(code: &SqlState) -> bool {
    let code = code.code();
    matches!(
        code.get(..2),
        // Connection; serialization and deadlock; out of disk, memory or connections; lock not available; shut down,
        // starting up or cancelled; the disk.
        Some("08" | "40" | "53" | "55" | "57" | "58")
    ) || matches!(code, "25006" | "25P03" | "25P04")
}

/// PostgreSQL's words without detail and context, which quote values of the row.
fn told(refusal: &DbError) -> String {
    let place = match (refusal.table(), refusal.column(), refusal.constraint()) {
        (Some(table), _, Some(constraint)) => format!(" (constraint {constraint} of table {table})"),
        (Some(table), Some(column), None) => format!(" (column {column} of table {table})"),
        _ => String::new(),
    };
    format!("PostgreSQL says: {}{place} [SQLSTATE {}]", refusal.message(), refusal.code().code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_tried_again() {
        let check = |code: &str, expected: bool| assert_eq!(may_pass(&SqlState::from_code(code)), expected, "{code}");
        check("08006", true);
        check("53100", true);
        check("53300", true);
        check("57P01", true);
        check("40P01", true);
        check("55P03", true);
        check("25006", true);
        check("25P04", true);
        check("23505", false);
        check("42501", false);
        check("22001", false);
        check("25P02", false);
        check("P0001", false);
    }
}
