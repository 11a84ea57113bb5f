use futures_util::future::join_all;
use protocol::LoadOutcome::{self, AlreadyLoaded, Loaded, Superseded};
use protocol::{FailureName, ObjectRef};

use crate::fixture::{DEFINITION, KEY, LoadFixture, check_failure, in_a_minute, orders, request, sequenced};

const OTHER_KEY: &str = "raw/2024-03-02/orders.csv";
const REPLACE: &str = "write = \"replace\"\n";
const UPSERT: &str = "write = \"upsert\"\nkey = [\"order_id\"]\n";
/// As `UPSERT`, but a new version deletes the rows that it lacks.
const UPSERT_LAST: &str = "write = \"upsert\"\nkey = [\"order_id\"]\non_new_version = \"replace\"\n";
const KEEP_ALL: &str = "on_new_version = \"append\"\n";

/// Returns a file of orders. `text` has `number customer` for each order, separated by commas.
fn numbered(text: &str) -> String {
    let mut file = "order_id,customer,amount\n".to_owned();
    for order in text.split_terminator(',') {
        let (number, customer) = order.split_once(' ').unwrap();
        file.push_str(&format!("{number},{customer},1.50\n"));
    }
    file
}

async fn rows(fixture: &LoadFixture) -> String {
    let query = "select coalesce(string_agg(order_id || ' ' || customer, ',' order by order_id, customer), '')
                 from staging.orders";
    fixture.text(query).await.unwrap()
}

/// Loads one version of a key.
async fn load(fixture: &LoadFixture, definition: &str, key: &str, version: &str, content: &str) -> LoadOutcome {
    let object = sequenced(fixture.bucket.put(key, Some(version), numbered(content)), version);
    let report = fixture.load_as(definition, &object).await.unwrap();
    assert_eq!(report.rows_read, report.rows_loaded + report.rows_rejected);
    report.outcome
}

#[tokio::test]
async fn replaced_table_has_the_rows_of_the_last_file() {
    let fixture = LoadFixture::new().await;
    let definition = format!("{DEFINITION}{REPLACE}");
    assert_eq!(load(&fixture, &definition, KEY, "1", "1 ann,2 bob").await, Loaded);
    assert_eq!(load(&fixture, &definition, OTHER_KEY, "1", "3 eve").await, Loaded);
    assert_eq!(rows(&fixture).await, "3 eve");
    assert_eq!(load(&fixture, &definition, KEY, "3", "4 zoe").await, Loaded);
    assert_eq!(rows(&fixture).await, "4 zoe");
    assert_eq!(load(&fixture, &definition, KEY, "2", "5 old").await, Superseded);
    assert_eq!(rows(&fixture).await, "4 zoe");
    // The same content loads again only if another file has replaced the table.
    assert_eq!(load(&fixture, &definition, KEY, "4", "4 zoe").await, AlreadyLoaded);
    let may_be_empty = format!("{definition}allow_empty = true\n");
    assert_eq!(load(&fixture, &may_be_empty, OTHER_KEY, "2", "").await, Loaded);
    assert_eq!(rows(&fixture).await, "");
    assert_eq!(load(&fixture, &definition, KEY, "5", "4 zoe").await, Loaded);
    assert_eq!(rows(&fixture).await, "4 zoe");
}

#[tokio::test]
async fn file_without_rows_never_empties_a_table() {
    let fixture = LoadFixture::new().await;
    let definition = format!("{DEFINITION}{REPLACE}");
    load(&fixture, &definition, KEY, "1", "1 ann").await;
    for body in [numbered(""), numbered("") + "x,bad,1\n"] {
        let object = sequenced(fixture.bucket.put(KEY, Some("2"), body.clone()), "2");
        let error = fixture.load_as(&definition, &object).await.unwrap_err();
        if body == numbered("") {
            let says = "the file has no rows, and `write = \"replace\"` would empty the table staging.orders";
            check_failure(&error, FailureName::EmptyFile, says);
        } else {
            check_failure(&error, FailureName::TooManyRejects, "the only row was rejected");
        }
        assert_eq!(rows(&fixture).await, "1 ann");
    }
    load(&fixture, &format!("{definition}allow_empty = true\n"), KEY, "3", "").await;
    assert_eq!(rows(&fixture).await, "");
    // With another write mode, a header alone is a success.
    assert_eq!(load(&fixture, DEFINITION, OTHER_KEY, "1", "").await, Loaded);
}

