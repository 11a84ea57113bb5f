use protocol::FailureName;

use crate::bucket::Fault;
use crate::stage::{DEFINITION, KEY, Stage, check_failure, orders};

#[tokio::test]
async fn failed_download_leaves_nothing() {
    let stage = Stage::new().await;
    let check = async |fault: Fault, name: FailureName, says: &str| {
        let object = stage.bucket.put_with(fault, KEY, Some("v1"), orders(&["ann"; 1000]));
        check_failure(&stage.fail(DEFINITION, &object).await, name, says);
    };
    check(Fault::Truncated, FailureName::ObjectCorrupted, "the download failed after ").await;
    check(Fault::Corrupt, FailureName::ObjectCorrupted, "checksum mismatch").await;
    check(Fault::Stalled, FailureName::StorageStalled, "S3 sent nothing for 2 s").await;
    check(Fault::Refused(403, "AccessDenied"), FailureName::StorageDenied, "simulated AccessDenied").await;
    check(Fault::Refused(404, "NoSuchBucket"), FailureName::ObjectMissing, "the bucket does not exist").await;
    check(Fault::Refused(503, "SlowDown"), FailureName::StorageUnavailable, "simulated SlowDown").await;
    check(Fault::Refused(500, "InternalError"), FailureName::StorageUnavailable, "simulated InternalError").await;
}

#[tokio::test]
async fn only_the_version_in_the_event_is_read() {
    let stage = Stage::new().await;
    let first = stage.bucket.put(KEY, Some("v1"), orders(&["ann"]));
    stage.bucket.put(KEY, Some("v2"), orders(&["bob"]));
    stage.load(&first).await.unwrap();
    assert_eq!(stage.customers().await, "ann");

    let stage = Stage::new().await;
    let replaced = stage.bucket.put(KEY, None, orders(&["ann"]));
    stage.bucket.put(KEY, None, orders(&["bob"]));
    let error = stage.fail(DEFINITION, &replaced).await;
    check_failure(
        &error,
        FailureName::ObjectReplaced,
        &format!("s3://landing/{KEY}: the object was replaced: its etag has changed"),
    );

    let mut gone = replaced.clone();
    gone.version_id = Some("v0".to_owned());
    check_failure(
        &stage.fail(DEFINITION, &gone).await,
        FailureName::ObjectReplaced,
        "this version does not exist any more",
    );
    stage.bucket.delete(KEY);
    check_failure(&stage.fail(DEFINITION, &replaced).await, FailureName::ObjectMissing, "the object does not exist");
}

#[tokio::test]
async fn malformed_file_fails_by_name() {
    let stage = Stage::new().await;
    let check = async |body: &str, name: FailureName, says: &str| {
        let object = stage.bucket.put(KEY, Some("v1"), body);
        check_failure(&stage.fail(DEFINITION, &object).await, name, says);
    };
    check("", FailureName::EmptyFile, KEY).await;
    check("order_id,amount\n1,2\n", FailureName::HeaderMismatch, "customer").await;
    check("order_id,customer,amount\n1,\"x\n", FailureName::MalformedFile, "line 2").await;

    let header_alone = stage.bucket.put(KEY, Some("v1"), orders(&[]));
    assert_eq!(stage.load(&header_alone).await.unwrap().rows_read, 0);
}
