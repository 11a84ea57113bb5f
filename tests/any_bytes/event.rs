use std::fmt::Write;

use protocol::{Event, KEY_BYTES_MAX};
use serde_json::{Value, json};

const BUCKET: &str = "landing";

/// Decodes JSON as an event. Takes other text as a key, which must survive an event of every shape.
///
/// # Panics
/// If a promise is broken.
pub fn event(bytes: &[u8]) {
    if let Ok(payload) = serde_json::from_slice::<Value>(bytes) {
        match Event::decode(&payload) {
            Ok(Event::ObjectCreated(object)) => {
                assert!(!object.bucket.is_empty() && (1..=KEY_BYTES_MAX).contains(&object.key.len()), "{object:?}");
            }
            Ok(Event::Test { .. }) => {}
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    event_of_key(&String::from_utf8_lossy(bytes));
}

/// Decodes events of every shape with this key.
///
/// # Panics
/// If a promise is broken.
pub fn event_of_key(key: &str) {
    let is_key = (1..=KEY_BYTES_MAX).contains(&key.len());
    for payload in shapes(key) {
        match Event::decode(&payload) {
            Ok(Event::ObjectCreated(object)) => {
                assert_eq!((object.bucket.as_str(), object.key.as_str()), (BUCKET, key), "of {payload}");
                assert!(is_key, "{} bytes are not a key", key.len());
            }
            other => assert!(!is_key, "{other:?}, of {payload}"),
        }
    }
}

fn shapes(key: &str) -> Vec<Value> {
    let notification = json!({"Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-central-1",
        "eventTime": "2024-05-01T09:00:00.000Z", "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "AWS:X"}, "requestParameters": {"sourceIPAddress": "10.0.0.1"},
        "responseElements": {},
        "s3": {"s3SchemaVersion": "1.0", "configurationId": "c",
               "bucket": {"name": BUCKET, "ownerIdentity": {"principalId": "A"}, "arn": "arn:aws:s3:::landing"},
               "object": {"key": form_encoded(key), "size": 1, "eTag": "e", "sequencer": "0A"}},
    }]});
    let sns = json!({"Type": "Notification", "MessageId": "m", "Message": notification.to_string()});
    let in_queue =
        |body: &Value| json!({"Records": [{"messageId": "q", "eventSource": "aws:sqs", "body": body.to_string()}]});
    let created = json!({
        "version": "0", "id": "i", "detail-type": "Object Created", "source": "aws.s3", "account": "1",
        "time": "2024-05-01T09:00:00Z", "region": "eu-central-1", "resources": [],
        "detail": {"version": "0", "bucket": {"name": BUCKET}, "object": {"key": key, "size": 1, "etag": "e"}},
    });
    let recorded = json!({
        "version": "0", "id": "i", "detail-type": "AWS API Call via CloudTrail", "source": "aws.s3", "account": "1",
        "time": "2024-05-01T09:00:00Z", "region": "eu-central-1", "resources": [],
        "detail": {"eventName": "PutObject", "requestParameters": {"bucketName": BUCKET, "key": key}},
    });
    let bare = json!({"bucket": BUCKET, "key": key});
    let in_lambda = json!({"Records": [{"EventSource": "aws:sns", "Sns": sns.clone()}]});
    let shapes = [
        in_queue(&notification),
        in_queue(&sns),
        in_queue(&created),
        notification,
        sns,
        in_lambda,
        created,
        recorded,
        bare,
    ];
    let enveloped = shapes.iter().map(|event| json!({"execution": "arn", "event": event}));
    enveloped.chain(shapes.iter().cloned()).collect()
}

/// Encodes a key as S3 does in notifications.
fn form_encoded(key: &str) -> String {
    key.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b' ' => encoded.push('+'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' | b'/' => encoded.push(byte.into()),
            // A write to a `String` cannot fail.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
        encoded
    })
}
