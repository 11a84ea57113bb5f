use std::time::{Duration, Instant};

use postgres::DatabaseAddress;
use protocol::{FailureName, LoadOutcome};

use crate::bucket::DownloadFault;
use crate::fixture::{
    DEFINITION, KEY, LoadFixture, check_failure, in_a_minute, in_seconds, loader_at, orders, request,
};

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_loaders_migrate_once() {
    let fixture = LoadFixture::new().await;
    assert!(fixture.load_days_at_once(30).await.into_iter().all(|answer| answer.is_ok()));
    assert_eq!(
        fixture.text("select string_agg(version::text, ',') from penstock.migration").await.unwrap(),
        "1,2,3,4,5,6,7,8,9"
    );
    let without_comment = "pg_attribute a join pg_class c on c.oid = a.attrelid
                           where c.relnamespace = 'penstock'::regnamespace and c.relkind in ('r', 'v') and a.attnum > 0
                             and col_description(c.oid, a.attnum) is null";
    assert_eq!(fixture.count(without_comment).await, 0);
}

#[tokio::test]
async fn broken_session_is_replaced_at_the_next_load() {
    let fixture = LoadFixture::new().await;
    fixture.load(&fixture.bucket.put(KEY, Some("v1"), orders(&["ann"]))).await.unwrap();
    let ended = "select count(pg_terminate_backend(pid))::text from pg_stat_activity
                 where datname = current_database() and pid <> pg_backend_pid()";
    assert_eq!(fixture.text(ended).await.unwrap(), "1", "the loader keeps one session between two loads");
    fixture.load(&fixture.bucket.put(KEY, Some("v2"), orders(&["bob"]))).await.unwrap();
    assert_eq!(fixture.customers().await, "bob");
}

#[tokio::test]
async fn session_lost_during_copy_leaves_nothing() {
    let fixture = LoadFixture::new().await;
    let object = fixture.bucket.put_with(DownloadFault::Slow, KEY, Some("v1"), orders(&["ann"; 1000]));
    let end_it = async {
        let ended = "select count(pg_terminate_backend(pid))::text from pg_stat_activity
                     where datname = current_database() and query like 'copy %'";
        while fixture.text(ended).await.unwrap() == "0" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let (error, ()) = tokio::join!(fixture.load(&object), end_it);
    check_failure(&error.unwrap_err(), FailureName::DatabaseUnavailable, "");
    fixture.nothing_is_left().await;

    let whole = fixture.bucket.put(KEY, Some("v1"), orders(&["ann"; 1000]));
    assert_eq!(fixture.load(&whole).await.unwrap().rows_loaded, 1000);
    assert_eq!(fixture.count("staging.orders").await, 1000);
}

#[tokio::test]
async fn rotated_password_is_read_again() {
    let fixture = LoadFixture::new().await;
    let role = format!("rotated_{}", std::process::id());
    let with_password = async |password: &str| {
        let statement = format!("alter role {role} password '{password}'");
        fixture.client.batch_execute(&statement).await.unwrap();
        let (_, place) = fixture.database.url.rsplit_once('@').unwrap();
        fixture.bucket.keep_secret(&format!("postgres://{role}:{password}@{place}"));
    };
    fixture.client.batch_execute(&format!("create role {role} login superuser")).await.unwrap();
    with_password("old").await;
    let loader = loader_at(&fixture.bucket, DatabaseAddress::Secret("arn:secret".to_owned()));
    let first = request(DEFINITION, &fixture.bucket.put(KEY, Some("v1"), orders(&["ann"])));
    loader.load(&first, in_a_minute()).await.unwrap();

    with_password("new").await;
    let end = format!("select pg_terminate_backend(pid) from pg_stat_activity where usename = '{role}'");
    fixture.client.batch_execute(&end).await.unwrap();
    let second = request(DEFINITION, &fixture.bucket.put(KEY, Some("v2"), orders(&["bob"])));
    let report = loader.load(&second, in_a_minute()).await;
    fixture.client.batch_execute(&format!("reassign owned by {role} to current_user; drop role {role}")).await.ok();
    assert_eq!(report.unwrap().outcome, LoadOutcome::Loaded);
}

#[tokio::test]
async fn concurrent_load_of_one_key_fails_fast() {
    let fixture = LoadFixture::new().await;
    let slow = fixture.bucket.put_with(DownloadFault::Slow, KEY, Some("v1"), orders(&["ann"; 1000]));
    let request = request(DEFINITION, &slow);
    let rival = fixture.another_loader();
    let in_a_moment = async {
        while fixture.count("pg_stat_activity where datname = current_database() and query like 'copy %'").await == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let started = Instant::now();
        let error = rival.load(&request, in_a_minute()).await.unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(8));
        error
    };
    let (first, error) = tokio::join!(fixture.loader.load(&request, in_a_minute()), in_a_moment);
    check_failure(&error, FailureName::LoadInProgress, "another load of this key is in progress");
    assert_eq!(first.unwrap().outcome, LoadOutcome::Loaded);
    assert_eq!(fixture.count("staging.orders").await, 1000);
}

#[tokio::test]
async fn load_gives_up_before_its_time_limit() {
    let fixture = LoadFixture::new().await;
    let object = fixture.bucket.put_with(DownloadFault::Slow, KEY, Some("v1"), orders(&["ann"; 1000]));
    let started = Instant::now();
    let error = fixture.loader.load(&request(DEFINITION, &object), in_seconds(5)).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_millis(4500));
    check_failure(&error, FailureName::DeadlineExceeded, "the load stopped before its time limit, after ");
    // The session was closed during COPY. PostgreSQL needs a moment to notice.
    while fixture.count("pg_stat_activity where datname = current_database()").await > 1 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    fixture.nothing_is_left().await;
}

#[tokio::test]
async fn unreachable_database_is_named_without_password() {
    let fixture = LoadFixture::new().await;
    let object = fixture.bucket.put(KEY, Some("v1"), orders(&["ann"]));
    let check = async |url: &str, name: FailureName, says: &str| {
        let loader = loader_at(&fixture.bucket, DatabaseAddress::Url(url.to_owned()));
        let error = loader.load(&request(DEFINITION, &object), in_a_minute()).await.unwrap_err();
        check_failure(&error, name, says);
        assert!(!format!("{error} {error:?} {loader:?}").contains("hunter2"), "{error:?}");
    };
    check("postgres://u:hunter2@127.0.0.1:1/d", FailureName::DatabaseUnavailable, "127.0.0.1:1: ").await;
    check("postgres://u:hunter2@[/d", FailureName::InvalidConfiguration, "DATABASE_URL: ").await;
    check(
        "postgres://u:hunter2@db.invalid/d?sslmode=disable",
        FailureName::InvalidConfiguration,
        "db.invalid:5432: sslmode=disable is allowed for loopback only",
    )
    .await;
    let missing = fixture.database.url.rsplit_once('/').unwrap().0.to_owned() + "/no_such_database";
    check(&missing, FailureName::DatabaseRefused, "no_such_database").await;
    // The server has no TLS, or a certificate that is not trusted.
    let with_tls = format!("{}?sslmode=require", fixture.database.url);
    check(&with_tls, FailureName::InvalidConfiguration, "127.0.0.1:").await;
}
