use chrono::{DateTime, Utc};
use postgres::DatabaseError;
use protocol::{Failure, FailureName, RejectSample};

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
    File { object: String, source: formats::FileError },
    #[error("{object}: {reason}; the first: {}", samples(.first))]
    TooManyRejects { object: String, reason: String, first: Vec<RejectSample> },
    #[error(
        "{object}: has no rows from which columns could be inferred; declare them, or begin with a file that has rows"
    )]
    NothingToInfer { object: String },
    #[error("{object}: stopped before the time was over, after {bytes_read} of {bytes} bytes in {elapsed_s} s{}",
            estimate(*.bytes_read, *.bytes, *.elapsed_s))]
    DeadlineExceeded { object: String, bytes_read: u64, bytes: u64, elapsed_s: u64 },

    #[error("{object}: load {load_id} cannot be repaired: {reason}")]
    NotRepairable { object: String, load_id: i64, reason: String },

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
            Self::NotRepairable { .. } => FailureName::NotRepairable,
            Self::DatabaseUnavailable(_) => FailureName::DatabaseUnavailable,
            Self::LoadInProgress { .. } | Self::TableBusy { .. } | Self::RunBusy { .. } => FailureName::LoadInProgress,
            Self::DatabaseRefused(_) => FailureName::DatabaseRefused,
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
        // Broken compression reads as an I/O error; S3's own have been named before this one is looked at.
        formats::FileError::Malformed { .. } | formats::FileError::Read(_) => FailureName::MalformedFile,
        formats::FileError::Closed(_) => FailureName::InternalError,
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

impl From<DatabaseError> for LoadError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Unavailable(reason) => Self::DatabaseUnavailable(reason),
            DatabaseError::Refused(reason) => Self::DatabaseRefused(reason),
            DatabaseError::Misconfigured(reason) => Self::InvalidConfiguration(reason),
            DatabaseError::Internal(reason) => Self::Internal(reason),
        }
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
    fn the_time_that_a_file_needs_is_estimated() {
        let check = |bytes_read: u64, bytes: u64, says: &str| assert_eq!(estimate(bytes_read, bytes, 880), says);
        check(500, 1000, "; at this pace all of it takes 1760 s");
        check(0, 1000, "");
        check(1000, 1000, "");
    }
}