#[tokio::test]
async fn replaced_table_marks_all_loads_of_the_table() {
    let fixture = LoadFixture::new().await;
    load(&fixture, DEFINITION, KEY, "1", "1 ann").await;
    load(&fixture, DEFINITION, OTHER_KEY, "1", "2 bob").await;
    let definition = format!("{DEFINITION}{REPLACE}");
    load(&fixture, &definition, "raw/2024-03-03/orders.csv", "1", "3 eve").await;
    load(&fixture, &definition, KEY, "2", "4 zoe").await;
    let outcomes = "select string_agg(outcome, ', ' order by load_id) from penstock.load_history";
    assert_eq!(fixture.text(outcomes).await.unwrap(), "Replaced by 3, Replaced by 3, Replaced by 4, Loaded");
}

#[tokio::test]
async fn readers_of_a_replaced_table_never_wait() {
    let fixture = LoadFixture::new().await;
    let definition = format!("{DEFINITION}{REPLACE}");
    load(&fixture, &definition, KEY, "1", "1 ann").await;
    fixture.client.batch_execute("begin isolation level repeatable read; select from staging.orders").await.unwrap();
    let reader = fixture.database.connect().await;
    reader.batch_execute("begin; lock table staging.orders in access share mode").await.unwrap();
    load(&fixture, &definition, KEY, "2", "2 bob").await;
    assert_eq!(rows(&fixture).await, "1 ann");
    fixture.client.batch_execute("commit").await.unwrap();
    assert_eq!(rows(&fixture).await, "2 bob");
}

#[tokio::test]
async fn failed_load_replaces_nothing() {
    let fixture = LoadFixture::new().await;
    for write in [REPLACE, UPSERT] {
        let definition = format!("{DEFINITION}{write}");
        load(&fixture, &definition, KEY, "1", "1 ann").await;
        let broken = fixture.bucket.put(KEY, Some("2"), numbered("1 eve,2 bob") + "3,\"never closed\n");
        let error = fixture.load_as(&definition, &broken).await.unwrap_err();
        check_failure(&error, FailureName::MalformedFile, "line 4");
        assert_eq!(rows(&fixture).await, "1 ann");
    }
}

#[tokio::test]
async fn upserted_rows_replace_rows_with_their_key() {
    let fixture = LoadFixture::new().await;
    let definition = format!("{DEFINITION}{UPSERT_LAST}");
    load(&fixture, &definition, KEY, "1", "1 ann,2 bob").await;
    load(&fixture, &definition, OTHER_KEY, "1", "2 eve,3 zoe").await;
    assert_eq!(rows(&fixture).await, "1 ann,2 eve,3 zoe");
    assert_eq!(fixture.count("staging.orders where _load_id = 2").await, 2);
    // A new version replaces the rows of its older version, but no row that another key has written since.
    load(&fixture, &definition, KEY, "2", "4 fay").await;
    assert_eq!(rows(&fixture).await, "2 eve,3 zoe,4 fay");
    // Content that another key has overwritten loads again.
    load(&fixture, &definition, OTHER_KEY, "2", "4 gus").await;
    assert_eq!(rows(&fixture).await, "4 gus");
    assert_eq!(load(&fixture, &definition, KEY, "3", "4 fay").await, Loaded);
    assert_eq!(rows(&fixture).await, "4 fay");
}

/// A table of orders with a column and child rows that no file fills.
async fn with_child_rows() -> LoadFixture {
    let fixture = LoadFixture::new().await;
    let tables = "create schema staging;
                  create table staging.orders (order_id integer primary key, customer text, amount numeric(10,2),
                                               note text, _load_id bigint not null);
                  create table staging.items (order_id integer references staging.orders on delete cascade)";
    fixture.client.batch_execute(tables).await.unwrap();
    fixture
}

#[tokio::test]
async fn upserted_version_updates_rows_of_both_versions() {
    for (write, left) in [(UPSERT, "1 eve,2 bob,3 zoe"), (UPSERT_LAST, "1 eve,3 zoe")] {
        let fixture = with_child_rows().await;
        let definition = format!("{DEFINITION}{write}");
        load(&fixture, &definition, KEY, "1", "1 ann,2 bob").await;
        let change = "update staging.orders set note = 'VIP' where order_id = 1;
                      insert into staging.items values (1), (2)";
        fixture.client.batch_execute(change).await.unwrap();
        load(&fixture, &definition, KEY, "2", "1 eve,3 zoe").await;
        assert_eq!(rows(&fixture).await, left, "{write}");
        assert_eq!(fixture.count("staging.orders where order_id = 1 and note = 'VIP'").await, 1, "{write}");
        assert_eq!(fixture.count("staging.items where order_id = 1").await, 1, "{write}");
        let replaced = fixture.count("penstock.load where replaced_by = 2").await;
        assert_eq!(replaced, i64::from(write == UPSERT_LAST));
    }
}

