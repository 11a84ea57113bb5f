//! Upserts give the same table in any order of the files.

use pipeline::Definition;
use protocol::{LoadOutcome, LoadRequest, ObjectRef};

use crate::fixture::{LoadFixture, in_a_minute, request};

const BY_TIME: &str = r#"
[datasets.orders]
source = "raw/{date:%Y-%m-%d}/orders.csv"
table = "staging.orders"
write = "upsert"
key = ["order_id"]
columns.order_id = "integer not null"
columns.customer = "text"
columns.updated = "date"
"#;

/// Returns five files. Each key is in several files; the highest `updated` is in another file for each key, and not in
/// the order of the days. Rows without a value of `updated` are the oldest.
fn files() -> [String; 5] {
    [
        "1,a1,2024-01-05\n2,a2,2024-01-01\n3,a3,2024-01-02\n4,a4,\n9,old,2024-01-01\n9,a9,2024-01-02\n",
        "1,b1,2024-01-04\n2,b2,2024-01-05\n3,b3,2024-01-01\n5,b5,2024-01-01\n",
        "1,c1,2024-01-03\n2,c2,2024-01-04\n3,c3,2024-01-05\n4,c4,2024-01-01\n9,c9,2024-01-09\n9,old,2024-01-01\n",
        "1,d1,2024-01-02\n2,d2,2024-01-03\n3,d3,2024-01-04\n5,d5,2024-01-02\n6,d6,\n",
        "1,e1,2024-01-01\n2,e2,2024-01-02\n3,e3,2024-01-03\n4,e4,2024-01-02\n",
    ]
    .map(|rows| format!("order_id,customer,updated\n{rows}"))
}

/// Returns all orders of five items.
fn permutations() -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = vec![Vec::new()];
    for item in 0..5 {
        let insert = |order: &Vec<usize>| {
            (0..=order.len()).map(|at| [&order[..at], &[item], &order[at..]].concat()).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(insert).collect();
    }
    all
}

/// Loads the files in every order, and compares the table.
async fn check_all_orders(definition: &str, expected: &str) {
    let fixture = LoadFixture::new().await;
    let objects: Vec<ObjectRef> = files()
        .into_iter()
        .zip(1..)
        .map(|(body, day)| fixture.bucket.put(&format!("raw/2024-03-0{day}/orders.csv"), Some("v1"), body))
        .collect();
    let orders = permutations();
    assert_eq!(orders.len(), 120);
    for order in orders {
        for index in &order {
            let logical_at = format!("2024-03-0{}T00:00:00Z", index + 1).parse().unwrap();
            let request = LoadRequest { logical_at, ..request(definition, &objects[*index]) };
            let report = fixture.loader.load(&request, in_a_minute()).await.unwrap();
            assert_eq!(report.outcome, LoadOutcome::Loaded);
        }
        let query = "select string_agg(order_id || ' ' || customer, ',' order by order_id) from staging.orders";
        assert_eq!(fixture.text(query).await.unwrap(), expected, "{order:?}");
        fixture.client.batch_execute("truncate staging.orders, penstock.load cascade").await.unwrap();
    }
}

#[tokio::test]
async fn newer_by_gives_one_table_in_any_order() {
    let definition = format!("{BY_TIME}newer_by = \"updated\"\n");
    check_all_orders(&definition, "1 a1,2 b2,3 c3,4 e4,5 d5,6 d6,9 c9").await;
}

#[tokio::test]
async fn later_logical_time_stays_in_any_order() {
    assert!(Definition::parse("shop", "pipeline.toml", BY_TIME).unwrap().datasets[0].logical_time.is_some());
    check_all_orders(BY_TIME, "1 e1,2 e2,3 e3,4 e4,5 d5,6 d6,9 old").await;
}

#[tokio::test]
async fn later_commit_stays_without_a_logical_time() {
    let fixture = LoadFixture::new().await;
    let definition = BY_TIME.replace("{date:%Y-%m-%d}", "*");
    for (day, number) in [(2, 1), (1, 2)] {
        let body = format!("order_id,customer,updated\n1,{number},\n");
        let object = fixture.bucket.put(&format!("raw/{day}/orders.csv"), Some("v1"), body);
        let logical_at = format!("2024-03-0{day}T00:00:00Z").parse().unwrap();
        let request = LoadRequest { logical_at, ..request(&definition, &object) };
        fixture.loader.load(&request, in_a_minute()).await.unwrap();
    }
    assert_eq!(fixture.text("select string_agg(customer, ',') from staging.orders").await.unwrap(), "2");
}
