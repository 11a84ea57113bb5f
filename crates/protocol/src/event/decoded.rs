use std::fmt;

use crate::object::ObjectRef;

/// A decoded event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    ObjectCreated(ObjectRef),
    /// S3 sends it when notifications are enabled. It names no object.
    Test {
        bucket: String,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ObjectCreated(object) => object.fmt(f),
            Self::Test { bucket } => write!(f, "test event of s3://{bucket}"),
        }
    }
}
