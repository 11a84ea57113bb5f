use std::path::Path;

use serde_json::{Value, json};

use super::*;

const ORDERS: &str = "raw_data/retail/2026-01-05/orders.csv";
const SPECIAL_KEY: &str = "raw_data/retail/2026-01-05/orders a+b 100% café.csv";

fn fixture(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn decoded(name: &str) -> ObjectRef {
    match Event::decode(&fixture(name)) {
        Ok(Event::ObjectCreated(object)) => object,
        other => panic!("{name}: {other:?}"),
    }
}

fn check_error(event: &Value, expected: &str) {
    assert_eq!(Event::decode(event).unwrap_err().to_string(), expected, "{event}");
}

/// Returns the object of every complete shape. CloudTrail's events and bare objects have fewer fields.
fn whole(key: &str, size_bytes: u64, event_id: Option<&str>) -> ObjectRef {
    ObjectRef {
        version_id: Some("XhQ4tBYc2rN9WvAqSGR9a1hK7uJ0mPzL".to_owned()),
        etag: Some("9d6db4f2e0f1b4b0a1c8d5f0a3f2e7c1".to_owned()),
        size_bytes: Some(size_bytes),
        sequencer: Some("00695B5A6F1E2D3C4B".to_owned()),
        event_time: "2026-01-05T06:12:31Z".parse().ok(),
        event_id: event_id.map(str::to_owned),
        ..ObjectRef::new("penstock-landing", key)
    }
}

#[test]
fn every_shape_gives_the_same_object() {
    let event_bridge = Some("2d4eba74-fd51-3966-4bfa-b013c9da8ff1");
    let sns = Some("95df01b4-ee98-5cb9-9903-4c221d41eb5e");
    let sqs = Some("059f36b4-87a3-44ab-83d2-661975830a7d");
    for (name, event_id) in [
        ("eventbridge-orders-csv.resolve-trigger", event_bridge),
        ("envelope.resolve-trigger", event_bridge),
        ("sns-notification-body.resolve-trigger", event_bridge),
        ("s3-notification.resolve-trigger", None),
        ("sns-wrapped.resolve-trigger", sns),
        ("sqs-wrapped.resolve-trigger", sqs),
    ] {
        assert_eq!(decoded(name), whole(ORDERS, 524_288, event_id), "{name}");
    }
}

#[test]
fn special_characters_decode_alike_in_every_shape() {
    for (name, event_id) in [
        ("eventbridge-special-characters.resolve-trigger", Some("2d4eba74-fd51-3966-4bfa-b013c9da8ff1")),
        ("s3-notification-special-characters.resolve-trigger", None),
        ("sqs-sns-wrapped-special-characters.resolve-trigger", Some("95df01b4-ee98-5cb9-9903-4c221d41eb5e")),
    ] {
        assert_eq!(decoded(name), whole(SPECIAL_KEY, 512, event_id), "{name}");
    }
}

#[test]
fn shape_with_fewer_fields_leaves_the_others_empty() {
    let bare = ObjectRef::new("penstock-landing", ORDERS);
    assert_eq!(decoded("bare-orders-csv.resolve-trigger"), bare);

    let version_id = Some("XhQ4tBYc2rN9WvAqSGR9a1hK7uJ0mPzL".to_owned());
    assert_eq!(
        decoded("bare-with-version.resolve-trigger"),
        ObjectRef { version_id: version_id.clone(), ..bare.clone() }
    );

    let recorded = ObjectRef {
        version_id,
        event_time: "2026-01-05T06:12:30Z".parse().ok(),
        event_id: Some("6f87d04b-9f74-4f04-a780-7acf4b0a9b38".to_owned()),
        ..bare
    };
    assert_eq!(decoded("cloudtrail-put-object.resolve-trigger"), recorded);
}

#[test]
fn s3_test_event_is_decoded_bare_and_wrapped() {
    let test = fixture("s3-test-event.ignored");
    let expected = Event::Test { bucket: "penstock-landing".to_owned() };
    assert_eq!(Event::decode(&test).unwrap(), expected);
    let queued = json!({"Records": [{"body": test.to_string()}]});
    assert_eq!(Event::decode(&queued).unwrap(), expected);
}

fn notification_of(key: &str) -> Value {
    let mut event = fixture("s3-notification.resolve-trigger");
    event["Records"][0]["s3"]["object"]["key"] = key.into();
    event
}

#[test]
fn key_of_a_notification_is_form_decoded() {
    let check = |encoded: &str, key: &str| match Event::decode(&notification_of(encoded)) {
        Ok(Event::ObjectCreated(object)) => assert_eq!(object.key, key, "{encoded}"),
        other => panic!("{encoded}: {other:?}"),
    };
    check("a+b.csv", "a b.csv");
    check("a%2Bb.csv", "a+b.csv");
    check("a%20b.csv", "a b.csv");
    check("a%252Bb.csv", "a%2Bb.csv");
    check("100%25.csv", "100%.csv");
    check("caf%C3%A9.csv", "café.csv");
    check("caf%c3%a9.csv", "café.csv");
    // S3 does not send these. An invalid escape stays as it is.
    check("100%.csv", "100%.csv");
    check("%zz.csv", "%zz.csv");
    check_error(&notification_of("%ff.csv"), "the key \"%ff.csv\" does not decode to UTF-8");
}

#[test]
fn key_of_other_shapes_is_not_decoded() {
    for key in ["a+b.csv", "a%2Bb.csv", "a b.csv", "%ff.csv"] {
        let mut event = fixture("eventbridge-orders-csv.resolve-trigger");
        event["detail"]["object"]["key"] = key.into();
        let bare = json!({"bucket": "landing", "key": key});
        let mut recorded = fixture("cloudtrail-put-object.resolve-trigger");
        recorded["detail"]["requestParameters"]["key"] = key.into();
        for event in [event, bare, recorded] {
            let Event::ObjectCreated(object) = Event::decode(&event).unwrap() else { panic!("{event}") };
            assert_eq!(object.key, key);
        }
    }
}

#[test]
fn quotes_and_empty_texts_are_removed() {
    let event = json!({"bucket": "b", "key": "k", "version_id": "null", "etag": "\"abc-2\"", "sequencer": ""});
    let expected =
        ObjectRef { version_id: Some("null".to_owned()), etag: Some("abc-2".to_owned()), ..ObjectRef::new("b", "k") };
    assert_eq!(Event::decode(&event).unwrap(), Event::ObjectCreated(expected));
    let event = json!({"bucket": "b", "key": "k", "version_id": "", "etag": "\"\""});
    assert_eq!(Event::decode(&event).unwrap(), Event::ObjectCreated(ObjectRef::new("b", "k")));
}

#[test]
fn event_without_an_object_is_an_error() {
    check_error(&json!({"hello": 1}), "unrecognized event: an object with the fields \"hello\"");
    check_error(&json!({}), "unrecognized event: an empty object");
    check_error(&json!(null), "unrecognized event: null");
    check_error(&json!([1]), "unrecognized event: an array");
    check_error(
        &json!({"Records": [{"kinesis": {}}]}),
        "unrecognized event: a record that is an object with the fields \"kinesis\"",
    );
    check_error(&json!({"Records": []}), "`Records` is empty");
    check_error(
        &fixture("two-records.notify-failure"),
        "2 records in one event, expected one: s3://penstock-landing/raw_data/retail/2026-01-05/orders.csv; \
         s3://penstock-landing/raw_data/retail/2026-01-05/reviews.csv",
    );
    check_error(
        &fixture("object-deleted.notify-failure"),
        "EventBridge event: unsupported event \"Object Deleted\", expected the creation of an object",
    );
    check_error(
        &fixture("cloudtrail-failed-call.notify-failure"),
        "API call recorded by CloudTrail: the API call failed with AccessDenied",
    );
    check_error(
        &json!({"Type": "Notification", "Message": "hello"}),
        "SNS notification: its message is not JSON: expected value at line 1 column 1",
    );
}

#[test]
fn missing_field_is_an_error_with_the_shape() {
    let without = |name: &str, pointer: &str, field: &str| {
        let mut event = fixture(name);
        event.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(field).unwrap();
        event
    };
    let check = |name: &str, pointer: &str, field: &str, expected: &str| {
        check_error(&without(name, pointer, field), expected);
    };
    let event_bridge = "eventbridge-orders-csv.resolve-trigger";
    check(event_bridge, "/detail/object", "key", "EventBridge Object Created: detail.object: missing field `key`");
    check(event_bridge, "/detail/bucket", "name", "EventBridge Object Created: detail.bucket: missing field `name`");
    check(event_bridge, "", "detail", "EventBridge Object Created: missing field `detail`");
    let notification = "s3-notification.resolve-trigger";
    check(notification, "/Records/0/s3/object", "key", "S3 notification: missing field `s3.object.key`");
    check(notification, "/Records/0/s3/bucket", "name", "S3 notification: missing field `s3.bucket.name`");
    check(notification, "/Records/0", "eventName", "S3 notification: missing field `eventName`");
    check(notification, "/Records/0", "eventTime", "S3 notification: missing field `eventTime`");
    check("sns-wrapped.resolve-trigger", "/Records/0/Sns", "Message", "SNS notification: missing field `Message`");
    let recorded = "cloudtrail-put-object.resolve-trigger";
    let parameters = "requestParameters of an API call recorded by CloudTrail";
    check(recorded, "/detail/requestParameters", "key", &format!("{parameters}: missing field `key`"));
    check(recorded, "/detail/requestParameters", "bucketName", &format!("{parameters}: missing field `bucketName`"));
    check("s3-test-event.ignored", "", "Bucket", "S3 test event: missing field `Bucket`");
    check_error(&fixture("no-key.notify-failure"), "bare object: missing field `key`");
    check_error(&json!({"bucket": "b", "key": 7}), "bare object: key: invalid type: integer `7`, expected a string");
}

#[test]
fn event_of_another_kind_is_an_error() {
    let mut removed = fixture("s3-notification.resolve-trigger");
    removed["Records"][0]["eventName"] = "ObjectRemoved:Delete".into();
    check_error(
        &removed,
        "S3 notification: unsupported event \"ObjectRemoved:Delete\", expected the creation of an object",
    );
    removed["Records"][0]["eventName"] = "s3:ObjectCreated:CompleteMultipartUpload".into();
    assert!(Event::decode(&removed).is_ok());

    let mut recorded = fixture("cloudtrail-put-object.resolve-trigger");
    recorded["detail"]["eventName"] = "GetObject".into();
    check_error(
        &recorded,
        "API call recorded by CloudTrail: unsupported event \"GetObject\", expected the creation of an object",
    );
}

#[test]
fn bucket_and_key_lengths_are_checked() {
    let of = |bucket: &str, key: &str| json!({"bucket": bucket, "key": key});
    assert!(Event::decode(&of("b", &"é".repeat(512))).is_ok());
    check_error(&of("b", &"k".repeat(1025)), "the key in bucket \"b\" has 1025 bytes, expected at most 1024");
    check_error(&of("b", ""), "the key in bucket \"b\" is empty");
    check_error(&of("", "k"), "the bucket name of key \"k\" is empty");
}

#[test]
fn layers_of_an_event_are_limited() {
    let wrapped = |event: &Value| json!({"Type": "Notification", "Message": event.to_string()});
    let mut event = json!({"bucket": "b", "key": "k"});
    for _ in 1..WRAPPINGS_MAX {
        event = wrapped(&event);
        assert!(Event::decode(&event).is_ok());
    }
    check_error(&wrapped(&event), "the event has more than 5 layers");
}
