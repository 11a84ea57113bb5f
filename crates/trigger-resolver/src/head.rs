use aws_sdk_s3::Client;
use chrono::{DateTime, Utc};
use object_store::{StorageError, StorageErrorKind};
use protocol::ObjectRef;

/// What S3 says of an object that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub version_id: Option<String>,
    /// Without quotes.
    pub etag: Option<String>,
    pub size_bytes: Option<u64>,
    pub last_modified: Option<DateTime<Utc>>,
}

/// HEAD of the object: of the version that is named, else of the newest. None when it is not there.
pub(crate) async fn find(s3: &Client, object: &ObjectRef) -> Result<Option<Found>, StorageError> {
    let answer =
        s3.head_object().bucket(&object.bucket).key(&object.key).set_version_id(object.version_id.clone()).send().await;
    match answer {
        Ok(head) => Ok(Some(Found {
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
