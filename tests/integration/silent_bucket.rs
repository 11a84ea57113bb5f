//! A bucket that sends no events.

use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use serde_json::Value;
use test_support::Stack;

/// The bucket of `pipelines/silent`.
pub(crate) const SILENT_BUCKET: &str = "penstock-silent";

/// Creates the versioned bucket unless another test has.
pub(crate) async fn silent_bucket(stack: &Stack) {
    if stack.s3.head_bucket().bucket(SILENT_BUCKET).send().await.is_err() {
        // Two tests may create it at once. The second one gets an error, and the bucket exists.
        let _ = stack.s3.create_bucket().bucket(SILENT_BUCKET).send().await;
    }
    let versioning = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    let request = stack.s3.put_bucket_versioning().bucket(SILENT_BUCKET);
    request.versioning_configuration(versioning).send().await.unwrap();
}

/// Writes an object to the bucket and returns the event that S3 would have sent.
pub(crate) async fn put_silently(stack: &Stack, key: &str, body: &str) -> Value {
    let body = body.as_bytes().to_vec();
    let size = body.len();
    let request = stack.s3.put_object().bucket(SILENT_BUCKET).key(key).body(body.into());
    let put = request.send().await.unwrap();
    serde_json::json!({
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "000000000000",
        "time": "2024-05-01T06:07:08Z",
        "region": stack.env("AWS_REGION"),
        "resources": [format!("arn:aws:s3:::{SILENT_BUCKET}")],
        "detail": {
            "version": "0",
            "bucket": {"name": SILENT_BUCKET},
            "object": {
                "key": key,
                "size": size,
                "etag": put.e_tag.unwrap().trim_matches('"'),
                "version-id": put.version_id,
                "sequencer": "0055AED6DCD90281E5",
            },
            "reason": "PutObject",
        },
    })
}
