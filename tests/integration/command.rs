//! The command line as a user types it, and a bucket of which no event ever leaves.

use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use serde_json::Value;
use test_support::Stack;

/// As in `pipelines/silent`.
pub(crate) const SILENT_BUCKET: &str = "penstock-silent";

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) succeeded: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs `penstock` with the stack's addresses, some of which may be others.
pub(crate) fn penstock(stack: &Stack, others: &[(&str, &str)], arguments: &[&str]) -> Answer {
    let output = stack.command(arguments).envs(others.iter().copied()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Answer { succeeded: output.status.success(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// Makes the bucket, with versions, unless another test has.
pub(crate) async fn silent_bucket(stack: &Stack) {
    if stack.s3.head_bucket().bucket(SILENT_BUCKET).send().await.is_err() {
        // Two tests may come here at once, and both are content with what the first made.
        let _ = stack.s3.create_bucket().bucket(SILENT_BUCKET).send().await;
    }
    let versioning = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    let request = stack.s3.put_bucket_versioning().bucket(SILENT_BUCKET);
    request.versioning_configuration(versioning).send().await.unwrap();
}

/// Puts an object there, and gives the event of it that was never sent.
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

/// A queue of one test's own in place of the stack's, which all tests share.
pub(crate) struct Queue {
    sqs: aws_sdk_sqs::Client,
    pub(crate) url: String,
}

impl Queue {
    pub(crate) async fn new(stack: &Stack, name: &str) -> Self {
        let keys =
            Credentials::new(stack.env("AWS_ACCESS_KEY_ID"), stack.env("AWS_SECRET_ACCESS_KEY"), None, None, "test");
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(stack.env("AWS_ENDPOINT_URL"))
            .region(Region::new(stack.env("AWS_REGION").to_owned()))
            .credentials_provider(keys);
        let sqs = aws_sdk_sqs::Client::from_conf(config.build());
        let url = sqs.create_queue().queue_name(name).send().await.unwrap().queue_url.unwrap();
        Self { sqs, url }
    }

    /// A letter as EventBridge writes it: the event is the body, and what went wrong is in the attributes.
    /// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-event-delivery.html#eb-rule-dlq>
    pub(crate) async fn send(&self, stack: &Stack, body: &str) -> String {
        let text = |value: &str| {
            let attribute = aws_sdk_sqs::types::MessageAttributeValue::builder().data_type("String");
            attribute.string_value(value).build().unwrap()
        };
        let request = self.sqs.send_message().queue_url(&self.url).message_body(body);
        let request = request
            .message_attributes("RULE_ARN", text("arn:aws:events:us-east-1:000000000000:rule/penstock-objects"))
            .message_attributes("TARGET_ARN", text(stack.env("STATE_MACHINE_ARN")))
            .message_attributes("ERROR_CODE", text("NO_PERMISSIONS"))
            .message_attributes("ERROR_MESSAGE", text("User is not authorized to perform: states:StartExecution"))
            .message_attributes("EXHAUSTED_RETRY_CONDITION", text("MaximumRetryAttempts"))
            .message_attributes("RETRY_ATTEMPTS", text("185"));
        request.send().await.unwrap().message_id.unwrap()
    }
}
