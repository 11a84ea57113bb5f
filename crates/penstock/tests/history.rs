//! Runs `penstock runs`, `loads` and `rejects` on a real database, without a stack.
#![allow(clippy::unwrap_used, reason = "a test without its database must fail")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use test_support::{TestDatabase, database};

const HISTORY: &str = "
    insert into penstock.load
        (pipeline, dataset, bucket, key, definition_hash, table_name, bytes, rows_read, rows_loaded, rows_rejected,
         outcome, started_at, committed_at)
    values
        ('retail', 'orders', 'landing', 'raw/orders.csv', '', 'staging.orders', 520000, 10000, 9998, 2, 'Loaded',
         '2024-05-01 06:00:00Z', '2024-05-01 06:00:01.25Z'),
        ('retail', 'reviews', 'landing', 'raw/reviews.csv', '', 'staging.reviews', 40000, 500, 500, 0, 'Loaded',
         '2024-05-01 06:00:00Z', '2024-05-01 06:00:00.4Z'),
        ('water', 'pump_flow', 'landing', 'raw/flow.json', '', 'staging.pump_flow', 900, 8, 8, 0, 'Loaded',
         '2024-05-01 09:15:00Z', '2024-05-01 09:15:00.1Z');
    insert into penstock.reject values
        (1, 1208, 52011, 'order_date', 'is not a date', E'1207,3,2023-02-30,\"a\\n b\"'),
        (1, 3457, 150222, 'quantity', 'is not a whole number', '3456,3,2023-02-28,two');
    insert into penstock.run
        (pipeline, logical_at, attempt, state, datasets, started_at, claimed_at, ended_at, failure, failure_message,
         deadline_at)
    values
        ('retail', '2024-05-01Z', 1, 'Waiting', '{orders,reviews,shipments}', '2024-05-01 06:00:01Z', null, null, null,
         null, '2024-05-01 12:00:01Z'),
        ('water', '2024-05-01 09:00Z', 1, 'Failed', '{}', '2024-05-01 09:15:00Z', '2024-05-01 09:15:01Z',
         '2024-05-01 09:15:03.5Z', 'TransformFailed', E'balance.sql: line 3: no\\nwhat to do: mend it', null);
    insert into penstock.run_input values (1, 'orders', 1), (1, 'reviews', 2), (2, 'pump_flow', 3);";

async fn history() -> TestDatabase {
    let database = database().await;
    // The first command creates the schema.
    assert!(penstock(&database, &["loads"]).status.success());
    database.connect().await.batch_execute(HISTORY).await.unwrap();
    database
}

fn penstock(database: &TestDatabase, arguments: &[&str]) -> Output {
    command(database, arguments).output().unwrap()
}

fn command(database: &TestDatabase, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_penstock"));
    command.args(arguments).env_remove("LANDING_BUCKET").env("DATABASE_URL", &database.url);
    // Outside of the project, so there is no stack.
    command.current_dir("/").env_remove("PENSTOCK_HOME");
    command
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&text(output)).unwrap()
}

#[tokio::test]
async fn empty_history_suggests_a_first_command() {
    let database = database().await;
    let check = |arguments: &[&str], expected: &str| assert_eq!(text(&penstock(&database, arguments)), expected);
    check(&["loads"], "no loads yet; `penstock drop FILE` loads a file\n");
    check(&["loads", "--json"], "[]\n");
    check(&["runs"], "nothing has run yet; `penstock drop FILE` loads a file\n");
    let refused = penstock(&database, &["rejects", "99"]);
    assert!(!refused.status.success());
    let message = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(message, "error: there is no load 99\nwhat to do: list the loads with `penstock loads`\n");
}

