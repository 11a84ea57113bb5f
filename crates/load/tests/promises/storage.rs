use protocol::FailureName;

use crate::bucket::Fault;
use crate::stage::{DEFINITION, KEY, Stage, check_failure, orders};

#[tokio::test]
async fn what_s3_does_wrong_has_a_name_and_leaves_nothing() {
    let stage = Stage::new().await;
    let check = async |fault: Fault, name: FailureName, says: &str| {
        let object = stage.bucket.put_with(fault, KEY, Some("v1"), orders(&["ann"; 1000]));
        check_failure(&stage.fail(DEFINITION, &object).await, name, says);
    };
    check(Fault::Truncated, FailureName::ObjectCorrupted, "broke off after ").await;
    check(Fault::Corrupt, FailureName::ObjectCorrupted, "checksum mismatch").await;
    check(Fault::Stalled, FailureName::StorageStalled, "nothing came for 2 s").await;
    check(Fault::Refused(403, "AccessDenied"), FailureName::StorageDenied, "told to say AccessDenied").await;
    check(Fault::Refused(404, "NoSuchBucket"), FailureName::ObjectMissing, "no such bucket").await;
    check(Fault::Refused(503, "SlowDown"), FailureName::StorageUnavailable, "told to say SlowDown").await;
    check(Fault::Refused(500, "InternalError"), FailureName::StorageUnavailable, "told to say InternalError").await;
}

#[tokio::test]
async fn the_events_version_is_read_or_none() {
    let stage = Stage::new().await;
    let first = stage.bucket.put(KEY, Some("v1"), orders(&["ann"]));
    stage.bucket.put(KEY, Some("v2"), orders(&["bob"]));
    stage.load(&first).await.unwrap();
    assert_eq!(stage.customers().await, "ann");

    let stage = Stage::new().await;
    let replaced = stage.bucket.put(KEY, None, orders(&["ann"]));
    stage.bucket.put(KEY, None, orders(&["bob"]));
    let error = stage.fail(DEFINITION, &replaced).await;
    check_failure(&error, FailureName::ObjectReplaced, &format!("s3://landing/{KEY}: another content took its place"));

    let mut gone = replaced.clone();
    gone.version_id = Some("v0".to_owned());
    check_failure(&stage.fail(DEFINITION, &gone).await, FailureName::ObjectReplaced, "this version is gone");
    stage.bucket.delete(KEY);
    check_failure(&stage.fail(DEFINITION, &replaced).await, FailureName::ObjectMissing, "no such object");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_has_a_name() {
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
