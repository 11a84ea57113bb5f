use protocol::{Failure, FailureName, error_chain};
use tokio_postgres::error::DbError;

use crate::sql_state::is_transient;

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

/// Formats an error without its detail and context, which quote values of the row.
fn describe(error: &DbError) -> String {
    let place = match (error.table(), error.column(), error.constraint()) {
        (Some(table), _, Some(constraint)) => format!(" (constraint {constraint} of table {table})"),
        (Some(table), Some(column), None) => format!(" (column {column} of table {table})"),
        _ => String::new(),
    };
    format!("PostgreSQL error {}: {}{place}", error.code().code(), error.message())
}
