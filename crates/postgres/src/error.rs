use protocol::{Failure, FailureName, error_chain};
use tokio_postgres::error::{DbError, SqlState};

/// An error of PostgreSQL or of the connection. Each variant needs a different action of the operator.
///
/// Notices and the execution history show the messages, so they contain no secrets. They contain values of rows only
/// where PostgreSQL quotes one in its primary message.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// A later attempt may succeed.
    #[error("{0}")]
    Unavailable(String),
    /// PostgreSQL rejects the statement, and would reject it again.
    #[error("{0}")]
    Refused(String),
    /// The address, the secret or the certificate is unusable.
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
            Some(error) if is_transient(error.code()) => Self::Unavailable(describe(error)),
            Some(error) => Self::Refused(describe(error)),
            None => Self::Unavailable(error_chain(&error)),
        }
    }
}

/// Whether the same statement may succeed later, by the SQLSTATE.
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
pub fn is_transient(code: &SqlState) -> bool {
    let code = code.code();
    matches!(
        code.get(..2),
        // Connection; serialization failure and deadlock; no disk space, memory or connections; lock not available;
        // shutdown, startup or cancellation; I/O error.
        Some("08" | "40" | "53" | "55" | "57" | "58")
    ) // Read-only transaction (a failover); idle or transaction timeout.
        || matches!(code, "25006" | "25P03" | "25P04")
}

/// Formats an error without its detail and context, which quote values of the row.
fn describe(error: &DbError) -> String {
    let place = match (error.table(), error.column(), error.constraint()) {
        (Some(table), _, Some(constraint)) => format!(" (constraint {constraint} of table {table})"),
        (Some(table), Some(column), None) => format!(" (column {column} of table {table})"),
        _ => String::new(),
    };
    format!("PostgreSQL error {}: {}{place}", error.code().code(), error.message())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlstate_decides_if_error_is_transient() {
        let check =
            |code: &str, expected: bool| assert_eq!(is_transient(&SqlState::from_code(code)), expected, "{code}");
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
