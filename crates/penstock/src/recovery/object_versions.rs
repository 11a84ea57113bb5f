use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::head_object::HeadObjectError;
use futures_util::{StreamExt, TryStreamExt, stream};
use local_stack::{AwsClients, interrupt};
use protocol::ObjectRef;
use reconciliation::CONCURRENCY;

use crate::error::{Error, Result};

/// Returns for each object if its version is in the bucket.
pub(crate) async fn exist(clients: &AwsClients, objects: impl Iterator<Item = &ObjectRef>) -> Result<Vec<bool>> {
    let exists = async |object: &ObjectRef| {
        interrupt::check()?;
        let ObjectRef { bucket, key, version_id, .. } = object;
        let head = clients.s3.head_object().bucket(bucket).key(key).set_version_id(version_id.clone());
        match head.send().await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(error)) if is_absent(error.err(), error.raw().status().as_u16()) => Ok(false),
            Err(error) => Err(Error::aws(format!("reading {object}"))(error)),
        }
    };
    stream::iter(objects).map(exists).buffered(CONCURRENCY).try_collect().await
}

/// S3 answers 405 for the version of a delete marker, and 400 for a version id that it never made.
fn is_absent(error: &HeadObjectError, status: u16) -> bool {
    error.is_not_found() || matches!(status, 400 | 404 | 405)
}
