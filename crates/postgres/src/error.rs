use protocol::{Failure, FailureName, error_chain};
use tokio_postgres::error::DbError;

use crate::sql_state::is_transient;

/// An error of PostgreSQL or of the connection. Each variant needs a different action of the operator.
///
/// Notices and the execution history show the messages, so they contain no secrets. They contain values of rows only
/// where PostgreSQL quotes one in its primary message, and the key of a row that violates a constraint.
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

/// Formats an error without its detail and context, which quote values of the row. The exception is a violated
/// constraint: its detail names the values of the key, which lead to the row.
fn describe(error: &DbError) -> String {
    let place = match (error.table(), error.column(), error.constraint()) {
        (Some(table), _, Some(constraint)) => format!(" (constraint {constraint} of table {table})"),
        (Some(table), Some(column), None) => format!(" (column {column} of table {table})"),
        _ => String::new(),
    };
    let key = error.detail().filter(|detail| is_about_key(error.code().code(), detail));
    let key = key.map(|detail| format!(": {detail}")).unwrap_or_default();
    format!("PostgreSQL error {}: {}{place}{key}", error.code().code(), error.message())
}

/// Returns true if the detail of an error has values of key columns only. The details of check and not null constraints
/// have the whole row.
fn is_about_key(code: &str, detail: &str) -> bool {
    code.starts_with("23") && (detail.starts_with("Key (") || detail.starts_with("Partition key "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detail_shows_only_keys_of_violated_constraints() {
        let check =
            |code: &str, detail: &str, expected: bool| assert_eq!(is_about_key(code, detail), expected, "{detail}");
        check("23505", "Key (id)=(1) already exists.", true);
        check("23503", "Key (customer)=(7) is not present in table \"customers\".", true);
        check("23514", "Partition key of the failing row contains (day) = (2024-01-01).", true);
        check("23514", "Failing row contains (1, secret).", false);
        check("23502", "Failing row contains (null, secret).", false);
        check("22001", "Key (id)=(1) already exists.", false);
    }
}
