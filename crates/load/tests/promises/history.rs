//! The views of the schema `penstock` while the datasets of a run arrive.

use crate::fixture::sequenced;
use crate::runs::{ALL, DAY, Shop};

impl Shop {
    /// Returns the rows of a query. Spaces separate the columns, and a dash is a null.
    async fn rows(&self, columns: &str, from: &str) -> String {
        let columns: Vec<String> = columns.split(' ').map(|column| format!("coalesce({column}::text, '-')")).collect();
        let row = format!("concat_ws(' ', {})", columns.join(", "));
        self.text(&format!("select coalesce(string_agg({row}, '; '), '') from (select * from penstock.{from}) as t"))
            .await
    }

    async fn missing(&self) -> String {
        self.rows("expected_by dataset run_id key", "missing order by dataset, key").await
    }
}

#[tokio::test]
async fn views_follow_a_run_from_first_load_to_end() {
    let shop = Shop::new(ALL).await;
    let history = "state datasets_arrived datasets_needed loads rows_loaded rows_rejected exports failure";
    let check = async |run: &str, missing: &str| {
        assert_eq!(shop.rows(history, "run_history order by run_id").await, run);
        assert_eq!(shop.missing().await, missing);
    };
    shop.load("orders", DAY).await;
    shop.load("orders", DAY).await;
    check("Waiting 1 3 2 2 0 0 -", "period customers 1 -; period items 1 -").await;
    shop.load("items", DAY).await;
    check("Waiting 2 3 3 3 0 0 -", "period customers 1 -").await;

    let failed = "state = 'Failed', failure = 'RunIncomplete', ended_at = clock_timestamp()";
    shop.set_latest(failed).await;
    check("Failed 2 3 3 3 0 0 RunIncomplete", "period customers 1 -").await;
    let run = shop.load("customers", DAY).await.unwrap();
    let both = "Failed 2 3 3 3 0 0 RunIncomplete; Ready 3 3 4 4 0 0 -";
    check(both, "").await;

    shop.set_latest("state = 'Succeeded', claimed_at = started_at, ended_at = started_at + interval '2 s'").await;
    let export = format!("insert into penstock.run_export values ({}, 'curated', 'a.csv', 1, 10)", run.run_id);
    shop.fixture.client.batch_execute(&export).await.unwrap();
    check(&both.replace("Ready 3 3 4 4 0 0", "Succeeded 3 3 4 4 0 1"), "").await;
    let latest = format!("run_history where run_id = {}", run.run_id);
    assert_eq!(shop.rows("pipeline attempt duration", &latest).await, "shop 2 00:00:02");
}

#[tokio::test]
async fn forced_run_still_lists_missing_datasets() {
    let shop = Shop::new(ALL).await;
    shop.load("orders", DAY).await;
    let forced = "insert into penstock.run (pipeline, logical_at, attempt, state, datasets)
                  select pipeline, logical_at, 2, 'Succeeded', datasets from penstock.run";
    shop.fixture.client.batch_execute(forced).await.unwrap();
    assert_eq!(shop.missing().await, "period customers 1 -; period items 1 -");
    shop.load("customers", DAY).await;
    assert!(shop.load("items", DAY).await.is_some());
    assert_eq!(shop.missing().await, "");
    assert_eq!(shop.runs().await, "1 Ready 1 customers, 1 items, 1 orders; 2 Succeeded");
}

#[tokio::test]
async fn awaited_file_is_missing_until_it_is_loaded() {
    let shop = Shop::new("").await;
    let request = shop.request("orders", DAY);
    // The first load creates the tables.
    shop.load("items", DAY).await;
    let await_it = format!(
        "insert into penstock.awaited (pipeline, dataset, bucket, key, trigger_key, execution_arn)
         values ('shop', 'orders', '{}', '{}', 'triggers/orders.trig', 'arn')",
        request.object.bucket, request.object.key
    );
    shop.fixture.client.batch_execute(&await_it).await.unwrap();
    assert_eq!(shop.missing().await, format!("trigger orders - {}", request.object.key));
    shop.try_load(&request).await.unwrap();
    assert_eq!(shop.missing().await, "");
}

#[tokio::test]
async fn views_show_loads_and_rejects_with_their_file() {
    let shop = Shop::new(ALL).await;
    let mut request = shop.request("orders", DAY);
    let (key, body) = (request.object.key.clone(), "order_id,customer,amount\n1,ann,1.50\nx,bob,2.50\n");
    request.object = shop.fixture.bucket.put(&key, Some("v2"), body);
    request.scheduled_at = Some("2024-03-01T09:00:00Z".parse().unwrap());
    request.actual_at = Some("2024-03-01T09:02:30Z".parse().unwrap());
    shop.try_load(&request).await.unwrap();

    let columns = "load_id dataset outcome key version_id rows_read rows_loaded rows_rejected started_late_by run_id";
    let expected = format!("1 orders Loaded {key} v2 2 1 1 00:02:30 1");
    assert_eq!(shop.rows(columns, "load_history").await, expected);
    assert_eq!(shop.rows("duration", "load_history where duration > interval '0'").await.split(':').count(), 3);
    let refused = shop.rows("load_id dataset key line last_line \"column\" raw", "rejects").await;
    assert_eq!(refused, format!("1 orders {key} 3 3 order_id x,bob,2.50"));
}

const BAD: &str = "order_id,customer,amount\n1,ann,1.50\n2,eve,1.50\nx,bob,2.50\n";
const CORRECTED: &str = "order_id,customer,amount\n1,ann,1.50\n2,eve,1.50\n3,bob,2.50\n";

impl Shop {
    /// Loads one version of the orders of a day.
    async fn load_orders(&self, version: &str, body: &str) -> i64 {
        let mut request = self.request("orders", DAY);
        let key = "raw/orders/2024-03-01/all.csv";
        request.object = sequenced(self.fixture.bucket.put(key, Some(version), body), version);
        self.try_load(&request).await.unwrap().load_id
    }

    async fn repair_orders(&self, load_id: i64, body: &str) -> i64 {
        let key = format!("_penstock/repairs/shop/orders/{load_id}/2024-03-01T09:00:00.000000Z/orders.csv");
        let mut request = self.request("orders", DAY);
        request.object = self.fixture.bucket.put(&key, Some("r"), body);
        request.repairs = Some(load_id);
        self.try_load(&request).await.unwrap().load_id
    }
}

#[tokio::test]
async fn replaced_loads_and_repairs_count_once() {
    let shop = Shop::new("[run]\nwhen = \"any\"\nper = \"day\"\nagain = \"rerun\"").await;
    let run = "run_history order by run_id desc limit 1";
    let first = shop.load_orders("1", BAD).await;
    assert_eq!(shop.rows("loads rows_loaded rows_rejected", run).await, "1 2 1");
    let repair = shop.repair_orders(first, "order_id,customer,amount\n3,bob,2.50\n").await;
    assert_eq!(shop.rows("loads rows_loaded rows_rejected", run).await, "2 3 0");
    let second = shop.load_orders("2", CORRECTED).await;
    assert_eq!(shop.rows("loads rows_loaded rows_rejected", run).await, "3 3 0");
    let loads = shop.rows("load_id outcome replaced_by rows_loaded", "load_history order by load_id").await;
    let replaced = format!("Replaced by {second} {second}");
    assert_eq!(loads, format!("{first} {replaced} 2; {repair} {replaced} 1; {second} Loaded - 3"));
}
