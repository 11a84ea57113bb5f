//! Tests of definitions: new datasets, success markers, several buckets.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{EventBridgeConfiguration, NotificationConfiguration};
use test_support::{OTHER_BUCKET, Stack};

use crate::{count, folder, with_stack};

#[test]
fn new_dataset_loads_without_restart() {
    with_stack(async |stack| {
        let refused = stack.drop_file("growing/second/early.csv", "id\n1\n").await;
        assert_eq!(refused.error.as_deref(), Some("NoDataset"), "{refused:?}");
        let path = folder("integration/pipelines/growing/pipeline.toml");
        let definition = std::fs::read_to_string(path).unwrap()
            + "\n[datasets.second]\nsource = \"growing/second/{batch}.csv\"\ntable = \"growing.second\"\n\
               columns.id = \"integer not null\"\n";
        let (bucket, key) = (stack.env("DEFINITIONS_BUCKET"), "pipelines/growing/pipeline.toml");
        let body = ByteStream::from(definition.into_bytes());
        stack.s3.put_object().bucket(bucket).key(key).body(body).send().await.unwrap();
        let loaded = stack.drop_file("growing/second/first.csv", "id\n1\n2\n").await;
        assert_eq!(loaded.outcome(), "Loaded", "{loaded:?}");
        assert_eq!(count(&stack.database().await, "select count(*) from growing.second").await, 2);
    });
}

#[test]
fn success_marker_loads_its_file() {
    with_stack(async |stack| {
        let data = stack.drop_file("marked/2024-05-01/rows.csv", "id\n1\n").await;
        assert_eq!(data.outcome(), "Ignored", "{data:?}");
        let loaded = stack.drop_file("marked/2024-05-01/.SUCCESS", "").await;
        assert_eq!(loaded.outcome(), "Loaded", "{loaded:?}");
        // Some jobs write text into the marker.
        stack.drop_file("marked/2024-05-02/rows.csv", "id\n2\n").await;
        let loaded = stack.drop_file("marked/2024-05-02/.SUCCESS", "done").await;
        assert_eq!(loaded.outcome(), "Loaded", "{loaded:?}");
        assert_eq!(count(&stack.database().await, "select count(*) from marked.rows").await, 2);
    });
}

async fn put_in_other_bucket(stack: &Stack, key: &str, body: &str) {
    let body = ByteStream::from(body.as_bytes().to_vec());
    stack.s3.put_object().bucket(OTHER_BUCKET).key(key).body(body).send().await.unwrap();
}

#[test]
fn trigger_and_data_load_from_different_buckets() {
    with_stack(async |stack| {
        stack.s3.create_bucket().bucket(OTHER_BUCKET).send().await.unwrap();
        let all = NotificationConfiguration::builder()
            .event_bridge_configuration(EventBridgeConfiguration::builder().build())
            .build();
        let notifications = stack.s3.put_bucket_notification_configuration().bucket(OTHER_BUCKET);
        notifications.notification_configuration(all).send().await.unwrap();

        stack.drop_file("elsewhere/2024-05-01.csv", "id\n1\n").await;
        put_in_other_bucket(stack, "elsewhere/Succeeded_2024-05-01.trig", "").await;
        let loaded = stack.next_execution("elsewhere/Succeeded_2024-05-01.trig", &[]).await;
        assert_eq!((loaded.outcome(), &loaded.report()["dataset"]), ("Loaded", &"rows".into()), "{loaded:?}");

        put_in_other_bucket(stack, "elsewhere/2024-05-02.csv", "id\n2\n").await;
        let loaded = stack.drop_file("elsewhere/Succeeded_2024-05-02.trig", "").await;
        assert_eq!((loaded.outcome(), &loaded.report()["dataset"]), ("Loaded", &"readings".into()), "{loaded:?}");
        assert_eq!(loaded.output["object"]["bucket"], OTHER_BUCKET);
    });
}
