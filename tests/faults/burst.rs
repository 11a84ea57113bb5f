//! Many files at once, on the whole stack.

use std::time::{Duration, Instant};

use aws_sdk_sfn::types::ExecutionStatus;
use futures_util::StreamExt;
use futures_util::stream;
use test_support::Stack;

use crate::deliveries::{LOADERS, burst_files};
use crate::whole_stack::{BAD, GOOD, check_nothing_is_open, count, stack};

const PUTS_AT_ONCE: usize = 100;
/// Larger bursts come in waves of this size, because an emulator on two cores cannot run more executions at once. A wave
/// starts when the previous one has ended.
const WAVE_FILES: usize = 1_000;
const WAVE_TIMEOUT: Duration = Duration::from_secs(900);
const SAMPLE: Duration = Duration::from_millis(100);
const POLL: Duration = Duration::from_secs(1);

pub(crate) async fn burst_accounts_for_every_file() -> String {
    let files = burst_files(100);
    let stack = stack().await;
    let started = Instant::now();
    let (mut connections, mut slowest_drop) = (0, Duration::ZERO);
    for wave in (0..files).step_by(WAVE_FILES) {
        let wave_end = files.min(wave + WAVE_FILES);
        let dropped = Instant::now();
        let drop_file = async |number: usize| {
            // One file in ten is invalid.
            let body = if number.is_multiple_of(10) { BAD } else { GOOD };
            stack.put(&format!("people/burst-{number}.csv"), body).await;
        };
        stream::iter(wave..wave_end).for_each_concurrent(PUTS_AT_ONCE, drop_file).await;
        slowest_drop = slowest_drop.max(dropped.elapsed());
        connections = connections.max(most_connections_until_ended(&stack, wave_end).await);
    }
    let took = started.elapsed();
    let bad = files.div_ceil(10);
    assert_eq!(with_status(&stack, ExecutionStatus::Failed).await, bad);
    let loaded = count(&stack, "select count(distinct key) from penstock.load where outcome = 'Loaded'").await;
    assert_eq!(usize::try_from(loaded).unwrap(), files - bad);
    assert_eq!(usize::try_from(count(&stack, "select count(*) from people.csv").await).unwrap(), 2 * (files - bad));
    // A loader may open a session while PostgreSQL still ends the session of its failed load.
    assert!(connections <= 2 * i64::try_from(LOADERS).unwrap(), "{connections} connections");

    let reconcile_started = Instant::now();
    let statuses = check_nothing_is_open(&stack);
    assert_eq!((&statuses["loaded"], &statuses["failed with a notice"]), (&loaded.into(), &bad.into()), "{statuses}");
    format!(
        "{files} files, {} at once in {:.1} s: {loaded} loaded, {bad} failed by name, after {:.0} s; at most {connections} \
         connections for {LOADERS} loaders; `penstock reconcile` in {:.1} s: 0 open",
        files.min(WAVE_FILES),
        slowest_drop.as_secs_f64(),
        took.as_secs_f64(),
        reconcile_started.elapsed().as_secs_f64()
    )
}

/// Waits until this many executions have ended. Returns the highest number of loader sessions seen.
async fn most_connections_until_ended(stack: &Stack, executions: usize) -> i64 {
    let deadline = Instant::now() + WAVE_TIMEOUT;
    let database = stack.database().await;
    let sessions = "select count(*) from pg_stat_activity where application_name = 'penstock-loader'";
    let (mut connections, mut next_poll) = (0, Instant::now());
    loop {
        connections = connections.max(database.query_one(sessions, &[]).await.unwrap().get::<_, i64>(0));
        if Instant::now() >= next_poll {
            // List the running executions first: they are fewer, and long lists slow the emulator down.
            let running = with_status(stack, ExecutionStatus::Running).await;
            if running == 0 && ended(stack).await == executions {
                return connections;
            }
            assert!(Instant::now() < deadline, "{running} of {executions} executions are still running");
            next_poll = Instant::now() + POLL;
        }
        tokio::time::sleep(SAMPLE).await;
    }
}

async fn ended(stack: &Stack) -> usize {
    with_status(stack, ExecutionStatus::Succeeded).await + with_status(stack, ExecutionStatus::Failed).await
}

async fn with_status(stack: &Stack, status: ExecutionStatus) -> usize {
    let machine = stack.env("STATE_MACHINE_ARN");
    let request = stack.step_functions.list_executions().state_machine_arn(machine).status_filter(status);
    let mut pages = request.max_results(1_000).into_paginator().items().send();
    let mut found = 0;
    while let Some(execution) = pages.next().await {
        execution.unwrap();
        found += 1;
    }
    found
}
