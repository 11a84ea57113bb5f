use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// One version of one S3 object, as exactly as its event tells.
///
/// `key` is the real key, decoded: the encodings of the event shapes end at [`crate::Event::decode`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectRef {
    pub bucket: String,
    pub key: String,
    /// Only in a bucket with versioning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// Without the quotes that HTTP puts around it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// Hex of varying length, comparable for one key only, and only as [`ObjectRef::ordered_sequencer`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequencer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_time: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
}

impl ObjectRef {
    pub fn new(bucket: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            bucket: bucket.into(),
            key: key.into(),
            version_id: None,
            etag: None,
            size_bytes: None,
            sequencer: None,
            event_time: None,
            event_id: None,
        }
    }

    /// The part of the key after its last `/`; empty for a folder marker.
    pub fn file_name(&self) -> &str {
        self.key.rsplit('/').next().unwrap_or(&self.key)
    }

    /// The sequencer in a form whose text order is the order of the writes: left-padded, lower case.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>
    pub fn ordered_sequencer(&self) -> Option<String> {
        self.sequencer.as_deref().map(|hex| format!("{:0>32}", hex.to_ascii_lowercase()))
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequencers_order_by_value_and_not_by_text() {
        let padded = |hex: &str| {
            let mut object = ObjectRef::new("b", "k");
            object.sequencer = Some(hex.to_owned());
            object.ordered_sequencer()
        };
        assert!(padded("9") < padded("A0"));
        assert!(padded("0055AED6DCD90281E5") < padded("0055AED6DCD90281E6"));
        assert_eq!(padded("ab"), padded("00AB"));
        assert_eq!(ObjectRef::new("b", "k").ordered_sequencer(), None);
    }

    #[test]
    fn the_file_name_is_what_follows_the_last_slash() {
        let name = |key: &str| ObjectRef::new("b", key).file_name().to_owned();
        assert_eq!(name("a/b/c.csv"), "c.csv");
        assert_eq!(name("c.csv"), "c.csv");
        assert_eq!(name("a/b/"), "");
    }
}
