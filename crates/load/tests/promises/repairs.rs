//! Repairs, and later loads of the files that they repair.

use futures_util::future::join;
use load::LoadError;
use protocol::LoadOutcome::{AlreadyLoaded, Loaded};
use protocol::{Failure, FailureName, LoadReport, LoadRequest, ObjectRef};

use crate::fixture::{DEFINITION, KEY, LoadFixture, check_failure, in_a_minute, orders, request, sequenced};
use crate::runs::{DAY, Shop};

const REPLACE: &str = "write = \"replace\"\n";
const UPSERT: &str = "write = \"upsert\"\nkey = [\"order_id\"]\non_new_version = \"replace\"\n";
const UPSERT_ALL: &str = "write = \"upsert\"\nkey = [\"order_id\"]\n";
const KEEP_ALL: &str = "on_new_version = \"append\"\n";
const OTHER_KEY: &str = "raw/2024-03-02/orders.csv";

fn repair_of(load_id: i64, file: &str) -> String {
    format!("_penstock/repairs/shop/orders/{load_id}/2024-03-01T00:00:00.000000Z/{file}")
}

/// Loads one version of a file.
async fn load(fixture: &LoadFixture, definition: &str, key: &str, version: &str, file: String) -> LoadReport {
    let object = sequenced(fixture.bucket.put(key, Some(version), file), version);
    fixture.load_as(definition, &object).await.unwrap()
}

fn repairing(definition: &str, load_id: i64, object: &ObjectRef) -> LoadRequest {
    LoadRequest { repairs: Some(load_id), ..request(definition, object) }
}

async fn try_repair(
    fixture: &LoadFixture,
    definition: &str,
    load_id: i64,
    file: String,
) -> Result<LoadReport, LoadError> {
    let object = fixture.bucket.put(&repair_of(load_id, "orders.csv"), Some("r1"), file);
    fixture.loader.load(&repairing(definition, load_id, &object), in_a_minute()).await
}

async fn repair(fixture: &LoadFixture, definition: &str, load_id: i64, file: String) -> LoadReport {
    let report = try_repair(fixture, definition, load_id, file).await.unwrap();
    assert_eq!((report.outcome, report.repairs), (Loaded, Some(load_id)));
    assert_eq!(report.rows_read, report.rows_loaded + report.rows_rejected);
    report
}

/// Returns a file with one row.
fn row(number: u32, customer: &str) -> String {
    format!("order_id,customer,amount\n{number},{customer},1.50\n")
}

/// Returns a file with a row for each customer and one reject.
fn bad(customers: &[&str]) -> String {
    orders(customers) + "x,bad,1\n"
}

#[tokio::test]
async fn repair_adds_its_rows_in_every_write_mode() {
    for write in ["", REPLACE, UPSERT, KEEP_ALL, "on_new_version = \"ignore\"\n"] {
        let definition = format!("{DEFINITION}{write}");
        let fixture = LoadFixture::new().await;
        let first = load(&fixture, &definition, KEY, "1", bad(&["ann", "bob"])).await;
        assert_eq!((first.rows_loaded, first.rows_rejected), (2, 1), "{write}");
        let repaired = repair(&fixture, &definition, first.load_id, row(9, "eve")).await;
        assert_eq!(fixture.customers().await, "ann,bob,eve", "{write}");
        let traced = format!(
            "select string_agg(key, ',') from staging.orders join penstock.load on load_id = _load_id
             where repairs = {} and load_id = {}",
            first.load_id, repaired.load_id
        );
        assert_eq!(fixture.text(&traced).await.unwrap(), repair_of(first.load_id, "orders.csv"), "{write}");
        assert_eq!(fixture.count("penstock.load_history where repairs = 1 and logical_at = '2024-03-01Z'").await, 1);
    }
}

