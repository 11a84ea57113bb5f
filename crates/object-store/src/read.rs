use aws_sdk_s3::Client;

use crate::error::{StorageError, StorageErrorKind};

/// The result of [`read_small`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmallObject {
    Body(Vec<u8>),
    /// The object has more bytes than the limit; its body was not read.
    TooLarge {
        bytes: usize,
    },
    Absent,
}

/// Reads an object of at most `bytes_max` bytes into memory.
pub async fn read_small(s3: &Client, bucket: &str, key: &str, bytes_max: usize) -> Result<SmallObject, StorageError> {
    let at = format!("s3://{bucket}/{key}");
    let object = match s3.get_object().bucket(bucket).key(key).send().await {
        Ok(object) => object,
        Err(error) => {
            return match StorageError::new("GET", &at, &error) {
                StorageError { kind: StorageErrorKind::Absent, .. } => Ok(SmallObject::Absent),
                error => Err(error),
            };
        }
    };
    let bytes = usize::try_from(object.content_length().unwrap_or_default()).unwrap_or_default();
    if bytes > bytes_max {
        return Ok(SmallObject::TooLarge { bytes });
    }
    let body = object.body.collect().await.map_err(|error| StorageError::interrupted("GET", &at, &error))?;
    Ok(SmallObject::Body(body.to_vec()))
}
