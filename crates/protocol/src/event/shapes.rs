//! Decodes the event shapes, one function per shape.

use aws_lambda_events::eventbridge::EventBridgeEvent;
use aws_lambda_events::s3::S3EventRecord;
use aws_lambda_events::sqs::SqsMessage;
use chrono::{DateTime, Utc};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::decoded::Event;
use super::error::{FieldPath, InvalidEvent};
use crate::object::ObjectRef;

/// Decodes a value. Errors name the shape, the field and the reason.
pub(super) fn typed<T: DeserializeOwned>(shape: &'static str, value: &Value) -> Result<T, InvalidEvent> {
    serde_path_to_error::deserialize(value).map_err(|error| InvalidEvent::Malformed {
        shape,
        at: FieldPath::new(error.path()),
        reason: error.inner().to_string(),
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct EventType {
    detail_type: String,
}

pub(super) fn from_event_bridge(payload: &Value) -> Result<Event, InvalidEvent> {
    const SHAPE: &str = "EventBridge event";
    let EventType { detail_type } = typed(SHAPE, payload)?;
    match detail_type.as_str() {
        "Object Created" => from_object_created(payload),
        "AWS API Call via CloudTrail" => from_cloud_trail(payload),
        _ => Err(InvalidEvent::NotACreation { shape: SHAPE, what: detail_type }),
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct CreatedDetail {
    bucket: CreatedBucket,
    object: CreatedObject,
}

#[derive(Debug, Serialize, Deserialize)]
struct CreatedBucket {
    name: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct CreatedObject {
    key: String,
    size: Option<u64>,
    etag: Option<String>,
    version_id: Option<String>,
    sequencer: Option<String>,
}

/// The key is not encoded.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>
fn from_object_created(payload: &Value) -> Result<Event, InvalidEvent> {
    let event: EventBridgeEvent<CreatedDetail> = typed("EventBridge Object Created", payload)?;
    let CreatedDetail { bucket, object } = event.detail;
    Ok(Event::ObjectCreated(ObjectRef {
        bucket: bucket.name,
        key: object.key,
        version_id: given(object.version_id),
        etag: unquoted(object.etag),
        size_bytes: object.size,
        sequencer: given(object.sequencer),
        event_time: event.time,
        event_id: given(event.id),
    }))
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ApiCall {
    event_name: String,
    error_code: Option<String>,
    request_parameters: Option<Value>,
    response_elements: Option<ResponseElements>,
    event_time: Option<DateTime<Utc>>,
    #[serde(rename = "eventID")]
    event_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallParameters {
    bucket_name: String,
    key: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct ResponseElements {
    #[serde(rename = "x-amz-version-id")]
    version_id: Option<String>,
}

/// The API calls that create an object. The key is not encoded.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html>
const CREATING_CALLS: [&str; 4] = ["PutObject", "CopyObject", "CompleteMultipartUpload", "PostObject"];

fn from_cloud_trail(payload: &Value) -> Result<Event, InvalidEvent> {
    const SHAPE: &str = "API call recorded by CloudTrail";
    let event: EventBridgeEvent<ApiCall> = typed(SHAPE, payload)?;
    let call = event.detail;
    if !CREATING_CALLS.contains(&call.event_name.as_str()) {
        return Err(InvalidEvent::NotACreation { shape: SHAPE, what: call.event_name });
    }
    if let Some(error_code) = call.error_code {
        return Err(InvalidEvent::FailedCall { shape: SHAPE, error_code });
    }
    let parameters: CallParameters =
        typed("requestParameters of an API call recorded by CloudTrail", &call.request_parameters.unwrap_or_default())?;
    Ok(Event::ObjectCreated(ObjectRef {
        version_id: given(call.response_elements.and_then(|elements| elements.version_id)),
        event_time: call.event_time.or(event.time),
        event_id: given(event.id).or(call.event_id),
        ..ObjectRef::new(parameters.bucket_name, parameters.key)
    }))
}

/// The key is form-encoded: a space is `+`, and a plus sign is `%2B`.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>
pub(super) fn from_s3_record(record: &Value) -> Result<Event, InvalidEvent> {
    const SHAPE: &str = "S3 notification";
    let missing = |field: &str| InvalidEvent::Malformed {
        shape: SHAPE,
        at: FieldPath::empty(),
        reason: format!("missing field `{field}`"),
    };
    let record: S3EventRecord = typed(SHAPE, record)?;
    let name = record.event_name.ok_or_else(|| missing("eventName"))?;
    // A notification has no prefix; a bucket's configuration has one, and people copy it from there.
    if !name.trim_start_matches("s3:").starts_with("ObjectCreated:") {
        return Err(InvalidEvent::NotACreation { shape: SHAPE, what: name });
    }
    let object = record.s3.object;
    Ok(Event::ObjectCreated(ObjectRef {
        bucket: record.s3.bucket.name.ok_or_else(|| missing("s3.bucket.name"))?,
        key: form_decoded(&object.key.ok_or_else(|| missing("s3.object.key"))?)?,
        version_id: given(object.version_id),
        etag: unquoted(object.e_tag),
        size_bytes: object.size.and_then(|size| u64::try_from(size).ok()),
        sequencer: given(object.sequencer),
        event_time: Some(record.event_time),
        event_id: None,
    }))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TestEvent {
    bucket: String,
}

pub(super) fn from_test_event(payload: &Value) -> Result<Event, InvalidEvent> {
    let TestEvent { bucket } = typed("S3 test event", payload)?;
    Ok(Event::Test { bucket })
}

/// The field of a bare object that asks for a reload.
pub(super) const RELOAD: &str = "reload";

/// The key is not encoded, because a person typed it.
pub(super) fn from_bare(payload: &Value) -> Result<Event, InvalidEvent> {
    let mut payload = payload.clone();
    if let Some(fields) = payload.as_object_mut() {
        fields.remove(RELOAD);
    }
    let object: ObjectRef = typed("bare object", &payload)?;
    Ok(Event::ObjectCreated(ObjectRef {
        version_id: given(object.version_id),
        etag: unquoted(object.etag),
        sequencer: given(object.sequencer),
        ..object
    }))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SnsNotification {
    message: String,
    message_id: Option<String>,
}

/// Returns the message of SNS and its id. A record for Lambda and a body in a queue have the same fields.
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html>
pub(super) fn sns_message(notification: &Value) -> Result<(Value, Option<String>), InvalidEvent> {
    const SHAPE: &str = "SNS notification";
    let SnsNotification { message, message_id } = typed(SHAPE, notification)?;
    Ok((json(SHAPE, &message)?, message_id))
}

pub(super) fn sqs_body(record: &Value) -> Result<(Value, Option<String>), InvalidEvent> {
    const SHAPE: &str = "SQS message";
    let message: SqsMessage = typed(SHAPE, record)?;
    Ok((json(SHAPE, &message.body.unwrap_or_default())?, message.message_id))
}

fn json(shape: &'static str, text: &str) -> Result<Value, InvalidEvent> {
    serde_json::from_str(text).map_err(|error| InvalidEvent::NotJson { shape, reason: error.to_string() })
}

fn form_decoded(key: &str) -> Result<String, InvalidEvent> {
    let spaced = key.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| InvalidEvent::KeyNotUtf8 { key: key.to_owned() })
}

/// Removes an empty text. `null` stays: it is the version id in a bucket with suspended versioning.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn unquoted(etag: Option<String>) -> Option<String> {
    given(etag.map(|etag| etag.trim_matches('"').to_owned()))
}
