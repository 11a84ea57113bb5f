use chrono::{DateTime, Utc};
use postgres::DatabaseError;
use protocol::{Failure, FailureName, RejectSample};

/// A failed load. Each variant needs a different action of the operator.
///
/// Notices and the execution history show the messages, so they contain no secrets. They contain values of rows only
/// where PostgreSQL quotes one in its primary message.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("{0}")]
    InvalidInput(String),
    #[error("{0}")]
    InvalidDefinition(String),
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
    #[error("{object}: S3 sent nothing for {silence_s} s, after {bytes_read} of {bytes} bytes")]
    StorageStalled { object: String, silence_s: u64, bytes_read: u64, bytes: u64 },

    #[error("{object}: {source}")]
    File { object: String, source: formats::FileError },
    #[error("{object}: {reason}; first rejects: {}", samples(.first))]
    TooManyRejects { object: String, reason: String, first: Vec<RejectSample> },
    #[error("{object}: the file has no rows, and `write = \"replace\"` would empty the table {table}")]
    EmptyReplacement { object: String, table: String },
    #[error("{object}: the file has no rows, so its columns cannot be inferred")]
    NothingToInfer { object: String },
    #[error("{object}: the load stopped before its time limit, after {bytes_read} of {bytes} bytes in {elapsed_s} s{}",
            estimate(*.bytes_read, *.bytes, *.elapsed_s))]
    DeadlineExceeded { object: String, bytes_read: u64, bytes: u64, elapsed_s: u64 },

    #[error("{object}: load {load_id} cannot be loaded again: {reason}")]
    NotReloadable { object: String, load_id: i64, reason: String },
    #[error("{object}: load {load_id} cannot be repaired: {reason}")]
    NotRepairable { object: String, load_id: i64, reason: String },

    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("{object}: another load of this key is in progress")]
    LoadInProgress { object: String },
    #[error("{table}: {reason}")]
    TableBusy { table: String, reason: String },
    #[error("run of {pipeline} for {logical_at}: {reason}")]
    RunBusy { pipeline: String, logical_at: DateTime<Utc>, reason: String },
    #[error("{table}: {}", .differences.join("; "))]
    TableMismatch { table: String, differences: Vec<String> },
}

impl Failure for LoadError {
    fn name(&self) -> FailureName {
        match self {
            Self::InvalidInput(_) => FailureName::InvalidInput,
            Self::InvalidDefinition(_) => FailureName::InvalidDefinition,
            Self::Internal(_) => FailureName::InternalError,
            Self::ObjectMissing { .. } => FailureName::ObjectMissing,
            Self::ObjectReplaced { .. } => FailureName::ObjectReplaced,
            Self::ObjectCorrupted { .. } => FailureName::ObjectCorrupted,
            Self::StorageDenied { .. } => FailureName::StorageDenied,
            Self::StorageUnavailable { .. } => FailureName::StorageUnavailable,
            Self::StorageStalled { .. } => FailureName::StorageStalled,
            Self::File { source, .. } => file_failure(source),
            Self::TooManyRejects { .. } => FailureName::TooManyRejects,
            Self::EmptyReplacement { .. } => FailureName::EmptyFile,
            // The remedy is the same: declare the columns.
            Self::NothingToInfer { .. } => FailureName::HeaderMismatch,
            Self::DeadlineExceeded { .. } => FailureName::DeadlineExceeded,
            Self::NotReloadable { .. } => FailureName::NotReloadable,
            Self::NotRepairable { .. } => FailureName::NotRepairable,
            Self::Database(error) => error.name(),
            Self::LoadInProgress { .. } | Self::TableBusy { .. } | Self::RunBusy { .. } => FailureName::LoadInProgress,
            Self::TableMismatch { .. } => FailureName::TableMismatch,
        }
    }
}

fn file_failure(error: &formats::FileError) -> FailureName {
    match error {
        formats::FileError::Empty => FailureName::EmptyFile,
        formats::FileError::HeaderMismatch { .. } => FailureName::HeaderMismatch,
        formats::FileError::RecordTooLarge { .. } => FailureName::RecordTooLarge,
        formats::FileError::DecompressionLimit { .. } => FailureName::DecompressionLimit,
        // Only corrupt compression is an I/O error here: a failed download ends the load with its own error.
        formats::FileError::Malformed { .. } | formats::FileError::Read(_) => FailureName::MalformedFile,
        formats::FileError::Closed(_) => FailureName::InternalError,
    }
}

/// Estimates the time for the whole object. The text is empty if nothing was read.
fn estimate(bytes_read: u64, bytes: u64, elapsed_s: u64) -> String {
    match (elapsed_s * bytes).checked_div(bytes_read) {
        Some(whole_s) if whole_s > elapsed_s => format!("; at this speed the file takes {whole_s} s"),
        _ => String::new(),
    }
}

fn samples(first: &[RejectSample]) -> String {
    first.iter().map(describe).collect::<Vec<_>>().join("; ")
}

fn describe(reject: &RejectSample) -> String {
    let lines = match reject.last_line {
        Some(last_line) => format!("lines {} to {last_line}", reject.line),
        None => format!("line {}", reject.line),
    };
    match &reject.column {
        Some(column) => format!("{lines}, column {column}: {}", reject.reason),
        None => format!("{lines}: {}", reject.reason),
    }
}

impl From<tokio_postgres::Error> for LoadError {
    fn from(error: tokio_postgres::Error) -> Self {
        DatabaseError::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_estimates_the_time_of_the_file() {
        let check =
            |bytes_read: u64, bytes: u64, expected: &str| assert_eq!(estimate(bytes_read, bytes, 880), expected);
        check(500, 1000, "; at this speed the file takes 1760 s");
        check(0, 1000, "");
        check(1000, 1000, "");
    }
}
