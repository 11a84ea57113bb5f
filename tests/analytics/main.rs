//! Runs the example pipelines on their own stack. Compares their tables with results of pandas for the same files, and with
//! results worked out by hand.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test without its stack fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Value, json};
use test_support::{Execution, Stack};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

/// Keys and bodies.
type Files = Vec<(String, Vec<u8>)>;
/// Table name to its columns in order, each with its value as CSV text.
type Tables = BTreeMap<String, Vec<(String, String)>>;

const TABLES: [&str; 3] = ["agg_public_holiday", "agg_shipments", "best_performing_product"];

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static STACK: OnceCell<Stack> = OnceCell::const_new();

/// The days are two holidays and a leap day. A year before the first day is a holiday too.
#[test]
fn retail_tables_match_pandas() {
    with_stack(async |stack| {
        for (seed, day) in [(1, "2025-12-25"), (2, "2028-02-29"), (3, "2026-09-07")] {
            let files = retail_files(seed, day);
            let expected = computed_by_pandas(&files, day);
            assert_eq!(run(stack, files, day).await, expected, "seed {seed}, {day}");
        }
    });
}

/// 2024-12-25 and 2023-12-25 are both holidays.
#[test]
fn retail_limits_are_where_declared() {
    let orders = "order_id,customer_id,order_date,product_id,unit_price,quantity,total_price\n\
                  1,1,2023-12-25,7,1.00,1,1.00\n\
                  2,1,2023-12-25,7,1.00,1,1.00\n\
                  3,1,2023-12-30,7,1.00,9,9.00\n\
                  4,1,2023-12-30,7,1.00,9,9.00\n\
                  5,1,2024-12-25,9,1.00,1,1.00\n\
                  6,1,2024-12-10,9,1.00,1,1.00\n\
                  7,1,2024-12-11,9,1.00,1,1.00";
    // Products 7 and 8 have the same number of points.
    let reviews = "review,product_id\n5,8\n5,7\n1,8\n1,7\n5,9";
    // Shipped after 5, 6 and 6 days, the last one delivered. Not shipped for a year, 15 and 14 days. Without an order.
    let shipments = "shipment_id,order_id,shipment_date,delivery_date\n\
                     1,1,2023-12-30,\n\
                     2,2,2023-12-31,1000-01-01\n\
                     3,3,2024-01-05,2024-01-06\n\
                     4,4,,\n\
                     6,6,,\n\
                     7,7,,\n\
                     8,999,,";
    let expected = [
        "2024-12-25,0,0,0,0,0,0,0,0,0,0,0,2",
        "2024-12-25,1,2",
        "2024-12-25,7,Watering can,2023-12-25,t,6,50.00,0.00,0.00,0.00,50.00,33.33,66.67",
    ];
    check_by_hand("2024-12-25", [orders, reviews, shipments], expected);
}

#[test]
fn empty_day_has_rows() {
    let headers = [
        "order_id,customer_id,order_date,product_id,unit_price,quantity,total_price\n",
        "review,product_id\n",
        "shipment_id,order_id,shipment_date,delivery_date\n",
    ];
    let expected = ["2024-01-01,0,0,0,0,0,0,0,0,0,0,0,0", "2024-01-01,0,0", "2024-01-01,,,,,,,,,,,,"];
    check_by_hand("2024-01-01", headers, expected);
}

/// One pump is off, and one reservoir has no measurement at 09:15.
#[test]
fn water_balance_continues_from_previous_hour() {
    let quarters = [("09:15", 300, 1_100, None), ("09:00", 200, 1_040, Some(490)), ("08:45", 100, 1_000, Some(500))];
    with_stack(async |stack| {
        for (time, flow, volume, other_volume) in quarters {
            let at = format!("2024-03-01T{time}:00Z");
            let pumps = json!([
                {"pump_id": "1", "measured_at": at, "flow_m3_per_h": flow, "running": true},
                {"pump_id": "2", "measured_at": at, "flow_m3_per_h": 50, "running": false},
            ]);
            let reservoirs = json!([
                {"reservoir_id": "1", "measured_at": at, "volume_m3": volume},
                {"reservoir_id": "2", "measured_at": at, "volume_m3": other_volume},
            ]);
            drop_measurements(stack, "pump_flow", time, &pumps).await;
            drop_measurements(stack, "reservoir_levels", time, &reservoirs).await;
        }
        let query = "select extract(hour from hour at time zone 'UTC')::int, quarters::int, inflow_m3::text,
                            volume_change_m3::text, unaccounted_m3::text
                     from analytics.water_balance where hour >= '2024-03-01Z' and hour < '2024-03-02Z'";
        let rows = stack.database().await.query(query, &[]).await.unwrap();
        let [row] = rows.as_slice() else { panic!("{rows:?}") };
        let found: (i32, i32, &str, &str, &str) = (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4));
        assert_eq!(found, (9, 2, "125.00", "90.00", "35.00"));
    });
}