#[tokio::test]
async fn upserted_repair_replaces_rows_with_its_key() {
    let fixture = LoadFixture::new().await;
    let definition = format!("{DEFINITION}{UPSERT}");
    let first = load(&fixture, &definition, KEY, "1", bad(&["ann", "bob"])).await;
    repair(&fixture, &definition, first.load_id, row(2, "eve")).await;
    assert_eq!(fixture.customers().await, "ann,eve");

    // If every version is kept, the rows of a newer version of the file stay.
    let fixture = LoadFixture::new().await;
    let definition = format!("{DEFINITION}{UPSERT_ALL}");
    let first = load(&fixture, &definition, KEY, "1", bad(&["ann"])).await;
    load(&fixture, &definition, KEY, "2", row(2, "new")).await;
    repair(&fixture, &definition, first.load_id, orders(&["eve", "old"])).await;
    assert_eq!(fixture.customers().await, "eve,new");
}

#[tokio::test]
async fn repair_delivered_twice_loads_once() {
    let fixture = LoadFixture::new().await;
    let first = load(&fixture, DEFINITION, KEY, "1", bad(&["ann"])).await;
    repair(&fixture, DEFINITION, first.load_id, row(9, "eve")).await;
    let again = try_repair(&fixture, DEFINITION, first.load_id, row(9, "eve")).await.unwrap();
    assert_eq!((again.outcome, again.rows_loaded, again.repairs), (AlreadyLoaded, 1, Some(first.load_id)));
    // A new version of the repair with the same content.
    let object = fixture.bucket.put(&repair_of(first.load_id, "orders.csv"), Some("r2"), row(9, "eve"));
    let same = fixture.loader.load(&repairing(DEFINITION, first.load_id, &object), in_a_minute()).await.unwrap();
    assert_eq!(same.outcome, AlreadyLoaded);
    assert_eq!(fixture.customers().await, "ann,eve");
    // A new version with other content replaces the rows of the repair only.
    let object = fixture.bucket.put(&repair_of(first.load_id, "orders.csv"), Some("r3"), row(9, "fay"));
    fixture.loader.load(&repairing(DEFINITION, first.load_id, &object), in_a_minute()).await.unwrap();
    assert_eq!(fixture.customers().await, "ann,fay");
}

#[tokio::test]
async fn newer_version_deletes_the_rows_of_all_repairs() {
    for write in ["", REPLACE, UPSERT] {
        let definition = format!("{DEFINITION}{write}");
        let fixture = LoadFixture::new().await;
        let first = load(&fixture, &definition, KEY, "1", bad(&["ann"])).await;
        let second = repair(&fixture, &definition, first.load_id, row(8, "fay") + "x,bad,1\n").await;
        assert_eq!((second.rows_loaded, second.rows_rejected), (1, 1));
        repair(&fixture, &definition, second.load_id, row(9, "eve")).await;
        assert_eq!(fixture.customers().await, "ann,eve,fay", "{write}");
        // The same content again changes nothing, so the repairs stay.
        assert_eq!(load(&fixture, &definition, KEY, "2", bad(&["ann"])).await.outcome, AlreadyLoaded, "{write}");
        assert_eq!(fixture.customers().await, "ann,eve,fay", "{write}");

        let newer = load(&fixture, &definition, KEY, "3", orders(&["zoe"])).await;
        assert_eq!(newer.outcome, Loaded);
        assert_eq!(fixture.customers().await, "zoe", "{write}");
        for gone in [first.load_id, second.load_id] {
            let object = fixture.bucket.put(&repair_of(gone, "late.csv"), Some("l"), row(9, "eve"));
            let error = fixture.loader.load(&repairing(&definition, gone, &object), in_a_minute()).await.unwrap_err();
            let says = format!("the rows of load 1 were replaced by load {}, a newer version", newer.load_id);
            check_failure(&error, FailureName::NotRepairable, &says);
        }
        assert_eq!(fixture.customers().await, "zoe", "{write}");
    }
}

