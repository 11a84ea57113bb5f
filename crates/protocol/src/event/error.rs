use crate::failure::{Failure, FailureName};
use crate::limits::KEY_BYTES_MAX;

/// An event without a created object.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEvent {
    #[error("unrecognized event: {found}")]
    UnknownShape { found: String },
    /// A field identifies the shape, but other fields are invalid.
    #[error("{shape}: {at}{reason}")]
    Malformed { shape: &'static str, at: FieldPath, reason: String },
    #[error("{shape}: unsupported event {what:?}, expected the creation of an object")]
    NotACreation { shape: &'static str, what: String },
    #[error("{shape}: the API call failed with {error_code}")]
    FailedCall { shape: &'static str, error_code: String },
    #[error("{shape}: its message is not JSON: {reason}")]
    NotJson { shape: &'static str, reason: String },
    #[error("`Records` is empty")]
    NoRecord,
    #[error("{count} records in one event, expected one: {}", found.join("; "))]
    SeveralRecords { count: usize, found: Vec<String> },
    #[error("the event has more than {limit} layers")]
    WrappedTooOften { limit: usize },
    #[error("the key {key:?} does not decode to UTF-8")]
    KeyNotUtf8 { key: String },
    #[error("the bucket name of key {key:?} is empty")]
    EmptyBucket { key: String },
    #[error("the key in bucket {bucket:?} is empty")]
    EmptyKey { bucket: String },
    #[error("the key in bucket {bucket:?} has {bytes} bytes, expected at most {}", KEY_BYTES_MAX)]
    KeyTooLong { bucket: String, bytes: usize },
}

impl Failure for InvalidEvent {
    fn name(&self) -> FailureName {
        FailureName::InvalidEvent
    }
}

/// The path of a field, such as `detail.object`. It is empty for the document.
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
