use std::error::Error;
use std::fmt;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use protocol::{Failure, FailureName, error_chain};

/// The class of a failed S3 request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageErrorKind {
    /// A later attempt may succeed.
    Unavailable,
    /// S3 rejects the request, and would reject it again.
    Denied,
    /// The bucket, object or version does not exist.
    Absent,
}

/// An S3 request that failed after all its retries.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation} {at}: {reason}")]
pub struct StorageError {
    /// The HTTP method, or `LIST` or `ABORT`.
    pub operation: &'static str,
    /// The address: `s3://bucket/key`.
    pub at: String,
    pub kind: StorageErrorKind,
    pub reason: String,
}

impl Failure for StorageError {
    fn name(&self) -> FailureName {
        match self.kind {
            StorageErrorKind::Unavailable => FailureName::StorageUnavailable,
            StorageErrorKind::Denied | StorageErrorKind::Absent => FailureName::StorageDenied,
        }
    }
}

impl StorageError {
    /// Classifies a failed request by its HTTP status.
    pub fn new<E>(operation: &'static str, at: &impl fmt::Display, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        Self { operation, at: at.to_string(), kind: kind(status), reason: reason(error, status) }
    }

    /// A body that ended before its last byte.
    pub(crate) fn interrupted(operation: &'static str, at: &impl fmt::Display, error: &(dyn Error + 'static)) -> Self {
        Self { operation, at: at.to_string(), kind: StorageErrorKind::Unavailable, reason: error_chain(error) }
    }

    /// An answer that lacks a required field.
    pub(crate) fn incomplete(operation: &'static str, at: &impl fmt::Display, reason: &str) -> Self {
        Self { operation, at: at.to_string(), kind: StorageErrorKind::Unavailable, reason: reason.to_owned() }
    }
}

/// Without a status no answer came: the connection failed, or a time limit passed.
fn kind(status: Option<u16>) -> StorageErrorKind {
    match status {
        // S3 answers 405 for a version that is a delete marker.
        Some(404 | 405) => StorageErrorKind::Absent,
        None | Some(200..=299 | 408 | 429 | 500..) => StorageErrorKind::Unavailable,
        Some(_) => StorageErrorKind::Denied,
    }
}

fn reason<E>(error: &SdkError<E, HttpResponse>, status: Option<u16>) -> String
where
    E: Error + ProvideErrorMetadata + 'static,
{
    let Some(status) = status else { return error_chain(error) };
    let details = [error.code(), error.message()].into_iter().flatten().collect::<Vec<_>>().join(": ");
    if details.is_empty() { format!("S3 answered {status}") } else { format!("S3 answered {status} {details}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_determines_the_error_kind() {
        for (status, expected) in [
            (None, StorageErrorKind::Unavailable),
            (Some(500), StorageErrorKind::Unavailable),
            (Some(503), StorageErrorKind::Unavailable),
            (Some(429), StorageErrorKind::Unavailable),
            (Some(200), StorageErrorKind::Unavailable),
            (Some(301), StorageErrorKind::Denied),
            (Some(401), StorageErrorKind::Denied),
            (Some(403), StorageErrorKind::Denied),
            (Some(400), StorageErrorKind::Denied),
            (Some(404), StorageErrorKind::Absent),
            (Some(405), StorageErrorKind::Absent),
        ] {
            assert_eq!(kind(status), expected, "{status:?}");
        }
    }
}
