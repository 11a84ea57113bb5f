//! The whole stack with a fault plan.

use std::path::Path;

use test_support::{Execution, Stack};

use crate::whole_stack::GOOD;

const ROWS: i64 = 2;

const FAULT_PLAN: &str = r#"
[[failures]]
state    = "LoadFile"
key      = "people/lost-reply.csv"
attempts = [0]
fault    = "crash-after"

[[failures]]
state    = "LoadFile"
key      = "people/killed.csv"
attempts = [0, 1]
fault    = "crash-before"

[[failures]]
state = "CheckFileExtension"
key   = "people/permanent.csv"
fault = "permanent"

# Fails every attempt, so the retries are exhausted.
[[failures]]
state = "ResolveTrigger"
key   = "people/exhausted.csv"
fault = "transient"
"#;

/// Returns how many attempts of the execution's states failed.
async fn failed_attempts(stack: &Stack, execution: &Execution) -> usize {
    let request = stack.step_functions.get_execution_history().execution_arn(&execution.arn);
    let mut events = request.into_paginator().items().send();
    let mut failed = 0;
    while let Some(event) = events.next().await {
        failed += usize::from(event.unwrap().task_failed_event_details.is_some());
    }
    failed
}

pub(crate) async fn only_planned_failures_occur() -> String {
    let pipelines = Path::new(env!("CARGO_MANIFEST_DIR")).join("integration/pipelines");
    let stack = Stack::start_under(&pipelines, FAULT_PLAN).await;
    let (lost_reply, killed, no_fault, permanent, exhausted) = tokio::join!(
        stack.drop_file("people/lost-reply.csv", GOOD),
        stack.drop_file("people/killed.csv", GOOD),
        stack.drop_file("people/no-fault.csv", GOOD),
        stack.drop_file("people/permanent.csv", GOOD),
        stack.drop_file("people/exhausted.csv", GOOD),
    );
    let database = stack.database().await;
    for (execution, attempts) in [(&lost_reply, 1), (&killed, 2), (&no_fault, 0)] {
        assert_eq!(failed_attempts(&stack, execution).await, attempts, "{execution:?}");
        // The load with the lost reply reports the ledger's counts too.
        assert_eq!((execution.outcome(), &execution.report()["rows_loaded"]), ("Loaded", &ROWS.into()));
        let load_id = execution.report()["load_id"].as_i64();
        let query = "select (select count(*) from people.csv where _load_id = $1),
                            (select count(*) from penstock.load as it join penstock.load as of using (key)
                             where of.load_id = $1)";
        let row = database.query_one(query, &[&load_id]).await.unwrap();
        assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (ROWS, 1), "{execution:?}");
    }
    for (execution, name, attempts) in [(&permanent, "PlannedFailure", 1), (&exhausted, "RandomFailure", 5)] {
        assert_eq!(execution.error.as_deref(), Some(name), "{execution:?}");
        assert_eq!(failed_attempts(&stack, execution).await, attempts, "{execution:?}");
    }
    for execution in [&lost_reply, &killed, &no_fault, &permanent, &exhausted] {
        assert_eq!(stack.notices(execution, 1).await.len(), 1, "{execution:?}");
    }
    let rows: i64 = database.query_one("select count(*) from people.csv", &[]).await.unwrap().get(0);
    assert_eq!(rows, 3 * ROWS);
    "a reply lost after COMMIT, a loader that crashes twice, one permanent and one repeated failure: 3 of 5 files loaded once, 5 notices"
        .to_owned()
}
