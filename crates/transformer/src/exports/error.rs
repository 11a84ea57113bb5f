use object_store::StorageError;
use parquet::errors::ParquetError;

/// Why an export failed.
#[derive(Debug)]
pub(super) enum ExportError {
    Database(tokio_postgres::Error),
    Storage(StorageError),
    /// The file format cannot store the result of the query.
    Unsupported(String),
}

impl From<String> for ExportError {
    fn from(reason: String) -> Self {
        Self::Unsupported(reason)
    }
}

impl From<ParquetError> for ExportError {
    fn from(error: ParquetError) -> Self {
        Self::Unsupported(error.to_string())
    }
}

impl From<tokio_postgres::Error> for ExportError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}

impl From<StorageError> for ExportError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}
