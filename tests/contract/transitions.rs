//! The transitions after failures: each failure sends one notice, keeps its error, and undoes no commit.

use std::collections::BTreeSet;

use crate::machine::{Machine, list, next};

/// Checks the next state after an error.
#[test]
fn every_catch_leads_to_its_state() {
    let check = |machine: &str, states: &[&str], next: &str| {
        let machine = Machine::all().into_iter().find(|known| known.name == machine).unwrap();
        for state in states {
            for catch in list(machine.state(state), "Catch") {
                assert_eq!(catch["Next"], next, "{state} of {}", machine.name);
            }
        }
    };
    check("process-file", &["CheckFileExtension", "ResolveTrigger", "LoadFile"], "DescribeFailure");
    check("run-pipeline", &["ResolveRuns", "RunEach"], "DescribeStopped");
    check("run-pipeline", &["OpenRun", "RunTransforms"], "DescribeRunFailure");
    check("sweep-runs", &["SweepRuns", "ReportFailed", "StartUnclaimed"], "Failed");
    check("reconcile", &["Reconcile", "StartMissed"], "DescribeStopped");
    // These errors stop neither a load nor a notice.
    check("process-file", &["PlanFailures"], "CheckFileExtension");
    check("process-file", &["RecordAwaited"], "AwaitSource");
    check("process-file", &["StartRun"], "Loaded");
    check("sweep-runs", &["StartRun"], "Started");
    check("reconcile", &["StartFile"], "FileStarted");
    check("run-pipeline", &["CloseRun"], "PublishRunFailure");
    check("process-file", &["RecordFailure"], "PublishFailure");
    check("process-file", &["PublishFailure"], "NotifyFailure");
    check("run-pipeline", &["RecordRunFailure"], "NotifyRunFailure");
}

/// Returns the possible numbers of notices between a state and the end.
fn notices(machine: &Machine, state: &str) -> BTreeSet<usize> {
    let definition = machine.state(state);
    let own = usize::from(definition["Resource"].as_str().is_some_and(|resource| resource.ends_with("sns:publish")));
    let rest: BTreeSet<usize> = next(definition).flat_map(|next| notices(machine, next)).collect();
    if rest.is_empty() { [own].into() } else { rest.into_iter().map(|count| count + own).collect() }
}

#[test]
fn every_failure_sends_one_notice() {
    let check = |machine: &'static str, state: &str| {
        assert_eq!(notices(&Machine::read(machine), state), [1].into(), "{state} of {machine}");
    };
    check("process-file", "DescribeFailure");
    check("run-pipeline", "DescribeRunFailure");
    check("run-pipeline", "DescribeStopped");
    check("sweep-runs", "TakeFailed");
    check("reconcile", "DescribeStopped");
    // A failed run has sent its notice in RunEach.
    assert_eq!(notices(&Machine::read("run-pipeline"), "ChooseEnd"), [0].into());
}

#[test]
fn errors_after_a_commit_undo_nothing() {
    for machine in Machine::all() {
        for state in ["PublishLoad", "NotifySuccess", "PublishRun", "NotifyRun"] {
            let Some(definition) = machine.states.get(state) else { continue };
            for catch in list(definition, "Catch") {
                assert_eq!(catch["Next"], definition["Next"], "{state} of {}", machine.name);
                assert!(catch["Output"].to_string().contains("'sent': false"), "{state} hides the error");
            }
        }
    }
}

#[test]
fn failed_execution_keeps_the_original_error() {
    for machine in Machine::all() {
        for (name, state) in machine.states.iter().filter(|(_, state)| state["Type"] == "Fail") {
            for field in ["Error", "Cause"] {
                let text = state[field].as_str().unwrap();
                let variables = ["failure", "stopped"].map(|variable| format!("{{% ${variable}.{field} %}}"));
                assert!(variables.iter().any(|expected| expected == text), "{name} of {}: {text}", machine.name);
            }
        }
    }
}
