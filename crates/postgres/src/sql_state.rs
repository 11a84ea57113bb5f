//! Classifies SQLSTATE codes: <https://www.postgresql.org/docs/current/errcodes-appendix.html>

use tokio_postgres::error::SqlState;

/// The class of an error in a statement of a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementErrorClass {
    /// Another session holds a lock. A later attempt may succeed.
    Busy,
    /// The server or the connection failed. A later attempt may succeed.
    Transient,
    /// PostgreSQL would reject the statement again.
    Permanent,
}

/// Classifies an error in a statement of Penstock. Returns true if the same statement may succeed later.
pub(crate) fn is_transient(code: &SqlState) -> bool {
    let code = code.code();
    matches!(
        code.get(..2),
        // Connection; serialization failure and deadlock; no disk space, memory or connections; lock not available;
        // shutdown, startup or cancellation; I/O error.
        Some("08" | "40" | "53" | "55" | "57" | "58")
    ) // Read-only transaction after a failover; time limit of an idle session or of the transaction.
        || matches!(code, "25006" | "25P03" | "25P04")
}

/// Classifies an error in a statement of a pipeline. Fewer codes are transient than for a statement of Penstock, because
/// the statement itself may be the cause of `55000`.
pub fn statement_error_class(code: &SqlState) -> StatementErrorClass {
    let code = code.code();
    match code.get(..2) {
        // Serialization failure, deadlock.
        Some("40") => StatementErrorClass::Busy,
        // Connection; no disk space, memory or connections; I/O error.
        Some("08" | "53" | "58") => StatementErrorClass::Transient,
        // Server shutdown or start, but not a cancelled query.
        Some("57") if code != SqlState::QUERY_CANCELED.code() => StatementErrorClass::Transient,
        // Object in use, lock not available.
        _ if matches!(code, "55006" | "55P03") => StatementErrorClass::Busy,
        // Time limit of an idle session or of the transaction.
        _ if matches!(code, "25P03" | "25P04") => StatementErrorClass::Transient,
        _ => StatementErrorClass::Permanent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_state_decides_if_error_is_transient() {
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

    #[test]
    fn sql_state_determines_the_statement_error_class() {
        let check = |code: &str, expected: StatementErrorClass| {
            assert_eq!(statement_error_class(&SqlState::from_code(code)), expected, "{code}");
        };
        check("40001", StatementErrorClass::Busy);
        check("40P01", StatementErrorClass::Busy);
        check("55P03", StatementErrorClass::Busy);
        check("55006", StatementErrorClass::Busy);
        check("08006", StatementErrorClass::Transient);
        check("53100", StatementErrorClass::Transient);
        check("57P01", StatementErrorClass::Transient);
        check("25P03", StatementErrorClass::Transient);
        check("57014", StatementErrorClass::Permanent);
        check("55000", StatementErrorClass::Permanent);
        check("25006", StatementErrorClass::Permanent);
        check("42703", StatementErrorClass::Permanent);
        check("23505", StatementErrorClass::Permanent);
        check("P0001", StatementErrorClass::Permanent);
    }
}
