use aws_sdk_s3::Client;
use chrono::{DateTime, Utc};
use object_store::{StorageError, StorageErrorKind};
use protocol::ObjectRef;

/// The metadata of an object in S3.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectHead {
    pub version_id: Option<String>,
    /// Without quotes.
    pub etag: Option<String>,
    pub size_bytes: Option<u64>,
    pub last_modified: Option<DateTime<Utc>>,
}

/// Reads the metadata of the given version, or of the newest version without one. Returns `None` for a missing object.
pub(crate) async fn head(s3: &Client, object: &ObjectRef) -> Result<Option<ObjectHead>, StorageError> {
    let request = s3.head_object().bucket(&object.bucket).key(&object.key);
    match request.set_version_id(object.version_id.clone()).send().await {
        Ok(head) => Ok(Some(ObjectHead {
            version_id: head.version_id,
            etag: head.e_tag.map(|etag| etag.trim_matches('"').to_owned()),
            size_bytes: head.content_length.and_then(|bytes| u64::try_from(bytes).ok()),
            last_modified: head.last_modified.and_then(|at| DateTime::from_timestamp(at.secs(), at.subsec_nanos())),
        })),
        Err(error) => match StorageError::new("HEAD", object, &error) {
            StorageError { kind: StorageErrorKind::Absent, .. } => Ok(None),
            error => Err(error),
        },
    }
}
