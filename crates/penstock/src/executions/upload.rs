use aws_sdk_s3::primitives::ByteStream;
use local_stack::AwsClients;

use crate::error::{Error, Result};

/// An uploaded object, identified as in its event.
#[derive(Clone, Debug)]
pub(crate) struct UploadedObject {
    pub(crate) key: String,
    /// `None` in a bucket without versioning.
    pub(crate) version_id: Option<String>,
}

pub(crate) async fn upload(
    clients: &AwsClients,
    bucket: &str,
    key: String,
    body: ByteStream,
) -> Result<UploadedObject> {
    let put = clients.s3.put_object().bucket(bucket).key(&key).body(body).send().await;
    let put = put.map_err(Error::aws(format!("uploading s3://{bucket}/{key}")))?;
    // S3 calls the only version in a bucket without versioning "null".
    Ok(UploadedObject { key, version_id: put.version_id.filter(|version| version != "null") })
}