#[tokio::test]
async fn repair_of_a_replaced_table_fails_by_name() {
    let fixture = LoadFixture::new().await;
    let definition = format!("{DEFINITION}{REPLACE}");
    let first = load(&fixture, &definition, KEY, "1", bad(&["ann"])).await;
    repair(&fixture, &definition, first.load_id, bad(&["eve"])).await;
    let other = load(&fixture, &definition, OTHER_KEY, "1", bad(&["zoe"])).await;
    assert_eq!(fixture.customers().await, "zoe");
    let error = try_repair(&fixture, &definition, 2, row(9, "fay")).await.unwrap_err();
    let says = "load 2 cannot be repaired: the rows of load 1 were replaced by load 3, another file of the table";
    check_failure(&error, FailureName::NotRepairable, says);
    repair(&fixture, &definition, other.load_id, row(9, "gus")).await;
    assert_eq!(fixture.customers().await, "gus,zoe");
}

#[tokio::test]
async fn unrepairable_load_fails_by_name() {
    let fixture = LoadFixture::new().await;
    let first = load(&fixture, DEFINITION, KEY, "1", bad(&["ann"])).await;
    let clean = load(&fixture, DEFINITION, OTHER_KEY, "1", orders(&["bob"])).await;
    let object = fixture.bucket.put(&repair_of(1, "orders.csv"), Some("r"), row(9, "eve"));
    let check = async |request: LoadRequest, says: &str| {
        let error = fixture.loader.load(&request, in_a_minute()).await.unwrap_err();
        check_failure(&error, FailureName::NotRepairable, says);
    };
    let repairing = |load_id| repairing(DEFINITION, load_id, &object);
    check(repairing(77), "load 77 cannot be repaired: dataset shop/orders has no load with this number").await;
    check(
        LoadRequest { pipeline: "other".to_owned(), ..repairing(1) },
        "dataset other/orders has no load with this number",
    )
    .await;
    check(repairing(clean.load_id), "the load has no rejects").await;
    let late = LoadRequest { logical_at: DAY.parse().unwrap(), ..repairing(first.load_id) };
    check(late, "its logical time is 2024-03-01 00:00:00 UTC, the key of the repair has 2024-03-01 09:00:00 UTC").await;
    let moved = DEFINITION.replace("staging.orders", "staging.moved");
    let moved = LoadRequest { repairs: Some(1), ..request(&moved, &object) };
    check(moved, "its rows are in table staging.orders, the table of the dataset is staging.moved").await;
    assert_eq!(fixture.count("penstock.load").await, 2);
    assert_eq!(fixture.customers().await, "ann,bob");
}

#[tokio::test]
async fn reject_limits_apply_to_the_repair_alone() {
    let fixture = LoadFixture::new().await;
    let definition = DEFINITION.replace("max_ratio = 1.0", "max_ratio = 0.4");
    let first = load(&fixture, &definition, KEY, "1", bad(&["ann", "bob"])).await;
    let error = try_repair(&fixture, &definition, first.load_id, bad(&["eve"])).await.unwrap_err();
    check_failure(
        &error,
        FailureName::TooManyRejects,
        "1 rejected lines and 1 loaded rows, the limit is `rejects.max_ratio = 0.4`",
    );
    assert_eq!((fixture.customers().await.as_str(), fixture.count("penstock.load").await), ("ann,bob", 1));
}

#[tokio::test]
async fn repair_is_utf_8_in_any_dataset() {
    let fixture = LoadFixture::new().await;
    let definition = format!("{DEFINITION}encoding = \"latin-1\"\n");
    let file = b"order_id,customer,amount\n1,Zo\xeb,1.50\nx,No\xebl,1\n".to_vec();
    let object = fixture.bucket.put(KEY, Some("1"), file);
    let first = fixture.load_as(&definition, &object).await.unwrap();
    let kept = "select header || E'\\n' || raw from penstock.load join penstock.reject using (load_id)";
    let kept = fixture.text(kept).await.unwrap();
    assert_eq!(kept, "order_id,customer,amount\nx,Noël,1");
    repair(&fixture, &definition, first.load_id, kept.replace('x', "2")).await;
    assert_eq!(fixture.customers().await, "Noël,Zoë");
}

