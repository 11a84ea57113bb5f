use aws_sdk_s3::Client;

use crate::{Fault, StorageError};

/// A small object's bytes; none when it is not there.
pub async fn read_whole(
    s3: &Client,
    bucket: &str,
    key: &str,
    bytes_max: usize,
) -> Result<Option<Vec<u8>>, StorageError> {
    let at = format!("s3://{bucket}/{key}");
    let object = match s3.get_object().bucket(bucket).key(key).send().await {
        Ok(object) => object,
        Err(error) => {
            return match StorageError::new("GET", &at, &error) {
                StorageError { fault: Fault::Absent, .. } => Ok(None),
                error => Err(error),
            };
        }
    };
    let bytes = object.content_length().unwrap_or_default();
    if usize::try_from(bytes).is_ok_and(|bytes| bytes > bytes_max) {
        let reason = format!("{bytes} bytes, and at most {bytes_max} are read");
        return Err(StorageError { operation: "GET", at, fault: Fault::TooLarge, reason });
    }
    let body = object.body.collect().await.map_err(|error| StorageError::broken_off("GET", &at, &error))?;
    Ok(Some(body.to_vec()))
}
