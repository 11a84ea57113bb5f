use aws_sdk_sqs::types::QueueAttributeName;
use serde::Deserialize;

use crate::cloud::Cloud;
use crate::{Error, Result};

const QUEUE: &str = "penstock-notifications";

/// A notice as a subscriber gets it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Notice {
    #[serde(default)]
    pub(crate) subject: String,
    #[serde(default)]
    pub(crate) message: String,
}

/// Makes a queue that gets every notice of `topic`, and gives its URL. Doing it twice changes nothing.
pub(crate) async fn subscribe(cloud: &Cloud, topic: &str) -> Result<String> {
    let failed = || Error::cloud(format!("making the queue {QUEUE}"));
    let queue = cloud.sqs.create_queue().queue_name(QUEUE).send().await.map_err(|error| failed()(error.into()))?;
    let url = queue.queue_url.unwrap_or_default();
    let arn = QueueAttributeName::QueueArn;
    let attributes = cloud.sqs.get_queue_attributes().queue_url(&url).attribute_names(arn.clone()).send().await;
    let attributes = attributes.map_err(|error| failed()(error.into()))?.attributes.unwrap_or_default();
    let queue_arn = attributes.get(&arn).cloned().unwrap_or_default();
    // Not raw: the envelope is what carries the subject.
    let subscribed = cloud.sns.subscribe().topic_arn(topic).protocol("sqs").endpoint(queue_arn).send().await;
    subscribed.map_err(|error| Error::cloud(format!("subscribing {QUEUE} to {topic}"))(error.into()))?;
    Ok(url)
}

/// Takes every notice out of the queue, in the order in which they came.
pub(crate) async fn take_all(cloud: &Cloud, queue: &str) -> Result<Vec<Notice>> {
    let failed = || Error::cloud("reading the notices");
    let mut notices = Vec::new();
    loop {
        let received = cloud.sqs.receive_message().queue_url(queue).max_number_of_messages(10).send().await;
        let messages = received.map_err(|error| failed()(error.into()))?.messages.unwrap_or_default();
        if messages.is_empty() {
            return Ok(notices);
        }
        for message in messages {
            notices.extend(serde_json::from_str::<Notice>(&message.body.unwrap_or_default()).ok());
            let handle = message.receipt_handle.unwrap_or_default();
            let deleted = cloud.sqs.delete_message().queue_url(queue).receipt_handle(handle).send().await;
            deleted.map_err(|error| failed()(error.into()))?;
        }
    }
}
