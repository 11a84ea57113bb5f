use chrono::{DateTime, Utc};
use contracts::{Failure, FailureName, RejectSample};
use tokio_postgres::error::{DbError, SqlState};

/// Why nothing of an object was loaded: one variant for each thing that an operator does about it.
///
/// Messages reach notices and the machine's history: no secret and, but for what PostgreSQL's own message quotes, no
/// value of a row is in them.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("{0}")]
    InvalidInput(String),
    #[error("{0}")]
    InvalidDefinition(String),
    #[error("{0}")]
    InvalidConfiguration(String),
    #[error("{0}")]
    Internal(String),

    #[error("{object}: {reason}")]
    ObjectMissing { object: String, reason: String },
    #[error("{object}: {reason}")]
    ObjectReplaced { object: String, reason: String },
    #[error("{object}: {reason}")]
    ObjectCorrupted { object: String, reason: String },
    #[error("{object}: {reason}")]
    StorageDenied { object: String, reason: String },
    #[error("{object}: {reason}")]
    StorageUnavailable { object: String, reason: String },
    #[error("{object}: nothing came for {silence_s} s, after {bytes_read} of {bytes} bytes")]
    StorageStalled { object: String, silence_s: u64, bytes_read: u64, bytes: u64 },

    #[error("{object}: {source}")]
    File { object: String, source: rows::FileError },
    #[error("{object}: {reason}; the first: {}", samples(.first))]
    TooManyRejects { object: String, reason: String, first: Vec<RejectSample> },
    #[error(
        "{object}: has no rows from which columns could be inferred; declare them, or begin with a file that has rows"
    )]
    NothingToInfer { object: String },
    #[error("{object}: stopped before the time was over, after {bytes_read} of {bytes} bytes in {elapsed_s} s{}",
            estimate(*.bytes_read, *.bytes, *.elapsed_s))]
    DeadlineExceeded { object: String, bytes_read: u64, bytes: u64, elapsed_s: u64 },

    #[error("{0}")]
    DatabaseUnavailable(String),
    #[error("{object}: another load of this key is under way")]
    LoadInProgress { object: String },
    #[error("{table}: {reason}")]
    TableBusy { table: String, reason: String },
    #[error("run of {pipeline} for {logical_at}: {reason}")]
    RunBusy { pipeline: String, logical_at: DateTime<Utc>, reason: String },
    #[error("{0}")]
    DatabaseRefused(String),
    #[error("{table}: {}", .differences.join("; "))]
    TableMismatch { table: String, differences: Vec<String> },
}

impl Failure for LoadError {
    fn name(&self) -> FailureName {
        match self {
            Self::InvalidInput(_) => FailureName::InvalidInput,
            Self::InvalidDefinition(_) => FailureName::InvalidDefinition,
            Self::InvalidConfiguration(_) => FailureName::InvalidConfiguration,
            Self::Internal(_) => FailureName::InternalError,
            Self::ObjectMissing { .. } => FailureName::ObjectMissing,
            Self::ObjectReplaced { .. } => FailureName::ObjectReplaced,
            Self::ObjectCorrupted { .. } => FailureName::ObjectCorrupted,
            Self::StorageDenied { .. } => FailureName::StorageDenied,
            Self::StorageUnavailable { .. } => FailureName::StorageUnavailable,
            Self::StorageStalled { .. } => FailureName::StorageStalled,
            Self::File { source, .. } => file_failure(source),
            Self::TooManyRejects { .. } => FailureName::TooManyRejects,
            // One thing to do: to say the columns.
            Self::NothingToInfer { .. } => FailureName::HeaderMismatch,
            Self::DeadlineExceeded { .. } => FailureName::DeadlineExceeded,
            Self::DatabaseUnavailable(_) => FailureName::DatabaseUnavailable,
            Self::LoadInProgress { .. } | Self::TableBusy { .. } | Self::RunBusy { .. } => FailureName::LoadInProgress,
            Self::DatabaseRefused(_) => FailureName::DatabaseRefused,
            Self::TableMismatch { .. } => FailureName::TableMismatch,
        }
    }
}

fn file_failure(error: &rows::FileError) -> FailureName {
    match error {
        rows::FileError::Empty => FailureName::EmptyFile,
        rows::FileError::HeaderMismatch { .. } => FailureName::HeaderMismatch,
        rows::FileError::RecordTooLarge { .. } => FailureName::RecordTooLarge,
        rows::FileError::DecompressionLimit { .. } => FailureName::DecompressionLimit,
        // Broken compression reads as an I/O error; S3's own have been named before this one is looked at.
        rows::FileError::Malformed { .. } | rows::FileError::Read(_) => FailureName::MalformedFile,
        rows::FileError::Closed(_) => FailureName::InternalError,
    }
}

/// What the whole object would take at this pace; nothing when there is no pace to speak of.
fn estimate(bytes_read: u64, bytes: u64, elapsed_s: u64) -> String {
    match (elapsed_s * bytes).checked_div(bytes_read) {
        Some(whole_s) if whole_s > elapsed_s => format!("; at this pace all of it takes {whole_s} s"),
        _ => String::new(),
    }
}

fn samples(first: &[RejectSample]) -> String {
    first.iter().map(describe).collect::<Vec<_>>().join("; ")
}

fn describe(reject: &RejectSample) -> String {
    match &reject.column {
        Some(column) => format!("line {}, column {column}: {}", reject.line, reject.reason),
        None => format!("line {}: {}", reject.line, reject.reason),
    }
}

impl From<tokio_postgres::Error> for LoadError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(refusal) if may_pass(refusal.code()) => Self::DatabaseUnavailable(told(refusal)),
            Some(refusal) => Self::DatabaseRefused(told(refusal)),
            None => Self::DatabaseUnavailable(chain(&error)),
        }
    }
}

/// Whether the same statement may succeed later, by the class of the SQLSTATE.
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn may_pass(code: &SqlState) -> bool {
    let code = code.code();
    matches!(
        code.get(..2),
        // Connection; out of disk, memory or connections; shut down, starting up or cancelled.
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

/// An error and what caused it, from the outside in.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_a_file_needs_is_estimated() {
        let check = |bytes_read: u64, bytes: u64, says: &str| assert_eq!(estimate(bytes_read, bytes, 880), says);
        check(500, 1000, "; at this pace all of it takes 1760 s");
        check(0, 1000, "");
        check(1000, 1000, "");
    }

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