#[tokio::test]
async fn runs_list_waiting_failed_and_missing() {
    let database = history().await;
    let shown = text(&penstock(&database, &["runs"]));
    let has = |words: &[&str]| {
        let line = shown.lines().find(|line| words.iter().all(|word| line.contains(word)));
        assert!(line.is_some(), "{words:?} is not in\n{shown}");
    };
    has(&["1", "retail", "2024-05-01T00:00Z", "Waiting", "2/3", "10,498"]);
    has(&["2", "water", "2024-05-01T09:00Z", "✗ TransformFailed", "2.5 s"]);
    has(&["run 1 waits until 2024-05-01 12:00:01 UTC"]);
    has(&["✗ run 2 of water: TransformFailed"]);
    has(&["reason: balance.sql: line 3: no"]);
    has(&["retail/shipments", "period 2024-05-01T00:00Z", "run 1", "2024-05-01 06:00:01"]);

    let all = json(&penstock(&database, &["runs", "--json"]));
    assert_eq!(all["runs"][1]["datasets_arrived"], 2);
    assert_eq!(all["missing"][0]["dataset"], "shipments");
    assert_eq!(all["executions"], json!([]));
    let failed = json(&penstock(&database, &["runs", "--failed", "--json"]));
    assert_eq!(failed["runs"].as_array().unwrap().len(), 1);
    let of_retail = json(&penstock(&database, &["runs", "--pipeline", "retail", "--json"]));
    assert_eq!(of_retail["runs"][0]["pipeline"], "retail");
    assert_eq!(of_retail["runs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn follow_waits_until_no_run_is_running() {
    let database = history().await;
    let client = database.connect().await;
    client.batch_execute("update penstock.run set state = 'Running' where run_id = 1").await.unwrap();
    let mut following = command(&database, &["runs", "--follow"]);
    let mut following = following.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut message = String::new();
    BufReader::new(following.stderr.as_mut().unwrap()).read_line(&mut message).unwrap();
    assert_eq!(message, "running: run 1 of retail is Running\n");
    client.batch_execute("update penstock.run set state = 'Succeeded' where run_id = 1").await.unwrap();
    assert!(text(&following.wait_with_output().unwrap()).contains("Succeeded"));
}

#[tokio::test]
async fn loads_list_the_ledger() {
    let database = history().await;
    let shown = text(&penstock(&database, &["loads", "--pipeline", "retail"]));
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(
        lines[3].split_whitespace().collect::<Vec<_>>().join(" "),
        "1 retail/orders raw/orders.csv Loaded 9,998 2 520,000 2024-05-01 06:00:01 1.2 s 1"
    );
    assert_eq!(lines.len(), 4, "{shown}");
    let check = |arguments: &[&str], expected: &[i64]| {
        let loads = json(&penstock(&database, arguments));
        let ids: Vec<i64> = loads.as_array().unwrap().iter().map(|load| load["load_id"].as_i64().unwrap()).collect();
        assert_eq!(ids, expected, "{arguments:?}");
    };
    check(&["loads", "--json"], &[3, 2, 1]);
    check(&["loads", "--json", "--limit", "1"], &[3]);
    check(&["loads", "--json", "--dataset", "reviews"], &[2]);
    check(&["loads", "--json", "--dataset", "retail/reviews"], &[2]);
    let unknown = penstock(&database, &["loads", "--json", "--pipeline", "water", "--dataset", "reviews"]);
    assert!(!unknown.status.success() && unknown.stdout.is_empty());
    let message = String::from_utf8(unknown.stderr).unwrap();
    assert!(message.contains("there is no dataset water/reviews\nwhat to do: use one of retail/orders"), "{message}");
}

#[tokio::test]
async fn reject_record_is_printed_in_one_line() {
    let database = history().await;
    let shown = text(&penstock(&database, &["rejects", "1", "--limit", "1"]));
    let expected = "\
load 1, retail/orders: 2 of 10,000 rows of s3://landing/raw/orders.csv were rejected

line  column      reason         record
────  ──────────  ─────────────  ───────────────────────
1208  order_date  is not a date  1207,3,2023-02-30,\"a b\"
  and 1 more; list more with --limit N

to correct and load them: penstock rejects 1 --export
";
    assert_eq!(shown, expected);
    let refused = json(&penstock(&database, &["rejects", "1", "--json"]));
    assert_eq!(refused["load"]["rows_rejected"], 2);
    assert_eq!(refused["rejects"][1]["column"], "quantity");
    assert_eq!(text(&penstock(&database, &["rejects", "3"])).lines().count(), 1);
}

#[tokio::test]
async fn unreachable_database_gives_a_remedy() {
    let mut database = database().await;
    database.url = "postgres://nobody@127.0.0.1:1/none".to_owned();
    let output = penstock(&database, &["loads"]);
    assert!(!output.status.success());
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.contains("127.0.0.1:1") && message.contains("what to do: check that PostgreSQL is up"),
        "{message}"
    );
}
