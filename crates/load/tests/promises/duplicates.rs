use futures_util::future::join_all;
use load::LoadError;
use protocol::{LoadOutcome, LoadReport, ObjectRef};

use crate::fixture::{DEFINITION, KEY, LoadFixture, in_a_minute, orders, request, sequenced};

fn counts(report: &LoadReport) -> (i64, u64, u64, u64, u64) {
    (report.load_id, report.bytes, report.rows_read, report.rows_loaded, report.rows_rejected)
}

#[tokio::test]
async fn duplicate_event_loads_nothing() {
    let fixture = LoadFixture::new().await;
    let object = fixture.bucket.put(KEY, Some("v1"), orders(&["ann", "bob"]) + "x,bad,1\n");

    let first = fixture.load(&object).await.unwrap();
    assert_eq!(first.outcome, LoadOutcome::Loaded);
    assert_eq!((first.rows_read, first.rows_loaded, first.rows_rejected), (3, 2, 1));
    assert_eq!(first.table, "staging.orders");

    let second = fixture.another_loader().load(&request(DEFINITION, &object), in_a_minute()).await.unwrap();
    assert_eq!(second.outcome, LoadOutcome::AlreadyLoaded);
    assert_eq!(counts(&second), counts(&first));
    assert_eq!(second.first_rejects, first.first_rejects);

    // A duplicate needs no object.
    fixture.bucket.delete(KEY);
    assert_eq!(fixture.load(&object).await.unwrap().outcome, LoadOutcome::AlreadyLoaded);
    assert_eq!(fixture.customers().await, "ann,bob");
    assert_eq!(fixture.count("penstock.load").await, 1);
}

#[tokio::test]
async fn object_without_version_is_known_by_sequencer() {
    let fixture = LoadFixture::new().await;
    let put =
        |customer: &str, sequencer: &str| sequenced(fixture.bucket.put(KEY, None, orders(&[customer])), sequencer);
    let check = async |object: &ObjectRef, outcome: LoadOutcome, customer: &str| {
        assert_eq!(fixture.load(object).await.unwrap().outcome, outcome);
        assert_eq!(fixture.customers().await, customer);
    };
    let first = put("ann", "0A");
    check(&first, LoadOutcome::Loaded, "ann").await;
    check(&first, LoadOutcome::AlreadyLoaded, "ann").await;
    check(&put("bob", "0B"), LoadOutcome::Loaded, "bob").await;
    check(&first, LoadOutcome::AlreadyLoaded, "bob").await;
    check(&put("ann", "0C"), LoadOutcome::Loaded, "ann").await;
    // `null` is the version id in a bucket with suspended versioning. It identifies no content.
    let mut suspended = put("eve", "0D");
    suspended.version_id = Some("null".to_owned());
    check(&suspended, LoadOutcome::Loaded, "eve").await;
}

#[tokio::test]
async fn bare_key_is_known_by_its_content() {
    let fixture = LoadFixture::new().await;
    let bare = ObjectRef::new("landing", KEY);
    let mut outcomes = Vec::new();
    for customer in ["ann", "ann", "bob", "ann"] {
        fixture.bucket.put(KEY, None, orders(&[customer]));
        outcomes.push(fixture.load(&bare).await.unwrap().outcome);
        assert_eq!(fixture.customers().await, customer);
    }
    assert_eq!(outcomes, [LoadOutcome::Loaded, LoadOutcome::AlreadyLoaded, LoadOutcome::Loaded, LoadOutcome::Loaded]);
}

#[tokio::test(flavor = "multi_thread")]
async fn hundred_concurrent_duplicates_give_one_load() {
    let fixture = LoadFixture::new().await;
    let object = fixture.bucket.put(KEY, Some("v1"), orders(&["ann", "bob", "eve"]));
    let request = request(DEFINITION, &object);
    let loaders: Vec<_> = (0..100).map(|_| fixture.another_loader()).collect();

    let answers = join_all(loaders.iter().map(|loader| loader.load(&request, in_a_minute()))).await;
    let reports: Vec<LoadReport> = answers.into_iter().collect::<Result<_, LoadError>>().unwrap();

    let loaded = reports.iter().filter(|report| report.outcome == LoadOutcome::Loaded).count();
    let already = reports.iter().filter(|report| report.outcome == LoadOutcome::AlreadyLoaded).count();
    assert_eq!((loaded, already), (1, 99));
    assert!(reports.iter().all(|report| counts(report) == counts(&reports[0])));
    assert_eq!(fixture.customers().await, "ann,bob,eve");
}

#[tokio::test]
async fn lost_reply_is_repeated_from_the_ledger() {
    let fixture = LoadFixture::new().await;
    for (key, version) in [(KEY, Some("v1")), ("raw/2024-03-02/orders.csv", None)] {
        let object = fixture.bucket.put(key, version, orders(&["ann"]) + "x,bad,1\n");
        let mut request = request(DEFINITION, &object);
        request.execution = Some(format!("arn:aws:states:::execution:process-file:{key}"));

        let first = fixture.loader.load(&request, in_a_minute()).await.unwrap();
        let again = fixture.another_loader().load(&request, in_a_minute()).await.unwrap();
        assert_eq!(again, LoadReport { duration_ms: again.duration_ms, ..first });
        assert_eq!(again.outcome, LoadOutcome::Loaded);

        request.execution = Some("arn:aws:states:::execution:process-file:another".to_owned());
        assert_eq!(fixture.loader.load(&request, in_a_minute()).await.unwrap().outcome, LoadOutcome::AlreadyLoaded);
    }
    assert_eq!(fixture.customers().await, "ann,ann");
}
