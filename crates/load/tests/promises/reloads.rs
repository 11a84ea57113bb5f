//! Reloads: a version is loaded again under another definition, in place of its older rows.

use futures_util::future::join_all;
use protocol::LoadOutcome::{self, AlreadyLoaded, Loaded, Superseded};
use protocol::{FailureName, LoadReport, LoadRequest, ObjectRef};

use crate::fixture::{DEFINITION, KEY, LoadFixture, check_failure, in_a_minute, orders, request, sequenced};

const REPLACE: &str = "write = \"replace\"\n";
const UPSERT: &str = "write = \"upsert\"\nkey = [\"order_id\"]\n";
const EVERY: &str = "on_new_version = \"append\"\n";
const FIRST: &str = "on_new_version = \"ignore\"\n";
const NEWEST: &str = "on_new_version = \"replace\"\n";
/// The corrected definition: `x` is no customer.
const CORRECTED: &str = "null_values = [\"x\"]\n";

/// Loads one version of a key.
async fn load(fixture: &LoadFixture, definition: &str, key: &str, version: &str, customers: &[&str]) -> LoadReport {
    let object = sequenced(fixture.bucket.put(key, Some(version), orders(customers)), version);
    fixture.load_as(definition, &object).await.unwrap()
}

fn reload_request(definition: &str, load_id: i64, object: &ObjectRef) -> LoadRequest {
    LoadRequest { reloads: Some(load_id), ..request(definition, object) }
}

/// Loads the version of a load again.
async fn reload(fixture: &LoadFixture, definition: &str, load_id: i64) -> LoadReport {
    let object = object(fixture, load_id).await;
    fixture.loader.load(&reload_request(definition, load_id, &object), in_a_minute()).await.unwrap()
}

/// Returns the object of a load, as the ledger has it.
async fn object(fixture: &LoadFixture, load_id: i64) -> ObjectRef {
    let query = "select key, version_id, etag, sequencer from penstock.load where load_id = $1";
    let row = fixture.client.query_one(query, &[&load_id]).await.unwrap();
    let key: String = row.get(0);
    ObjectRef { version_id: row.get(1), etag: row.get(2), sequencer: row.get(3), ..ObjectRef::new("landing", key) }
}

/// Returns the rows as `load:customer`, in the order of their customers.
async fn rows(fixture: &LoadFixture) -> String {
    let query = "select coalesce(string_agg(_load_id || ':' || coalesce(customer, '-'), ' '
                                            order by customer nulls first, _load_id), '') from staging.orders";
    fixture.text(query).await.unwrap()
}