#[tokio::test]
async fn header_is_kept_with_rejects() {
    let fixture = LoadFixture::new().await;
    let header = "select coalesce(header, 'none') from penstock.load order by load_id desc limit 1";
    let check = async |more: &str, version: &str, file: &str, expected: &str| {
        let definition = format!("{DEFINITION}{more}");
        let object = fixture.bucket.put(KEY, Some(version), file);
        fixture.load_as(&definition, &object).await.unwrap();
        assert_eq!(fixture.text(header).await.unwrap(), expected, "{file}");
    };
    check("", "1", &orders(&["ann"]), "none").await;
    check("", "2", "\u{feff}\"amount\",order_id,customer\r\n1,x,bob\r\n1,1,eve\r\n", "\"amount\",order_id,customer")
        .await;
    check("csv.header = false\n", "3", "x,bob,1\n1,eve,1\n", "").await;
}

#[tokio::test]
async fn rejects_of_a_repair_are_exported() {
    let fixture = LoadFixture::new().await;
    let definition = format!("{DEFINITION}rejects.export = \"rejects/{{date:%Y-%m-%d}}/{{load_id}}.csv\"\n");
    let first = load(&fixture, &definition, KEY, "1", bad(&["ann"])).await;
    repair(&fixture, &definition, first.load_id, bad(&["eve"])).await;
    assert!(fixture.bucket.get("rejects/2024-03-01/2.csv").unwrap().contains("not an integer"));
}

#[tokio::test]
async fn repair_joins_the_run_of_its_files_period() {
    for (again, state) in [("skip", "Skipped"), ("rerun", "Ready")] {
        let run = format!("[run]\nwhen = \"any\"\nper = \"day\"\nagain = \"{again}\"");
        let shop = Shop::new(&run).await;
        let mut first = shop.request("orders", DAY);
        let key = first.object.key.clone();
        first.object = shop.fixture.bucket.put(&key, Some("bad"), bad(&["ann"]));
        let report = shop.try_load(&first).await.unwrap();
        shop.set_latest("state = 'Succeeded', claimed_at = started_at, ended_at = started_at").await;
        let object = shop.fixture.bucket.put(&repair_of(report.load_id, "orders.csv"), Some("r"), row(9, "eve"));
        let repair = LoadRequest { repairs: Some(report.load_id), object, ..first };
        let repaired = shop.try_load(&repair).await.unwrap();
        assert_eq!(repaired.run.is_some(), again == "rerun");
        let stale = "run 1 of shop for 2024-02-29T23:00:00Z does not have this load, so its report is stale; to renew the \
                     report, run `penstock rerun 1`";
        assert_eq!(repaired.reason.as_deref(), (again == "skip").then_some(stale));
        let loads = if again == "rerun" { 2 } else { 1 };
        assert_eq!(shop.runs().await, format!("1 Succeeded 1 orders; 2 {state} {loads} orders"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn repair_and_newer_version_never_leave_both_rows() {
    for write in ["", REPLACE] {
        let definition = format!("{DEFINITION}{write}");
        let fixture = LoadFixture::new().await;
        let (left, right) = (fixture.another_loader(), fixture.another_loader());
        for round in 1..=10 {
            let key = format!("raw/2024-03-{round:02}/orders.csv");
            let first = load(&fixture, &definition, &key, "1", bad(&["ann"])).await;
            let file = fixture.bucket.put(&repair_of(first.load_id, "orders.csv"), Some("r"), row(9, "eve"));
            let repair = repairing(&definition, first.load_id, &file);
            // With `replace`, the other load is another file in every second round.
            let newer = if write == REPLACE && round % 2 == 0 { "raw/2024-04-01/orders.csv" } else { key.as_str() };
            let newer = fixture.bucket.put(
                newer,
                Some(&format!("2-{round}")),
                orders(&["zoe"]).replace("1.50", &format!("{round}.00")),
            );
            let newer = request(&definition, &sequenced(newer, "2"));
            let (repaired, loaded) = join(left.load(&repair, in_a_minute()), right.load(&newer, in_a_minute())).await;
            assert_eq!(loaded.unwrap().outcome, Loaded, "round {round}");
            if let Err(error) = repaired {
                assert_eq!(error.name(), FailureName::NotRepairable, "{error}");
            }
            assert_eq!(fixture.count("staging.orders where customer <> 'zoe'").await, 0, "{write} round {round}");
        }
    }
}
