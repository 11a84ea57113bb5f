//! Compares cold start and peak memory of functions in Rust and in Python, under the same driver of the Runtime API.
//!
//! A cold start is the time from the start of the process to its first reply. The loaders load the same 10,000 rows.
//! Standard output is a section of the benchmarks page. `make bench` sets `PYTHON` (an interpreter with the packages of
//! `bench/python/requirements.txt`) and `FUNCTIONS` (a folder of release binaries).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench without its environment fails")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pipeline::Definition;
use serde_json::{Value, json};
use test_support::Stack;
use test_support::runtime_api::Function;

const RUNS: usize = 11;
const TIMEOUT: Duration = Duration::from_secs(60);
const ROWS: usize = 10_000;

/// Medians, one line of the table.
struct Figures {
    cold_ms: f64,
    warm_ms: f64,
    peak_mb: f64,
}

#[tokio::main]
async fn main() {
    let (python, functions) = (variable("PYTHON"), PathBuf::from(variable("FUNCTIONS")));
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let bootstrap = here.join("bench/python/bootstrap");
    let event = read_json(&here.join("../events/eventbridge-orders-csv.resolve-trigger.json"));

    println!("\n## Cold starts\n");
    println!(
        "Cold is the time from the start of a process to its first reply, warm the time of the second call. Medians of {RUNS}.\n"
    );
    println!("| {:<45} | {:>9} | {:>9} | {:>11} |\n|---|---:|---:|---:|", "function", "cold", "warm", "peak memory");
    let check = |env: &[(&str, &str)], binary: &Path| measure(binary, env, |_| event.clone());
    print("check-file-extension (Rust)", &check(&[], &functions.join("check-file-extension")));
    let handler = [("PYTHON", python.as_str()), ("HANDLER", "check_file_extension.handler")];
    print("the same check (Python, standard library)", &check(&handler, &bootstrap));
    let roll = json!({"failure_rate": 0.0});
    print(
        "random-failure-generator (Rust)",
        &measure(&functions.join("random-failure-generator"), &[], |_| roll.clone()),
    );

    let stack = Stack::start(&here.join("integration/pipelines")).await;
    let environment: Vec<(&str, &str)> = [
        "AWS_ENDPOINT_URL",
        "AWS_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "DATABASE_URL",
        "LANDING_BUCKET",
        "DEFINITIONS_BUCKET",
    ]
    .into_iter()
    .map(|name| (name, stack.env(name)))
    .collect();
    // Each call has its own object, because a second load of one object is `AlreadyLoaded`.
    for call in 0..2 * RUNS {
        stack.put(&format!("people/bench-{call}.csv"), people(call)).await;
    }
    let resolve = json!({"object": {"bucket": stack.env("LANDING_BUCKET"), "key": "people/bench-0.csv", "etag": "0"},
                         "file": {"kind": "data", "format": "csv", "compression": "none"}});
    print("trigger-resolver (Rust)", &measure(&functions.join("trigger-resolver"), &environment, |_| resolve.clone()));

    let definition =
        std::fs::read_to_string(here.join("integration/pipelines/people/pipeline.toml")).expect("definition");
    let hash = Definition::parse("people", "pipeline.toml", &definition).expect("a valid definition").hash;
    let load = |call: usize| {
        json!({"pipeline": "people", "dataset": "csv", "format": "csv", "compression": "none",
               "object": {"bucket": stack.env("LANDING_BUCKET"), "key": format!("people/bench-{call}.csv")},
               "logical_at": "2024-01-01T00:00:00Z", "definition": definition, "definition_hash": hash,
               "notify_success": false})
    };
    print("loader, 10,000 rows (Rust)", &measure(&functions.join("loader"), &environment, load));
    stack
        .database()
        .await
        .batch_execute("create table people.python (id int, name text, joined date)")
        .await
        .expect("table");
    let mut with_python = environment.clone();
    with_python.extend([
        ("PYTHON", python.as_str()),
        ("HANDLER", "loader.handler"),
        ("AWS_DEFAULT_REGION", stack.env("AWS_REGION")),
    ]);
    let load = |call: usize| json!({"bucket": stack.env("LANDING_BUCKET"), "key": format!("people/bench-{call}.csv"), "table": "people.python"});
    print("loader, 10,000 rows (boto3, pandas, psycopg2)", &measure(&bootstrap, &with_python, load));
}

fn measure(binary: &Path, env: &[(&str, &str)], payload: impl Fn(usize) -> Value) -> Figures {
    let (mut cold, mut warm, mut peak) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..RUNS {
        let started = Instant::now();
        let mut function = Function::start(binary, env);
        function.invoke(payload(2 * run).to_string(), TIMEOUT).answer();
        cold.push(started.elapsed().as_secs_f64() * 1e3);
        let started = Instant::now();
        function.invoke(payload(2 * run + 1).to_string(), TIMEOUT).answer();
        warm.push(started.elapsed().as_secs_f64() * 1e3);
        peak.push(peak_memory_mb(function.pid()));
    }
    Figures { cold_ms: median(cold), warm_ms: median(warm), peak_mb: median(peak) }
}

fn print(name: &str, figures: &Figures) {
    let Figures { cold_ms, warm_ms, peak_mb } = figures;
    println!("| {name:<45} | {cold_ms:>6.1} ms | {warm_ms:>6.1} ms | {peak_mb:>8.1} MB |");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn peak_memory_mb(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}

fn people(seed: usize) -> String {
    let rows = (0..ROWS).map(|row| format!("{},customer {seed},2024-02-{:02}\n", row, 1 + row % 29));
    std::iter::once("id,name,joined\n".to_owned()).chain(rows).collect()
}

fn read_json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).expect("sample event")).expect("JSON")
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: use `make bench`"))
}
