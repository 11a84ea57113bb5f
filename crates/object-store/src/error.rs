use std::error::Error;
use std::fmt;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use protocol::error_chain;

/// What S3's answer, or its silence, means for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It may answer later.
    Unavailable,
    /// It will not answer us.
    Denied,
    /// It has no such thing.
    Absent,
    /// It is larger than what we read.
    TooLarge,
}

/// A call to S3 that failed, retries included.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation} {at}: {reason}")]
pub struct StorageError {
    pub operation: &'static str,
    pub at: String,
    pub fault: Fault,
    pub reason: String,
}

impl StorageError {
    pub fn new<E>(operation: &'static str, at: &impl fmt::Display, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        Self { operation, at: at.to_string(), fault: fault(status), reason: reason(error, status) }
    }

    /// The answer began well and broke off.
    pub(crate) fn broken_off(operation: &'static str, at: &impl fmt::Display, error: &(dyn Error + 'static)) -> Self {
        Self { operation, at: at.to_string(), fault: Fault::Unavailable, reason: error_chain(error) }
    }

    /// The answer was not one that can be.
    pub(crate) fn unclear(operation: &'static str, at: &impl fmt::Display, reason: &str) -> Self {
        Self { operation, at: at.to_string(), fault: Fault::Unavailable, reason: reason.to_owned() }
    }
}

/// No status means that no answer came: a connection that failed, or time that ran out.
fn fault(status: Option<u16>) -> Fault {
    match status {
        // 405 is the answer for a version that marks a deletion.
        Some(404 | 405) => Fault::Absent,
        None | Some(200..=299 | 408 | 429 | 500..) => Fault::Unavailable,
        Some(_) => Fault::Denied,
    }
}

fn reason<E>(error: &SdkError<E, HttpResponse>, status: Option<u16>) -> String
where
    E: Error + ProvideErrorMetadata + 'static,
{
    let Some(status) = status else { return error_chain(error) };
    let told = [error.code(), error.message()].into_iter().flatten().collect::<Vec<_>>().join(": ");
    if told.is_empty() { format!("S3 answers {status}") } else { format!("S3 answers {status} {told}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_decides_whether_to_try_again() {
        for (status, expected) in [
            (None, Fault::Unavailable),
            (Some(500), Fault::Unavailable),
            (Some(503), Fault::Unavailable),
            (Some(429), Fault::Unavailable),
            (Some(200), Fault::Unavailable),
            (Some(301), Fault::Denied),
            (Some(401), Fault::Denied),
            (Some(403), Fault::Denied),
            (Some(400), Fault::Denied),
            (Some(404), Fault::Absent),
            (Some(405), Fault::Absent),
        ] {
            assert_eq!(fault(status), expected, "{status:?}");
        }
    }
}
