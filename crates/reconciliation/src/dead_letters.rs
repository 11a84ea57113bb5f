//! The dead-letter queue: events that could not start an execution.

use std::collections::BTreeMap;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{ChangeMessageVisibilityBatchRequestEntry, Message, MessageSystemAttributeName};
use chrono::{DateTime, Utc};
use protocol::{Event, ObjectRef};

use crate::error::ReconciliationError;
use crate::limits::{MESSAGE_BATCH_MAX, MESSAGE_HIDDEN_S, RECEIVE_WAIT_S};

const RELEASING: &str = "releasing messages of the dead-letter queue";

/// Reads the dead-letter queue and leaves its messages there.
#[derive(Debug)]
pub struct DeadLetterQueue<'a> {
    pub sqs: &'a Client,
    pub url: &'a str,
}

/// A received message. It is hidden from other readers until it is released or its time is over.
#[derive(Clone, Debug, Default)]
pub struct HeldMessage {
    pub id: String,
    pub sent_at: Option<DateTime<Utc>>,
    pub body: String,
    pub attributes: BTreeMap<String, String>,
    pub receipt: String,
}

impl DeadLetterQueue<'_> {
    /// Receives all messages. The caller releases them.
    pub async fn hold_all(&self) -> Result<Vec<HeldMessage>, ReconciliationError> {
        let mut held = Vec::new();
        loop {
            let request = self.sqs.receive_message().queue_url(self.url);
            let request = request.max_number_of_messages(MESSAGE_BATCH_MAX.into()).wait_time_seconds(RECEIVE_WAIT_S);
            let request = request.visibility_timeout(MESSAGE_HIDDEN_S).message_attribute_names("All");
            let request = request.message_system_attribute_names(MessageSystemAttributeName::SentTimestamp);
            let received = request.send().await;
            let received = received.map_err(ReconciliationError::executions("reading the dead-letter queue"))?;
            let messages = received.messages.unwrap_or_default();
            if messages.is_empty() {
                return Ok(held);
            }
            held.extend(messages.into_iter().map(HeldMessage::new));
        }
    }

    /// Makes messages visible to other readers again.
    pub async fn release(&self, held: impl IntoIterator<Item = &HeldMessage>) -> Result<(), ReconciliationError> {
        let held: Vec<&HeldMessage> = held.into_iter().collect();
        for batch in held.chunks(MESSAGE_BATCH_MAX.into()) {
            let entry = |(index, held): (usize, &&HeldMessage)| {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(index.to_string());
                entry.receipt_handle(&held.receipt).visibility_timeout(0).build()
            };
            let entries = batch.iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>();
            let entries = entries.map_err(ReconciliationError::executions(RELEASING))?;
            let request = self.sqs.change_message_visibility_batch().queue_url(self.url);
            let released = request.set_entries(Some(entries)).send().await;
            released.map_err(ReconciliationError::executions(RELEASING))?;
        }
        Ok(())
    }

    /// Returns the object of each event in the queue, with the event as JSON.
    pub async fn objects(&self) -> Result<Vec<(ObjectRef, String)>, ReconciliationError> {
        let held = self.hold_all().await?;
        self.release(&held).await?;
        Ok(held.into_iter().filter_map(|held| Some((held.object()?, held.body))).collect())
    }
}

impl HeldMessage {
    /// Returns the object that the event names; `None` for an event without one.
    pub fn object(&self) -> Option<ObjectRef> {
        match Event::decode(&serde_json::from_str(&self.body).ok()?) {
            Ok(Event::ObjectCreated(object)) => Some(object),
            Ok(Event::Test { .. }) | Err(_) => None,
        }
    }

    fn new(message: Message) -> Self {
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
