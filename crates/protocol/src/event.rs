use serde_json::Value;

use crate::limits::KEY_BYTES_MAX;
use crate::object::ObjectRef;
use crate::reload::Reload;
use crate::states::CheckFileRequest;

mod decoded;
mod error;
mod shapes;
#[cfg(test)]
mod tests;

pub use decoded::Event;
pub use error::InvalidEvent;
use shapes::typed;

/// Envelope, SQS, SNS and the event itself are four layers. More layers than this are an error of the sender.
const WRAPPINGS_MAX: usize = 5;

impl Event {
    /// Decodes an event of any shape: EventBridge's Object Created, an S3 notification, either of them through SNS, SQS
    /// or both, an API call recorded by CloudTrail, the test event of S3, the state machine's envelope, or
    /// `{"bucket": …, "key": …}` for a start by hand.
    ///
    /// Each shape encodes the key in its own way. The returned key is decoded.
    pub fn decode(payload: &Value) -> Result<Self, InvalidEvent> {
        let event = unpack(payload, WRAPPINGS_MAX)?;
        if let Self::ObjectCreated(object) = &event {
            check_names(object)?;
        }
        Ok(event)
    }
}

/// Returns the reload that an event asks for. Only the bare object of `penstock reload` does.
pub fn requested_reload(payload: &Value) -> Result<Option<Reload>, InvalidEvent> {
    let event = payload.get("event").filter(|_| payload.get("execution").is_some()).unwrap_or(payload);
    let reload = event.get(shapes::RELOAD).filter(|_| event.get("bucket").is_some());
    reload.map(|reload| typed("reload", reload)).transpose()
}

fn unpack(payload: &Value, wrappings_left: usize) -> Result<Event, InvalidEvent> {
    let wrappings_left = wrappings_left.checked_sub(1).ok_or(InvalidEvent::WrappedTooOften { limit: WRAPPINGS_MAX })?;
    let has = |field: &str| payload.get(field).is_some();
    let is = |field: &str, text: &str| payload.get(field).and_then(Value::as_str) == Some(text);

    if has("execution") && has("event") {
        unpack(&typed::<CheckFileRequest>("envelope of the state machine", payload)?.event, wrappings_left)
    } else if has("detail-type") {
        shapes::from_event_bridge(payload)
    } else if is("Event", "s3:TestEvent") {
        shapes::from_test_event(payload)
    } else if let Some(records) = payload.get("Records").and_then(Value::as_array) {
        only_record(records, wrappings_left)
    } else if is("Type", "Notification") {
        unpack_sns(payload, wrappings_left)
    } else if has("bucket") || has("key") {
        shapes::from_bare(payload)
    } else {
        Err(InvalidEvent::UnknownShape { found: outline(payload) })
    }
}

/// Requires one record: an execution with several objects would not tell which of them failed.
fn only_record(records: &[Value], wrappings_left: usize) -> Result<Event, InvalidEvent> {
    match records {
        [] => Err(InvalidEvent::NoRecord),
        [record] => unpack_record(record, wrappings_left),
        several => {
            let describe = |record| {
                unpack_record(record, wrappings_left).map_or_else(|error| error.to_string(), |event| event.to_string())
            };
            Err(InvalidEvent::SeveralRecords { count: several.len(), found: several.iter().map(describe).collect() })
        }
    }
}

fn unpack_record(record: &Value, wrappings_left: usize) -> Result<Event, InvalidEvent> {
    if record.get("s3").is_some() {
        shapes::from_s3_record(record)
    } else if let Some(message) = record.get("Sns") {
        unpack_sns(message, wrappings_left)
    } else if record.get("body").is_some() {
        let (body, message_id) = shapes::sqs_body(record)?;
        unpack(&body, wrappings_left).map(|event| with_event_id(event, message_id))
    } else {
        Err(InvalidEvent::UnknownShape { found: format!("a record that is {}", outline(record)) })
    }
}

fn unpack_sns(notification: &Value, wrappings_left: usize) -> Result<Event, InvalidEvent> {
    let (message, message_id) = shapes::sns_message(notification)?;
    unpack(&message, wrappings_left).map(|event| with_event_id(event, message_id))
}

/// A notification of S3 has no id, so the id of its message is used.
fn with_event_id(event: Event, message_id: Option<String>) -> Event {
    match event {
        Event::ObjectCreated(object) => {
            Event::ObjectCreated(ObjectRef { event_id: object.event_id.clone().or(message_id), ..object })
        }
        test @ Event::Test { .. } => test,
    }
}

fn check_names(object: &ObjectRef) -> Result<(), InvalidEvent> {
    if object.bucket.is_empty() {
        return Err(InvalidEvent::EmptyBucket { key: object.key.clone() });
    }
    match object.key.len() {
        0 => Err(InvalidEvent::EmptyKey { bucket: object.bucket.clone() }),
        1..=KEY_BYTES_MAX => Ok(()),
        bytes => Err(InvalidEvent::KeyTooLong { bucket: object.bucket.clone(), bytes }),
    }
}

/// Describes a payload by its field names. Values may be private.
fn outline(payload: &Value) -> String {
    match payload {
        Value::Object(fields) if fields.is_empty() => "an empty object".to_owned(),
        Value::Object(fields) => {
            let names: Vec<_> = fields.keys().take(8).map(|name| format!("{:?}", shorten(name))).collect();
            format!("an object with the fields {}", names.join(", "))
        }
        Value::Array(_) => "an array".to_owned(),
        Value::String(_) => "a string".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::Bool(_) => "a boolean".to_owned(),
        Value::Null => "null".to_owned(),
    }
}

fn shorten(name: &str) -> String {
    name.chars().take(40).collect()
}
