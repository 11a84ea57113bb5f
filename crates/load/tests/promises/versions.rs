use protocol::LoadOutcome::{AlreadyLoaded, Ignored, Loaded, Superseded};
use protocol::{LoadOutcome, ObjectRef};

use crate::fixture::{DEFINITION, KEY, LoadFixture, in_a_minute, orders, request, sequenced};

/// Writes three versions of one key, in this order.
fn versions(fixture: &LoadFixture, customers: [&str; 3]) -> [ObjectRef; 3] {
    let mut number = 0;
    customers.map(|customer| {
        number += 1;
        // The sequencers of S3 differ in length.
        let sequencer = ["9F", "A0", "0100"][number - 1];
        sequenced(fixture.bucket.put(KEY, Some(&format!("v{number}")), orders(&[customer])), sequencer)
    })
}

const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

async fn check(definition: &str, customers: [&str; 3], order: [usize; 3], outcomes: [LoadOutcome; 3], left: &str) {
    let fixture = LoadFixture::new().await;
    let versions = versions(&fixture, customers);
    let mut found = Vec::new();
    for index in order {
        found.push(fixture.load_as(definition, &versions[index]).await.unwrap().outcome);
    }
    assert_eq!(found, outcomes, "{customers:?} in the order {order:?}");
    assert_eq!(fixture.customers().await, left, "{customers:?} in the order {order:?}");
    // A second delivery finds the row of its version, with the same outcome.
    for index in order {
        let again = fixture.load_as(definition, &versions[index]).await.unwrap().outcome;
        let first = found[order.iter().position(|at| *at == index).unwrap()];
        assert_eq!(again, if first == Loaded { AlreadyLoaded } else { first });
    }
    assert_eq!(fixture.customers().await, left);
    assert_eq!(fixture.count("penstock.load").await, 3);
    assert_eq!(fixture.count("penstock.load where committed_at is null").await, 0);
}

#[tokio::test]
async fn older_version_never_overwrites_a_newer_one() {
    let outcomes = [
        [Loaded, Loaded, Loaded],
        [Loaded, Loaded, Superseded],
        [Loaded, Superseded, Loaded],
        [Loaded, Loaded, Superseded],
        [Loaded, Superseded, Superseded],
        [Loaded, Superseded, Superseded],
    ];
    for (order, outcomes) in ORDERS.into_iter().zip(outcomes) {
        check(DEFINITION, ["ann", "bob", "eve"], order, outcomes, "eve").await;
    }
}

#[tokio::test]
async fn returning_content_is_loaded_again() {
    let outcomes = [
        [Loaded, Loaded, Loaded],
        // The content of the last version is loaded already. The middle version is still older than the last one.
        [Loaded, AlreadyLoaded, Superseded],
        [Loaded, Superseded, Loaded],
        [Loaded, Loaded, AlreadyLoaded],
        [Loaded, AlreadyLoaded, Superseded],
        [Loaded, Superseded, AlreadyLoaded],
    ];
    for (order, outcomes) in ORDERS.into_iter().zip(outcomes) {
        check(DEFINITION, ["ann", "bob", "ann"], order, outcomes, "ann").await;
    }
}

#[tokio::test]
async fn dataset_keeps_every_version_or_the_first() {
    let append = format!("{DEFINITION}\non_new_version = \"append\"\n");
    for order in ORDERS {
        check(&append, ["ann", "bob", "eve"], order, [Loaded, Loaded, Loaded], "ann,bob,eve").await;
    }
    let ignore = format!("{DEFINITION}\non_new_version = \"ignore\"\n");
    check(&ignore, ["ann", "bob", "eve"], [0, 1, 2], [Loaded, Ignored, Ignored], "ann").await;
    check(&ignore, ["ann", "bob", "ann"], [0, 1, 2], [Loaded, Ignored, AlreadyLoaded], "ann").await;
}

#[tokio::test]
async fn renamed_dataset_keeps_its_loads() {
    let fixture = LoadFixture::new().await;
    let old = DEFINITION.replace("[datasets.orders]", "[datasets.things]");
    let object = sequenced(fixture.bucket.put(KEY, Some("v1"), orders(&["ann", "bob"])), "1");
    let mut request = request(&old, &object);
    request.dataset = "things".to_owned();
    assert_eq!(fixture.loader.load(&request, in_a_minute()).await.unwrap().outcome, Loaded);

    let renamed = format!("{DEFINITION}renamed_from = \"things\"\n");
    assert_eq!(fixture.load_as(&renamed, &object).await.unwrap().outcome, AlreadyLoaded);
    assert_eq!(fixture.customers().await, "ann,bob");
    let corrected = sequenced(fixture.bucket.put(KEY, Some("v2"), orders(&["eve"])), "2");
    assert_eq!(fixture.load_as(&renamed, &corrected).await.unwrap().outcome, Loaded);
    assert_eq!(fixture.customers().await, "eve");
    let loads = "select string_agg(dataset || ' ' || outcome, ', ' order by load_id) from penstock.load_history";
    assert_eq!(fixture.text(loads).await.unwrap(), "orders Replaced by 2, orders Loaded");
}

#[tokio::test]
async fn new_version_replaces_the_rows_of_its_key_only() {
    let fixture = LoadFixture::new().await;
    let other = fixture.bucket.put("raw/2024-03-02/orders.csv", Some("o1"), orders(&["zoe"]));
    fixture.load(&other).await.unwrap();
    let first = fixture.load(&fixture.bucket.put(KEY, Some("v1"), orders(&["ann", "bob"]))).await.unwrap();
    let second = fixture.load(&fixture.bucket.put(KEY, Some("v2"), orders(&["ann", "eve"]))).await.unwrap();

    assert_eq!(fixture.customers().await, "ann,eve,zoe");
    assert!(second.load_id > first.load_id);
    assert_eq!(fixture.count(&format!("staging.orders where _load_id = {}", second.load_id)).await, 2);
}

#[tokio::test]
async fn unique_key_allows_the_replacement_of_its_rows() {
    let fixture = LoadFixture::new().await;
    fixture
        .client
        .batch_execute(
            "create schema staging; create table staging.orders
             (order_id integer primary key, customer text, amount numeric(10,2), _load_id bigint not null)",
        )
        .await
        .unwrap();
    fixture.load(&fixture.bucket.put(KEY, Some("v1"), orders(&["ann", "bob"]))).await.unwrap();
    fixture.load(&fixture.bucket.put(KEY, Some("v2"), orders(&["eve", "bob"]))).await.unwrap();
    assert_eq!(fixture.customers().await, "bob,eve");
}
