//! The queue that receives the stack's notices on a laptop.

use aws_sdk_sqs::types::QueueAttributeName;
use serde::Deserialize;

use crate::aws_clients::AwsClients;
use crate::error::{Error, Result};

const QUEUE: &str = "penstock-notifications";

/// A message of the stack's topic, as a subscriber receives it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TopicMessage {
    #[serde(default)]
    pub subject: String,
    #[serde(default)]
    pub message: String,
}

/// Creates a queue that receives every message of `topic` and returns its URL. A second call changes nothing.
pub(crate) async fn subscribe(clients: &AwsClients, topic: &str) -> Result<String> {
    let operation = format!("making the queue {QUEUE}");
    let queue = clients.sqs.create_queue().queue_name(QUEUE).send().await.map_err(Error::aws(&operation))?;
    let url = queue.queue_url.unwrap_or_default();
    let arn = QueueAttributeName::QueueArn;
    let attributes = clients.sqs.get_queue_attributes().queue_url(&url).attribute_names(arn.clone()).send().await;
    let attributes = attributes.map_err(Error::aws(&operation))?.attributes.unwrap_or_default();
    let queue_arn = attributes.get(&arn).cloned().unwrap_or_default();
    // Not raw: the envelope carries the subject.
    let subscribed = clients.sns.subscribe().topic_arn(topic).protocol("sqs").endpoint(queue_arn).send().await;
    subscribed.map_err(Error::aws(format!("subscribing {QUEUE} to {topic}")))?;
    Ok(url)
}

/// Removes all messages from the queue and returns them in their order of arrival.
pub async fn take_messages(sqs: &aws_sdk_sqs::Client, queue: &str) -> Result<Vec<TopicMessage>> {
    let mut messages = Vec::new();
    loop {
        let received = sqs.receive_message().queue_url(queue).max_number_of_messages(10).send().await;
        let batch = received.map_err(Error::aws("reading the notices"))?.messages.unwrap_or_default();
        if batch.is_empty() {
            return Ok(messages);
        }
        for message in batch {
            messages.extend(serde_json::from_str::<TopicMessage>(&message.body.unwrap_or_default()).ok());
            let handle = message.receipt_handle.unwrap_or_default();
            let deleted = sqs.delete_message().queue_url(queue).receipt_handle(handle).send().await;
            deleted.map_err(Error::aws("deleting a notice"))?;
        }
    }
}
