//! A bucket that cannot be listed in time.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test that calls them")]

use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::config::Credentials;
use chrono::TimeDelta;
use function::Deadline;
use protocol::{Failure, FailureName};
use reconciler::{Config, DatabaseAddress, Reconciler};
use tokio::net::TcpListener;

#[tokio::test]
async fn slow_bucket_fails_with_too_much_to_reconcile() {
    // Accepts every connection and never answers.
    let s3 = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", s3.local_addr().unwrap());
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok(connection) = s3.accept().await {
            held.push(connection);
        }
    });
    let config = Config {
        database: DatabaseAddress::Url("postgres://user@127.0.0.1:1/database".to_owned()),
        landing_bucket: "landing".to_owned(),
        definitions_bucket: "definitions".to_owned(),
        state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:process-file".to_owned(),
        dead_letter_queue_url: format!("{endpoint}/letters"),
        window: TimeDelta::hours(24),
        grace: TimeDelta::minutes(15),
    };
    let sdk = aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
        .load()
        .await;
    let error = Reconciler::new(config, &sdk).reconcile(Deadline::after(Duration::from_secs(2))).await.unwrap_err();
    assert_eq!(error.name(), FailureName::TooMuchToReconcile, "{error}");
    assert!(
        error.to_string().starts_with("s3://landing: ") && error.to_string().ends_with("while listing the bucket"),
        "{error}"
    );
}