/// Drops the measurements of a quarter hour and their trigger, and waits for the load.
async fn drop_measurements(stack: &Stack, dataset: &str, time: &str, rows: &Value) {
    let key = format!("raw_data/{dataset}/2024/03/01/{dataset}-2024-03-01-{time}:00.json");
    stack.put(&key, rows.to_string()).await;
    let trigger = format!("triggers/{dataset}/Succeeded_2024-03-01_{time}:00_2024-03-01_{time}:02.trig");
    let execution = stack.drop_file(&trigger, "").await;
    assert_eq!(execution.outcome(), "Loaded", "{execution:?}");
    end_of_run(stack, &execution).await;
}

/// Waits for the run that this file completed, if it did.
async fn end_of_run(stack: &Stack, loaded: &Execution) {
    if loaded.output.get("run").is_some() {
        let run = stack.run_started_by(loaded).await;
        assert_eq!(run.outcome(), "Succeeded", "{run:?}");
    }
}

fn retail_files(seed: u64, day: &str) -> Files {
    sample_data::retail::files(seed, day.parse().unwrap()).into_iter().map(|file| (file.key, file.body)).collect()
}

fn check_by_hand(day: &str, bodies: [&str; 3], expected: [&str; 3]) {
    with_stack(async |stack| {
        let mut files = retail_files(0, day);
        for ((_, body), by_hand) in files.iter_mut().zip(bodies) {
            *body = by_hand.as_bytes().to_vec();
        }
        let tables = run(stack, files, day).await;
        for (name, line) in TABLES.into_iter().zip(expected) {
            let values: Vec<&str> = tables[name].iter().map(|(_, value)| value.as_str()).collect();
            assert_eq!(values.join(","), line, "{name}");
        }
    });
}

fn with_stack<F: Future>(test: impl FnOnce(&'static Stack) -> F) -> F::Output {
    RUNTIME.block_on(async { test(STACK.get_or_init(async || Stack::start(&project("pipelines")).await).await).await })
}

/// Drops the files. Returns the day's row of each exported table.
async fn run(stack: &Stack, files: Files, day: &str) -> Tables {
    let keys: Vec<String> = files.iter().map(|(key, _)| key.clone()).collect();
    for (key, body) in files {
        stack.put(&key, body).await;
    }
    for key in keys {
        let execution = stack.next_execution(&key, &[]).await;
        assert_eq!(execution.outcome(), "Loaded", "{execution:?}");
        end_of_run(stack, &execution).await;
    }
    let mut tables = Tables::new();
    for name in TABLES {
        tables.insert(
            name.to_owned(),
            row_of(&exported(stack, &format!("analytics_export/{day}/{name}.csv")).await, day),
        );
    }
    tables
}

async fn exported(stack: &Stack, key: &str) -> Vec<u8> {
    let object = stack.s3.get_object().bucket(stack.env("CURATED_BUCKET")).key(key).send().await.unwrap();
    object.body.collect().await.unwrap().to_vec()
}

fn row_of(export: &[u8], day: &str) -> Vec<(String, String)> {
    let mut reader = csv::Reader::from_reader(export);
    let header = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).filter(|row| &row[0] == day).collect();
    assert_eq!(rows.len(), 1, "{}", String::from_utf8_lossy(export));
    header.iter().zip(&rows[0]).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn computed_by_pandas(files: &Files, day: &str) -> Tables {
    let folder = tempfile::tempdir().unwrap();
    for (key, body) in files {
        std::fs::write(folder.path().join(Path::new(key).file_name().unwrap()), body).unwrap();
    }
    let mut python = Command::new(project(".venv/bin/python"));
    let output = python.arg(project("tests/analytics/retail.py")).arg(folder.path()).arg(day).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}\n`make test` installs pandas");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}
