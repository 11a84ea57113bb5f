//! The failure names of functions and the retries of the machines agree.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{FailureClass, FailureName};
use serde_json::Value;

use crate::machine::{Machine, list};

/// The transient failures of each function: the injected one and its own.
const TRANSIENT: [(&str, &[FailureName]); 6] = [
    ("CheckFileExtension", &[FailureName::RandomFailure]),
    ("TriggerResolver", &[FailureName::RandomFailure, FailureName::StorageUnavailable]),
    ("RandomFailureGenerator", &[FailureName::RandomFailure]),
    (
        "Loader",
        &[
            FailureName::RandomFailure,
            FailureName::StorageUnavailable,
            FailureName::StorageStalled,
            FailureName::ObjectCorrupted,
            FailureName::DatabaseUnavailable,
            FailureName::LoadInProgress,
        ],
    ),
    (
        "Transformer",
        &[
            FailureName::RandomFailure,
            FailureName::StorageUnavailable,
            FailureName::DatabaseUnavailable,
            FailureName::RunInProgress,
        ],
    ),
    (
        "Reconciler",
        &[FailureName::StorageUnavailable, FailureName::DatabaseUnavailable, FailureName::ExecutionsUnavailable],
    ),
];

/// Temporary errors of Lambda, and errors of a crashed function. Every state that calls a function retries them.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html#bp-lambda-serviceexception>
const OF_LAMBDA: [&str; 9] = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "Runtime.ExitError",
    "States.Timeout",
];

const RESERVED: [&str; 5] = ["States.", "Lambda.", "Sandbox.", "Runtime.", "StepFunctions."];

fn names_in<'a>(state: &'a Value, field: &str) -> impl Iterator<Item = &'a str> {
    list(state, field).iter().flat_map(|entry| list(entry, "ErrorEquals")).filter_map(Value::as_str)
}

fn ours(name: &&str) -> bool {
    !RESERVED.iter().any(|prefix| name.starts_with(prefix))
}

#[test]
fn error_names_of_machines_exist_in_rust() {
    for machine in Machine::all() {
        for (state, definition) in &machine.states {
            for name in names_in(definition, "Retry").chain(names_in(definition, "Catch")).filter(ours) {
                assert!(FailureName::parse(name).is_some(), "{state} has the unknown failure {name}");
            }
            for variable in ["failure", "stopped"] {
                if let Some(name) = definition["Assign"][variable]["Error"].as_str() {
                    assert!(FailureName::parse(name).is_some(), "{state} fails with the unknown failure {name}");
                }
            }
        }
    }
}

#[test]
fn retry_matches_failure_class() {
    for machine in Machine::all() {
        for (state, task, function) in machine.calls() {
            let (_, raised) = TRANSIENT.iter().find(|(known, _)| *known == function).unwrap();
            let expected: BTreeSet<_> = raised.iter().map(|name| name.as_str()).collect();
            let retried: BTreeSet<_> = names_in(task, "Retry").filter(ours).collect();
            assert_eq!(retried, expected, "{state} of {}", machine.name);
        }
    }
    for name in FailureName::ALL {
        let somewhere = TRANSIENT.iter().any(|(_, raised)| raised.contains(name));
        assert_eq!(somewhere, name.class() == FailureClass::Transient, "{name} is {:?}", name.class());
    }
}

#[test]
fn function_has_the_same_retries_in_every_state() {
    let mut first = BTreeMap::new();
    for machine in Machine::all() {
        for (state, task, function) in machine.calls() {
            let known = first.entry(function.to_owned()).or_insert_with(|| task["Retry"].clone());
            assert_eq!(&task["Retry"], known, "{state} of {}", machine.name);
        }
    }
}

#[test]
fn lambda_errors_are_retried() {
    for machine in Machine::all() {
        for (state, task, _) in machine.calls() {
            let retried: BTreeSet<_> = names_in(task, "Retry").collect();
            for name in OF_LAMBDA {
                assert!(retried.contains(name), "{state} does not retry {name}");
            }
            // Both match permanent failures, which must not be retried.
            assert!(!retried.contains("States.TaskFailed") && !retried.contains("States.ALL"), "{state}");
        }
    }
}

/// Returns the expected sum of the delays. With full jitter, the mean delay is half of its limit.
fn expected_wait_s(machine: &'static str, state: &str, name: &str) -> f64 {
    let machine = Machine::read(machine);
    let knows = |retry: &&Value| list(retry, "ErrorEquals").iter().any(|known| known == name);
    let retry = list(machine.state(state), "Retry").iter().find(knows).unwrap();
    let number = |field: &str| retry[field].as_f64().unwrap();
    let mut delay_s = number("IntervalSeconds");
    let mut total_s = 0.0;
    for _ in 0..retry["MaxAttempts"].as_u64().unwrap() {
        total_s += delay_s.min(number("MaxDelaySeconds")) / 2.0;
        delay_s *= number("BackoffRate");
    }
    total_s
}

#[test]
fn retries_last_as_long_as_the_cause() {
    let check = |machine: &'static str, state: &str, name: &str, minutes: f64| {
        let waited = expected_wait_s(machine, state, name) / 60.0;
        assert!(waited >= minutes, "{state}: {name} is retried for {waited:.1} minutes");
    };
    for (machine, state) in [("process-file", "LoadFile"), ("run-pipeline", "RunTransforms")] {
        // The failover of a database.
        check(machine, state, "DatabaseUnavailable", 10.0);
        // A thousand files, twenty at once.
        check(machine, state, "Lambda.TooManyRequestsException", 30.0);
        check(machine, state, "StorageUnavailable", 3.0);
    }
    // The other load or run can last as long as a Lambda.
    check("process-file", "LoadFile", "LoadInProgress", 15.0);
    check("run-pipeline", "RunTransforms", "RunInProgress", 15.0);
}
