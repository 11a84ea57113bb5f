//! The whole stack under a plan of failures.

use std::path::Path;

use test_support::{Execution, Stack};

use crate::whole_stack::GOOD;

const ROWS: i64 = 2;

const PLAN: &str = r#"
[[failures]]
state    = "LoadFile"
key      = "people/unheard.csv"
attempts = [0]
fault    = "crash-after"

[[failures]]
state    = "LoadFile"
key      = "people/killed.csv"
attempts = [0, 1]
fault    = "crash-before"

[[failures]]
state = "CheckFileExtension"
key   = "people/refused.csv"
fault = "permanent"

# At every attempt: more than is retried.
[[failures]]
state = "ResolveTrigger"
key   = "people/given-up.csv"
fault = "transient"
"#;

/// How many attempts of this execution's states have failed.
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
    let stack = Stack::start_under(&pipelines, PLAN).await;
    let (unheard, killed, calm, refused, given_up) = tokio::join!(
        stack.drop_file("people/unheard.csv", GOOD),
        stack.drop_file("people/killed.csv", GOOD),
        stack.drop_file("people/calm.csv", GOOD),
        stack.drop_file("people/refused.csv", GOOD),
        stack.drop_file("people/given-up.csv", GOOD),
    );
    let database = stack.database().await;
    for (execution, attempts) in [(&unheard, 1), (&killed, 2), (&calm, 0)] {
        assert_eq!(failed_attempts(&stack, execution).await, attempts, "{execution:?}");
        // Also of the load whose reply was lost: by the ledger, with the same counts.
        assert_eq!((execution.outcome(), &execution.report()["rows_loaded"]), ("Loaded", &ROWS.into()));
        let load_id = execution.report()["load_id"].as_i64();
        let query = "select (select count(*) from people.csv where _load_id = $1),
                            (select count(*) from penstock.load as it join penstock.load as of using (key)
                             where of.load_id = $1)";
        let row = database.query_one(query, &[&load_id]).await.unwrap();
        assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (ROWS, 1), "{execution:?}");
    }
    for (execution, name, attempts) in [(&refused, "PlannedFailure", 1), (&given_up, "RandomFailure", 5)] {
        assert_eq!(execution.error.as_deref(), Some(name), "{execution:?}");
        assert_eq!(failed_attempts(&stack, execution).await, attempts, "{execution:?}");
    }
    for execution in [&unheard, &killed, &calm, &refused, &given_up] {
        assert_eq!(stack.notices(execution, 1).await.len(), 1, "{execution:?}");
    }
    let rows: i64 = database.query_one("select count(*) from people.csv", &[]).await.unwrap().get(0);
    assert_eq!(rows, 3 * ROWS);
    "a reply lost after COMMIT, a loader that dies twice, one file refused and one given up: 3 of 5 loaded once, 5 notices"
        .to_owned()
}