#[tokio::test]
async fn reload_uses_the_current_definition() {
    let fixture = LoadFixture::new().await;
    let corrected = format!("{DEFINITION}{CORRECTED}");
    let first = load(&fixture, DEFINITION, KEY, "1", &["ann", "x"]).await;
    assert_eq!((first.outcome, first.reason), (Loaded, None));
    let duplicate = fixture.load_as(&corrected, &object(&fixture, 1).await).await.unwrap();
    assert_eq!(duplicate.outcome, AlreadyLoaded);
    let reason = "load 1 used an earlier definition of the pipeline; to load the file again with the current one, run \
                  `penstock reload raw/2024-03-01/orders.csv`";
    assert_eq!(duplicate.reason.as_deref(), Some(reason));
    assert_eq!(rows(&fixture).await, "1:ann 1:x");

    let report = reload(&fixture, &corrected, 1).await;
    assert_eq!((report.outcome, report.load_id, report.reloads), (Loaded, 2, Some(1)));
    assert_eq!(rows(&fixture).await, "2:- 2:ann");
    let duplicate = fixture.load_as(&corrected, &object(&fixture, 1).await).await.unwrap();
    assert_eq!((duplicate.outcome, duplicate.load_id, duplicate.reason), (AlreadyLoaded, 2, None));

    // The next reload replaces the reload.
    assert_eq!(reload(&fixture, DEFINITION, 2).await.load_id, 3);
    assert_eq!(rows(&fixture).await, "3:ann 3:x");
    assert_eq!(
        fixture
            .text(
                "select string_agg(coalesce(first_load_id, 0)::text, ',' order by load_id)
                             from penstock.load"
            )
            .await
            .unwrap(),
        "0,1,1"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_reload_loads_once() {
    let fixture = LoadFixture::new().await;
    load(&fixture, DEFINITION, KEY, "1", &["ann", "x"]).await;
    let object = object(&fixture, 1).await;
    let request = |number: usize| LoadRequest {
        execution: Some(format!("execution {number}")),
        ..reload_request(&format!("{DEFINITION}{CORRECTED}"), 1, &object)
    };
    let requests: Vec<LoadRequest> = (0..10).map(request).collect();
    let loaders: Vec<_> = requests.iter().map(|_| fixture.another_loader()).collect();
    let loads = loaders.iter().zip(&requests).map(|(loader, request)| loader.load(request, in_a_minute()));
    let reports: Vec<LoadReport> = join_all(loads).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(reports.iter().filter(|report| report.outcome == Loaded).count(), 1);
    assert!(reports.iter().all(|report| report.load_id == reports[0].load_id && report.rows_loaded == 2));
    assert_eq!(fixture.count("penstock.load").await, 2);
    assert_eq!(fixture.count("staging.orders").await, 2);

    // The reply of the execution that reloaded was lost: it is Loaded again.
    let loaded = reports.iter().position(|report| report.outcome == Loaded).unwrap();
    assert_eq!(fixture.loader.load(&requests[loaded], in_a_minute()).await.unwrap().outcome, Loaded);
}

#[tokio::test]
async fn reload_replaces_its_rows_in_every_write_mode() {
    async fn check(options: &str, left: &str) {
        let fixture = LoadFixture::new().await;
        let definition = format!("{DEFINITION}{options}");
        load(&fixture, &definition, KEY, "1", &["ann", "x"]).await;
        // Without the rows of another file, only the reload can remove these.
        load(&fixture, &definition, "raw/2024-03-02/orders.csv", "1", &[]).await;
        let corrected = format!("{definition}{CORRECTED}");
        let report = reload(&fixture, &corrected, 1).await;
        assert_eq!((report.outcome, report.rows_loaded), (Loaded, 2), "{options}");
        assert_eq!(rows(&fixture).await, left, "{options}");
    }
    for write in ["", UPSERT] {
        for on_new_version in ["", NEWEST, EVERY, FIRST] {
            check(&format!("{write}{on_new_version}"), "3:- 3:ann").await;
        }
    }
}

#[tokio::test]
async fn reload_of_a_replaced_table_needs_the_last_file() {
    let fixture = LoadFixture::new().await;
    let definition = format!("{DEFINITION}{REPLACE}");
    load(&fixture, &definition, KEY, "1", &["ann", "x"]).await;
    load(&fixture, &definition, "raw/2024-03-02/orders.csv", "1", &["eve", "x"]).await;
    let corrected = format!("{definition}{CORRECTED}");
    assert_eq!(reload(&fixture, &corrected, 1).await.outcome, Superseded);
    assert_eq!(rows(&fixture).await, "2:eve 2:x");
    assert_eq!(reload(&fixture, &corrected, 2).await.outcome, Loaded);
    assert_eq!(rows(&fixture).await, "3:- 3:eve");
    assert_eq!(fixture.count("penstock.load").await, 3);
}

#[tokio::test]
async fn reload_never_brings_back_an_older_version() {
    for sequenced_events in [true, false] {
        let fixture = LoadFixture::new().await;
        for (version, customer) in [("1", "ann"), ("2", "eve")] {
            let object = fixture.bucket.put(KEY, Some(version), orders(&[customer]));
            let object = if sequenced_events { sequenced(object, version) } else { object };
            fixture.load(&object).await.unwrap();
        }
        assert_eq!(reload(&fixture, DEFINITION, 1).await.outcome, Superseded);
        assert_eq!(reload(&fixture, DEFINITION, 2).await.outcome, Loaded);
        assert_eq!(rows(&fixture).await, "3:eve");
    }
}

#[tokio::test]
async fn reload_keeps_the_place_of_its_version() {
    let fixture = LoadFixture::new().await;
    let every = format!("{DEFINITION}{EVERY}");
    load(&fixture, &every, KEY, "1", &["ann"]).await;
    load(&fixture, &every, KEY, "2", &["bob"]).await;
    assert_eq!(reload(&fixture, &format!("{every}{CORRECTED}"), 1).await.outcome, Loaded);
    assert_eq!(rows(&fixture).await, "3:ann 2:bob");
    // The last version is still that of bob.
    assert_eq!(load(&fixture, &every, KEY, "3", &["bob"]).await.outcome, AlreadyLoaded);
    assert_eq!(load(&fixture, &every, KEY, "4", &["ann"]).await.outcome, Loaded);
    assert_eq!(rows(&fixture).await, "3:ann 5:ann 2:bob");
}

#[tokio::test]
async fn reload_removes_the_rows_of_repairs() {
    for options in ["", EVERY] {
        let definition = format!("{DEFINITION}{options}");
        let fixture = LoadFixture::new().await;
        let file = "order_id,customer,amount\n1,ann,1.00\ntwo,bob,1.00\n".to_owned();
        let object = sequenced(fixture.bucket.put(KEY, Some("1"), file), "1");
        let first = fixture.load_as(&definition, &object).await.unwrap();
        assert_eq!((first.rows_loaded, first.rows_rejected), (1, 1));
        let load_id = first.load_id;
        let repair_key = format!("_penstock/repairs/shop/orders/{load_id}/2024-03-01T00:00:00.000000Z/orders.csv");
        let repair = fixture.bucket.put(&repair_key, Some("r"), "order_id,customer,amount\n2,bob,1.00\n".to_owned());
        let repair = LoadRequest { repairs: Some(load_id), ..request(&definition, &repair) };
        assert_eq!(fixture.loader.load(&repair, in_a_minute()).await.unwrap().outcome, Loaded);
        assert_eq!(fixture.customers().await, "ann,bob");

        assert_eq!(reload(&fixture, &definition, load_id).await.outcome, Loaded);
        assert_eq!(fixture.customers().await, "ann");
        let later = fixture.bucket.put(&repair_key, Some("s"), "order_id,customer,amount\n3,eve,1.00\n".to_owned());
        let later = LoadRequest { object: later, ..repair };
        let error = fixture.loader.load(&later, in_a_minute()).await.unwrap_err();
        check_failure(&error, FailureName::NotRepairable, "a reload of its file");
    }
}

#[tokio::test]
async fn failed_reload_keeps_the_older_rows() {
    let fixture = LoadFixture::new().await;
    load(&fixture, DEFINITION, KEY, "1", &["ann", "x"]).await;
    let strict = format!("{DEFINITION}rejects.max_rows = 0\n").replace("\"numeric(10,2)\"", "\"date\"");
    fixture.client.batch_execute("alter table staging.orders alter amount type date using null").await.unwrap();
    let request = reload_request(&strict, 1, &object(&fixture, 1).await);
    let error = fixture.loader.load(&request, in_a_minute()).await.unwrap_err();
    check_failure(&error, FailureName::TooManyRejects, "");
    assert_eq!(rows(&fixture).await, "1:ann 1:x");
    assert_eq!(fixture.count("penstock.load").await, 1);
}

#[tokio::test]
async fn reload_of_another_file_fails_by_name() {
    let fixture = LoadFixture::new().await;
    load(&fixture, DEFINITION, KEY, "1", &["ann"]).await;
    let other = fixture.bucket.put("raw/2024-03-02/orders.csv", Some("1"), orders(&["eve"]));
    let error = fixture.loader.load(&reload_request(DEFINITION, 1, &other), in_a_minute()).await.unwrap_err();
    check_failure(&error, FailureName::NotReloadable, "it is no load of this file in dataset shop/orders");
    let newer = fixture.bucket.put(KEY, Some("2"), orders(&["eve"]));
    let error = fixture.loader.load(&reload_request(DEFINITION, 1, &newer), in_a_minute()).await.unwrap_err();
    check_failure(&error, FailureName::NotReloadable, "it has another version of the file");
    assert_eq!(rows(&fixture).await, "1:ann");
}

#[tokio::test]
async fn reload_of_a_dropped_table_creates_it() {
    let fixture = LoadFixture::new().await;
    load(&fixture, DEFINITION, KEY, "1", &["ann"]).await;
    fixture.client.batch_execute("drop table staging.orders").await.unwrap();
    let outcome: LoadOutcome = reload(&fixture, DEFINITION, 1).await.outcome;
    assert_eq!(outcome, Loaded);
    assert_eq!(rows(&fixture).await, "2:ann");
}