#[tokio::test]
async fn last_row_of_a_repeated_key_wins() {
    let fixture = LoadFixture::new().await;
    let definition = format!("{DEFINITION}{UPSERT}");
    // Rows of very different sizes fill the pages out of order.
    let mut file = numbered("");
    for number in 0..5_000 {
        let name = "x".repeat(if number % 7 == 0 { 5_000 } else { 5 });
        file.push_str(&format!("{},{name}{number},1.00\n", number % 50));
    }
    let report = fixture.load_as(&definition, &fixture.bucket.put(KEY, Some("v1"), file + "x,bad,1\n")).await.unwrap();
    assert_eq!((report.rows_read, report.rows_loaded, report.rows_rejected), (5_001, 5_000, 1));
    assert_eq!(fixture.count("staging.orders").await, 50);
    let last = "staging.orders where ltrim(customer, 'x')::integer = 4950 + order_id";
    assert_eq!(fixture.count(last).await, 50);
}

#[tokio::test]
async fn upsert_works_without_an_index_on_the_key() {
    let fixture = LoadFixture::new().await;
    fixture
        .client
        .batch_execute(
            "create schema staging; create table staging.orders
             (order_id integer, customer varchar, amount numeric(10,2), note text default 'mine');
             insert into staging.orders values (1, 'old', 1, 'kept')",
        )
        .await
        .unwrap();
    let definition = format!("{DEFINITION}{UPSERT}on_new_version = \"ignore\"\n");
    load(&fixture, &definition, KEY, "1", "1 ann,2 bob").await;
    assert_eq!(rows(&fixture).await, "1 ann,2 bob");
    let notes = "select string_agg(note, ',' order by order_id) from staging.orders";
    assert_eq!(fixture.text(notes).await.unwrap(), "kept,mine");

    let object = fixture.bucket.put(OTHER_KEY, Some("1"), numbered("1 eve"));
    let error = fixture.load_as(&format!("{DEFINITION}{UPSERT}"), &object).await.unwrap_err();
    let says = "column _load_id bigint is missing, which write = \"upsert\" with on_new_version = \"append\" requires";
    check_failure(&error, FailureName::TableMismatch, says);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_upserts_of_one_table_succeed() {
    let fixture = LoadFixture::new().await;
    let definition = format!("{DEFINITION}{UPSERT}");
    let requests: Vec<_> = (1..=20)
        .map(|day| {
            let key = format!("raw/2024-03-{day:02}/orders.csv");
            request(&definition, &fixture.bucket.put(&key, Some("v1"), orders(&["ann", "bob", "eve"])))
        })
        .collect();
    let loaders: Vec<_> = requests.iter().map(|_| fixture.another_loader()).collect();
    let loads = loaders.iter().zip(&requests).map(|(loader, request)| loader.load(request, in_a_minute()));
    for answer in join_all(loads).await {
        assert_eq!(answer.unwrap().outcome, Loaded);
    }
    assert_eq!(rows(&fixture).await, "1 ann,2 bob,3 eve");
}

const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// Delivers three versions of one key twice, in every order. The table must be the same at the end. `--nocapture` prints
/// the table after each delivery.
async fn check_orders(write: &str, contents: [&str; 3], left: &str) {
    let definition = format!("{DEFINITION}{write}");
    for order in ORDERS {
        let fixture = LoadFixture::new().await;
        let versions: Vec<ObjectRef> = contents
            .iter()
            .zip(["9F", "A0", "0100"])
            .map(|(content, sequencer)| {
                sequenced(fixture.bucket.put(KEY, Some(&format!("v{sequencer}")), numbered(content)), sequencer)
            })
            .collect();
        let mut steps = Vec::new();
        for index in order.into_iter().chain(order) {
            let outcome = fixture.load_as(&definition, &versions[index]).await.unwrap().outcome;
            steps.push(format!("v{} {outcome:?} [{}]", index + 1, rows(&fixture).await));
        }
        println!("{write:?}: {}", steps.join(" → "));
        assert_eq!(rows(&fixture).await, left, "{write} {contents:?} in the order {order:?}");
    }
}

#[tokio::test]
async fn newest_version_stays_in_any_order() {
    let changed = ["1 ann,2 bob", "1 eve,3 fay", "2 zoe,3 gus"];
    check_orders("", changed, "2 zoe,3 gus").await;
    check_orders(REPLACE, changed, "2 zoe,3 gus").await;
    check_orders(UPSERT_LAST, changed, "2 zoe,3 gus").await;
    check_orders(KEEP_ALL, changed, "1 ann,1 eve,2 bob,2 zoe,3 fay,3 gus").await;
    check_orders(UPSERT, changed, "1 eve,2 zoe,3 gus").await;
}

#[tokio::test]
async fn returning_content_stays_in_any_order() {
    let back = ["1 ann", "1 bob", "1 ann"];
    check_orders(REPLACE, back, "1 ann").await;
    check_orders(UPSERT_LAST, back, "1 ann").await;
    check_orders(UPSERT, back, "1 ann").await;
}
