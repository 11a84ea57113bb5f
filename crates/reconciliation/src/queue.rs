//! The dead-letter queue, read without taking anything out of it.

use std::collections::BTreeMap;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{ChangeMessageVisibilityBatchRequestEntry, Message, MessageSystemAttributeName};
use chrono::{DateTime, Utc};
use protocol::{Event, ObjectRef};

use crate::StandingError;

/// How long a message is ours; should we die, it is everybody's again after that.
const HELD_S: i32 = 120;
/// A receive that waits asks all of the queue's servers, so that an empty answer means an empty queue.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>
const WAIT_S: i32 = 1;
/// What one call to SQS takes or gives.
pub const BATCH_MAX: u8 = 10;
const GIVING_BACK: &str = "giving messages back to the dead-letter queue";

#[derive(Debug)]
pub struct Queue<'a> {
    pub sqs: &'a Client,
    pub url: &'a str,
}

/// A message that nobody else sees for a while.
#[derive(Clone, Debug, Default)]
pub struct Held {
    pub id: String,
    pub sent_at: Option<DateTime<Utc>>,
    pub body: String,
    pub attributes: BTreeMap<String, String>,
    pub receipt: String,
}

impl Queue<'_> {
    /// What waits in the queue; it is seen by nobody else until it is released.
    pub async fn hold_all(&self) -> Result<Vec<Held>, StandingError> {
        let mut held = Vec::new();
        loop {
            let request = self.sqs.receive_message().queue_url(self.url).max_number_of_messages(BATCH_MAX.into());
            let request = request.visibility_timeout(HELD_S).wait_time_seconds(WAIT_S).message_attribute_names("All");
            let request = request.message_system_attribute_names(MessageSystemAttributeName::SentTimestamp);
            let received = request.send().await.map_err(StandingError::executions("reading the dead-letter queue"))?;
            let messages = received.messages.unwrap_or_default();
            if messages.is_empty() {
                return Ok(held);
            }
            held.extend(messages.into_iter().map(Held::of));
        }
    }

    /// Gives the messages back: they can be received again at once.
    pub async fn release(&self, held: impl IntoIterator<Item = &Held>) -> Result<(), StandingError> {
        let held: Vec<&Held> = held.into_iter().collect();
        for batch in held.chunks(BATCH_MAX.into()) {
            let entry = |(index, held): (usize, &&Held)| {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(index.to_string());
                entry.receipt_handle(&held.receipt).visibility_timeout(0).build()
            };
            let entries = batch.iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>();
            let entries = entries.map_err(StandingError::executions(GIVING_BACK))?;
            let request = self.sqs.change_message_visibility_batch().queue_url(self.url);
            let released = request.set_entries(Some(entries)).send().await;
            released.map_err(StandingError::executions(GIVING_BACK))?;
        }
        Ok(())
    }

    /// The objects whose events wait in the queue, each with its event as it came; they stay there.
    pub async fn objects(&self) -> Result<Vec<(ObjectRef, String)>, StandingError> {
        let held = self.hold_all().await?;
        self.release(&held).await?;
        Ok(held.into_iter().filter_map(|held| Some((held.object()?, held.body))).collect())
    }
}

impl Held {
    /// None for an event of something else.
    pub fn object(&self) -> Option<ObjectRef> {
        match Event::decode(&serde_json::from_str(&self.body).ok()?) {
            Ok(Event::ObjectCreated(object)) => Some(object),
            Ok(Event::Test { .. }) | Err(_) => None,
        }
    }

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
