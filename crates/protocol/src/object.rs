use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// One version of an S3 object, with the fields that its event has.
///
/// `key` is the decoded key: [`crate::Event::decode`] removes the encodings of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectRef {
    pub bucket: String,
    pub key: String,
    /// Only in a bucket with versioning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// Without the quotes of the HTTP header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// Hex digits of varying length. Compare only sequencers of one key, by [`ObjectRef::ordered_sequencer`].
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

    /// Returns the part of the key after its last `/`. It is empty for a folder marker.
    pub fn file_name(&self) -> &str {
        self.key.rsplit('/').next().unwrap_or(&self.key)
    }

    /// Returns the sequencer, padded to equal length: its text order is the order of the writes.
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
    fn sequencers_order_by_value() {
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
    fn file_name_follows_the_last_slash() {
        let name = |key: &str| ObjectRef::new("b", key).file_name().to_owned();
        assert_eq!(name("a/b/c.csv"), "c.csv");
        assert_eq!(name("c.csv"), "c.csv");
        assert_eq!(name("a/b/"), "");
    }
}
