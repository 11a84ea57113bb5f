use protocol::FailureName;

use crate::bucket::DownloadFault;
use crate::fixture::{DEFINITION, KEY, LoadFixture, check_failure, orders};

#[tokio::test]
async fn failed_download_leaves_nothing() {
    let fixture = LoadFixture::new().await;
    let check = async |fault: DownloadFault, name: FailureName, says: &str| {
        let object = fixture.bucket.put_with(fault, KEY, Some("v1"), orders(&["ann"; 1000]));
        check_failure(&fixture.fail(DEFINITION, &object).await, name, says);
    };
    check(DownloadFault::Truncated, FailureName::ObjectCorrupted, "the download failed after ").await;
    check(DownloadFault::Corrupt, FailureName::ObjectCorrupted, "checksum mismatch").await;
    check(DownloadFault::Stalled, FailureName::StorageStalled, "S3 sent nothing for 2 s").await;
    check(DownloadFault::Refused(403, "AccessDenied"), FailureName::StorageDenied, "simulated AccessDenied").await;
    check(DownloadFault::Refused(404, "NoSuchBucket"), FailureName::ObjectMissing, "the bucket does not exist").await;
    check(DownloadFault::Refused(503, "SlowDown"), FailureName::StorageUnavailable, "simulated SlowDown").await;
    check(DownloadFault::Refused(500, "InternalError"), FailureName::StorageUnavailable, "simulated InternalError")
        .await;
}

#[tokio::test]
async fn only_the_version_in_the_event_is_read() {
    let fixture = LoadFixture::new().await;
    let first = fixture.bucket.put(KEY, Some("v1"), orders(&["ann"]));
    fixture.bucket.put(KEY, Some("v2"), orders(&["bob"]));
    fixture.load(&first).await.unwrap();
    assert_eq!(fixture.customers().await, "ann");

    let fixture = LoadFixture::new().await;
    let replaced = fixture.bucket.put(KEY, None, orders(&["ann"]));
    fixture.bucket.put(KEY, None, orders(&["bob"]));
    let error = fixture.fail(DEFINITION, &replaced).await;
    check_failure(
        &error,
        FailureName::ObjectReplaced,
        &format!("s3://landing/{KEY}: the object was replaced: its etag has changed"),
    );

    let mut gone = replaced.clone();
    gone.version_id = Some("v0".to_owned());
    check_failure(
        &fixture.fail(DEFINITION, &gone).await,
        FailureName::ObjectReplaced,
        "this version does not exist any more",
    );
    fixture.bucket.delete(KEY);
    check_failure(&fixture.fail(DEFINITION, &replaced).await, FailureName::ObjectMissing, "the object does not exist");
}

#[tokio::test]
async fn malformed_file_fails_by_name() {
    let fixture = LoadFixture::new().await;
    let check = async |body: &str, name: FailureName, says: &str| {
        let object = fixture.bucket.put(KEY, Some("v1"), body);
        check_failure(&fixture.fail(DEFINITION, &object).await, name, says);
    };
    check("", FailureName::EmptyFile, KEY).await;
    check("order_id,amount\n1,2\n", FailureName::HeaderMismatch, "customer").await;
    check("order_id,customer,amount\n1,\"x\n", FailureName::MalformedFile, "line 2").await;

    let header_alone = fixture.bucket.put(KEY, Some("v1"), orders(&[]));
    assert_eq!(fixture.load(&header_alone).await.unwrap().rows_read, 0);
}
