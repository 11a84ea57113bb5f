//! The dead-letter queue, read without taking anything out of it.

use std::collections::BTreeMap;

use aws_sdk_sqs::types::{ChangeMessageVisibilityBatchRequestEntry, Message, MessageSystemAttributeName};
use chrono::{DateTime, Utc};

use crate::cloud::Cloud;
use crate::{Error, Result, interrupt};

/// How long a message is ours; should we die, it is everybody's again after that.
const HELD_S: i32 = 120;
/// A receive that waits asks all of the queue's servers, so that an empty answer means an empty queue.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>
const WAIT_S: i32 = 1;
/// What one call to SQS takes or gives.
const BATCH_MAX: u8 = 10;

#[derive(Debug)]
pub(super) struct Queue<'a> {
    pub(super) cloud: &'a Cloud,
    pub(super) url: &'a str,
}

/// A message that nobody else sees for a while.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    pub(super) id: String,
    pub(super) sent_at: Option<DateTime<Utc>>,
    pub(super) body: String,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) receipt: String,
}

impl Queue<'_> {
    pub(super) async fn hold_all(&self) -> Result<Vec<Held>> {
        let mut held = Vec::new();
        loop {
            interrupt::check()?;
            let request = self.cloud.sqs.receive_message().queue_url(self.url).max_number_of_messages(BATCH_MAX.into());
            let request = request.visibility_timeout(HELD_S).wait_time_seconds(WAIT_S).message_attribute_names("All");
            let request = request.message_system_attribute_names(MessageSystemAttributeName::SentTimestamp);
            let received = request.send().await.map_err(|error| failed("reading")(error.into()))?;
            let messages = received.messages.unwrap_or_default();
            if messages.is_empty() {
                return Ok(held);
            }
            held.extend(messages.into_iter().map(Held::of));
        }
    }

    /// Gives the messages back: they can be received again at once.
    pub(super) async fn release(&self, held: impl IntoIterator<Item = &Held>) -> Result<()> {
        let held: Vec<&Held> = held.into_iter().collect();
        for batch in held.chunks(BATCH_MAX.into()) {
            let entry = |(index, held): (usize, &&Held)| {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(index.to_string());
                entry.receipt_handle(&held.receipt).visibility_timeout(0).build()
            };
            let entries = batch.iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>();
            let entries = entries.map_err(|error| failed("giving messages back to")(error.into()))?;
            let request = self.cloud.sqs.change_message_visibility_batch().queue_url(self.url);
            let released = request.set_entries(Some(entries)).send().await;
            released.map_err(|error| failed("giving messages back to")(error.into()))?;
        }
        Ok(())
    }

    pub(super) async fn delete(&self, held: &Held) -> Result<()> {
        let deleted = self.cloud.sqs.delete_message().queue_url(self.url).receipt_handle(&held.receipt).send().await;
        deleted.map(drop).map_err(|error| failed("deleting a message of")(error.into()))
    }
}

impl Held {
    fn of(message: Message) -> Self {
        let system = message.attributes.unwrap_or_default();
        let sent_at = system.get(&MessageSystemAttributeName::SentTimestamp).and_then(|text| text.parse().ok());
        let attributes = message.message_attributes.unwrap_or_default().into_iter();
        Self {
            id: message.message_id.unwrap_or_default(),
            sent_at: sent_at.and_then(DateTime::from_timestamp_millis),
            body: message.body.unwrap_or_default(),
            attributes: attributes.filter_map(|(name, value)| Some((name, value.string_value?))).collect(),
            receipt: message.receipt_handle.unwrap_or_default(),
        }
    }
}

fn failed(doing: &str) -> impl FnOnce(crate::error::Chain) -> Error {
    Error::cloud(format!("{doing} the dead-letter queue"))
}
