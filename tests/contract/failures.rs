//! The names under which functions fail are the names that the machine retries.

use std::collections::BTreeSet;

use contracts::{Class, FailureName};
use serde_json::Value;

use crate::machine::{FUNCTION_STATES, Machine, list};

/// Which transient failures the function behind a state can raise.
const TRANSIENT: [(&str, &[FailureName]); 4] = [
    ("CheckFileExtension", &[]),
    ("ResolveTrigger", &[FailureName::StorageUnavailable]),
    ("InjectFailure", &[FailureName::RandomFailure]),
    (
        "LoadFile",
        &[
            FailureName::StorageUnavailable,
            FailureName::StorageStalled,
            FailureName::ObjectCorrupted,
            FailureName::DatabaseUnavailable,
            FailureName::LoadInProgress,
        ],
    ),
];

/// Errors of Lambda itself that pass, and of a function that died: any state that calls one can meet them.
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

const RESERVED: [&str; 4] = ["States.", "Lambda.", "Sandbox.", "Runtime."];

fn names_in<'a>(state: &'a Value, field: &str) -> impl Iterator<Item = &'a str> {
    list(state, field).iter().flat_map(|entry| list(entry, "ErrorEquals")).filter_map(Value::as_str)
}

fn ours(name: &&str) -> bool {
    !RESERVED.iter().any(|prefix| name.starts_with(prefix))
}

#[test]
fn every_error_name_of_the_machine_exists_in_rust() {
    for (state, task) in Machine::read().tasks() {
        for name in names_in(task, "Retry").chain(names_in(task, "Catch")).filter(ours) {
            assert!(FailureName::parse(name).is_some(), "{state} knows {name}, and no function fails under it");
        }
    }
    for (state, definition) in &Machine::read().states {
        if let Some(name) = definition["Assign"]["failure"]["Error"].as_str() {
            assert!(FailureName::parse(name).is_some(), "{state} fails as {name}, which has no advice");
        }
    }
}

#[test]
fn what_is_transient_is_retried_and_what_is_permanent_is_not() {
    let machine = Machine::read();
    for (state, raised) in TRANSIENT {
        let expected: BTreeSet<_> = raised.iter().map(|name| name.as_str()).collect();
        let retried: BTreeSet<_> = names_in(&machine.states[state], "Retry").filter(ours).collect();
        assert_eq!(retried, expected, "{state}");
    }
    for name in FailureName::ALL {
        let somewhere = TRANSIENT.iter().any(|(_, raised)| raised.contains(name));
        assert_eq!(somewhere, name.class() == Class::Transient, "{name} is {:?}", name.class());
    }
}

#[test]
fn lambda_itself_is_retried_wherever_a_function_is_called() {
    let machine = Machine::read();
    for state in FUNCTION_STATES {
        let retried: BTreeSet<_> = names_in(&machine.states[state], "Retry").collect();
        for name in OF_LAMBDA {
            assert!(retried.contains(name), "{state} does not retry {name}");
        }
        // It matches every name but States.Timeout: permanent failures would be tried again.
        assert!(!retried.contains("States.TaskFailed") && !retried.contains("States.ALL"), "{state}");
    }
}

/// The delays grow to their ceiling; with full jitter, half of each is waited on average.
fn expected_wait_s(state: &str, name: &str) -> f64 {
    let machine = Machine::read();
    let knows = |retry: &&Value| list(retry, "ErrorEquals").iter().any(|known| known == name);
    let retry = list(&machine.states[state], "Retry").iter().find(knows).unwrap();
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
fn retries_last_as_long_as_the_trouble_may() {
    let check = |name: &str, minutes: f64| {
        let waited = expected_wait_s("LoadFile", name) / 60.0;
        assert!(waited >= minutes, "{name} is retried for {waited:.1} minutes");
    };
    // A failover of the database.
    check("DatabaseUnavailable", 10.0);
    // The rival may be a load that lasts as long as a Lambda may.
    check("LoadInProgress", 15.0);
    // A thousand files, twenty at a time.
    check("Lambda.TooManyRequestsException", 30.0);
    check("StorageUnavailable", 3.0);
}
