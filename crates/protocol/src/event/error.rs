use crate::{Failure, FailureName};

/// Why an event leads to no object.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEvent {
    #[error("an event of no shape that is known: it is {found}")]
    UnknownShape { found: String },
    /// The shape is known by a field that no other has, but the rest of it does not hold.
    #[error("{shape}: {at}{reason}")]
    Malformed { shape: &'static str, at: FieldPath, reason: String },
    #[error("{shape}: it tells of {what:?}, and only the creation of an object leads to a load")]
    NotACreation { shape: &'static str, what: String },
    #[error("{shape}: the call failed with {error_code}, so there is no object")]
    FailedCall { shape: &'static str, error_code: String },
    #[error("{shape}: the text that it carries is not JSON: {reason}")]
    CarriesNoJson { shape: &'static str, reason: String },
    #[error("`Records` is empty")]
    NoRecord,
    #[error("{count} records in one event ({}), and one execution takes one object", found.join("; "))]
    SeveralRecords { count: usize, found: Vec<String> },
    #[error("wrapped more than {limit} times")]
    WrappedTooOften { limit: usize },
    #[error("the key {key:?} is not UTF-8 once it is decoded")]
    KeyNotUtf8 { key: String },
    #[error("the bucket of the key {key:?} is empty")]
    EmptyBucket { key: String },
    #[error("the key in bucket {bucket:?} is empty")]
    EmptyKey { bucket: String },
    #[error("the key in bucket {bucket:?} has {bytes} bytes, and S3 allows {}", super::KEY_BYTES_MAX)]
    KeyTooLong { bucket: String, bytes: usize },
}

impl Failure for InvalidEvent {
    fn name(&self) -> FailureName {
        FailureName::InvalidEvent
    }
}

/// Where in a document, such as `detail.object`; empty for the document itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldPath(String);

impl FieldPath {
    pub(super) fn empty() -> Self {
        Self(String::new())
    }

    pub(super) fn new(path: &serde_path_to_error::Path) -> Self {
        let path = path.to_string();
        Self(if path == "." { String::new() } else { path })
    }
}

impl std::fmt::Display for FieldPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "{}: ", self.0) }
    }
}
