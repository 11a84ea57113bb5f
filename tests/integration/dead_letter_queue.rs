use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use test_support::Stack;

/// A dead-letter queue of one test. The stack's own queue is shared by all tests.
pub(crate) struct DeadLetterQueue {
    sqs: aws_sdk_sqs::Client,
    pub(crate) url: String,
}

impl DeadLetterQueue {
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

    /// Sends a dead letter as EventBridge does: the event is the body, the error is in the attributes.
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
