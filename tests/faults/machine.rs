//! The whole stack, with something of it gone.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use aws_sdk_sfn::types::ExecutionStatus;
use futures_util::StreamExt;
use futures_util::stream;
use serde_json::Value;
use test_support::{Stack, scratch_folder};
use tokio::task::block_in_place;

use crate::pick;

const POLL: Duration = Duration::from_millis(250);
const BURST_TIMEOUT: Duration = Duration::from_secs(1_200);
const PUTS_AT_ONCE: usize = 100;
const GOOD: &str = "id,name,joined\n1,Ann,\n2,Bob,\n";
const BAD: &str = "id,name\n1,Ann\n";

async fn stack() -> Stack {
    Stack::start(&Path::new(env!("CARGO_MANIFEST_DIR")).join("integration/pipelines"), 0.0).await
}

/// What the AWS CLI says, as an operator would ask.
fn aws(stack: &Stack, arguments: &[&str]) -> Value {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let names = ["AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    let output = block_in_place(|| {
        Command::new(project.join(".venv/bin/aws"))
            .args(arguments)
            .args(["--output", "json"])
            .envs(names.map(|name| (name, stack.env(name))))
            .env("AWS_DEFAULT_REGION", stack.env("AWS_REGION"))
            .output()
            .unwrap()
    });
    assert!(output.status.success(), "aws {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

async fn count(stack: &Stack, query: &str) -> i64 {
    stack.database().await.query_one(query, &[]).await.unwrap().get(0)
}

/// Both executions end as they would have; only the message is missing, and can be sent again from what they say.
pub(crate) async fn what_sns_refuses_is_told_by_the_execution() -> String {
    let stack = stack().await;
    aws(&stack, &["sns", "delete-topic", "--topic-arn", stack.env("TOPIC_ARN")]);
    let (loaded, failed) =
        tokio::join!(stack.drop_file("people/unheard.csv", GOOD), stack.drop_file("people/unheard-bad.csv", BAD));

    assert_eq!(loaded.outcome(), "Loaded", "{loaded:?}");
    assert_eq!(loaded.report()["rows_loaded"], 2);
    let notice = &loaded.output["notice"];
    assert_eq!(notice["sent"], false, "{loaded:?}");
    assert!(notice["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{loaded:?}");
    assert_eq!(count(&stack, "select count(*) from people.csv").await, 2);

    assert_eq!(failed.error.as_deref(), Some("HeaderMismatch"), "{failed:?}");
    let cause = failed.cause.unwrap_or_default();
    assert!(cause.contains("The notice of this failure could not be sent"), "{cause}");
    assert!(cause.contains("joined"), "{cause}");
    "without its topic a load stays Loaded and a failure keeps its name; both executions say that no notice left"
        .to_owned()
}

/// A function that ends whenever it is called: every way in which Lambda sees it end.
const ENDS: [(&str, &str); 3] = [
    ("killed for its memory", "#!/bin/sh\nkill -KILL $$\n"),
    ("exits", "#!/bin/sh\nexit 1\n"),
    ("out of time", "#!/bin/sh\nexec sleep 60\n"),
];

pub(crate) async fn a_function_that_always_ends_raises_one_notice() -> String {
    let stack = stack().await;
    let functions = aws(&stack, &["lambda", "list-functions", "--query", "Functions[].FunctionName"]);
    let loader = functions.as_array().unwrap().iter().filter_map(Value::as_str).find(|name| name.contains("oader"));
    let loader = loader.expect("a loader among the functions");
    aws(&stack, &["lambda", "update-function-configuration", "--function-name", loader, "--timeout", "2"]);
    let ends = &ENDS[..pick(1, ENDS.len())];
    let mut names = Vec::new();
    for (number, (end, bootstrap)) in ends.iter().enumerate() {
        replace_code(&stack, loader, bootstrap);
        let execution = stack.drop_file(&format!("people/ended-{number}.csv"), GOOD).await;
        assert!(!execution.succeeded, "{end}: {execution:?}");
        assert_eq!(stack.notices(&execution, 1).await.len(), 1, "{end}");
        assert_eq!(count(&stack, "select count(*) from pg_tables where tablename = 'csv'").await, 0, "{end}");
        names.push(format!("{end}: {}", execution.error.unwrap_or_default()));
    }
    format!("a loader that always ends ({}): 0 rows, one notice each", names.join(", "))
}

fn replace_code(stack: &Stack, function: &str, bootstrap: &str) {
    let folder: PathBuf = scratch_folder("function");
    let (file, zip) = (folder.join("bootstrap"), folder.join("function.zip"));
    std::fs::write(&file, bootstrap).unwrap();
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/python");
    let zipped = Command::new("/bin/sh")
        .args(["-c", r#"chmod 755 "$1" && "$0" -m zipfile -c "$2" "$1""#])
        .args([python, file, zip.clone()])
        .status();
    assert!(zipped.unwrap().success());
    let zip = format!("fileb://{}", zip.display());
    aws(stack, &["lambda", "update-function-code", "--function-name", function, "--zip-file", &zip]);
}

pub(crate) async fn every_file_of_a_burst_is_accounted_for() -> String {
    // The emulator knows no limit of concurrency: each file has a process for each function, all at once.
    let files = pick(100, 200);
    let stack = stack().await;
    let dropped = Instant::now();
    let drop_file = async |number: usize| {
        // One in ten cannot be loaded.
        let body = if number.is_multiple_of(10) { BAD } else { GOOD };
        stack.put(&format!("people/burst-{number}.csv"), body).await;
    };
    stream::iter(0..files).for_each_concurrent(PUTS_AT_ONCE, drop_file).await;
    let dropped_in = dropped.elapsed();
    let mut connections = 0;
    let sessions = "select count(*) from pg_stat_activity where application_name = 'penstock-loader'";
    let database = stack.database().await;
    loop {
        connections = connections.max(database.query_one(sessions, &[]).await.unwrap().get::<_, i64>(0));
        if ended(&stack, ExecutionStatus::Succeeded).await + ended(&stack, ExecutionStatus::Failed).await == files {
            break;
        }
        assert!(dropped.elapsed() < BURST_TIMEOUT, "not all of {files} files have ended");
        tokio::time::sleep(POLL).await;
    }
    let took = dropped.elapsed();
    let connections_max: String = database.query_one("show max_connections", &[]).await.unwrap().get(0);
    assert!(connections < connections_max.parse().unwrap(), "{connections} connections of {connections_max}");
    let bad = files.div_ceil(10);
    assert_eq!(ended(&stack, ExecutionStatus::Failed).await, bad);
    let loaded = count(&stack, "select count(distinct key) from penstock.load where outcome = 'Loaded'").await;
    assert_eq!(usize::try_from(loaded).unwrap(), files - bad);
    assert_eq!(usize::try_from(count(&stack, "select count(*) from people.csv").await).unwrap(), 2 * (files - bad));
    format!(
        "{files} files dropped in {:.1} s: {loaded} loaded, {bad} failed by name, after {:.0} s; at most {connections} \
         of the database's {connections_max} connections",
        dropped_in.as_secs_f64(),
        took.as_secs_f64()
    )
}

async fn ended(stack: &Stack, status: ExecutionStatus) -> usize {
    let machine = stack.env("STATE_MACHINE_ARN");
    let request = stack.step_functions.list_executions().state_machine_arn(machine).status_filter(status);
    let mut pages = request.into_paginator().items().send();
    let mut found = 0;
    while let Some(execution) = pages.next().await {
        execution.unwrap();
        found += 1;
    }
    found
}
