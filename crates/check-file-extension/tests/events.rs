//! Runs the function on the sample events. Each file name ends with the state that the event must reach.
#![cfg(test)]

use std::path::Path;
use std::time::Duration;

use protocol::{CheckedFile, FileKind};
use test_support::runtime_api::{Function, InvocationOutcome};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Returns the state that the event reaches.
fn next_state(outcome: &InvocationOutcome) -> &'static str {
    match outcome {
        InvocationOutcome::Ok(answer) => match serde_json::from_value::<CheckedFile>(answer.clone()).unwrap().file {
            FileKind::Data { .. } | FileKind::Trigger {} | FileKind::Undecided {} => "resolve-trigger",
            FileKind::Ignored { .. } => "ignored",
        },
        InvocationOutcome::Error { .. } => "notify-failure",
        InvocationOutcome::Exited | InvocationOutcome::TimedOut => "nowhere",
    }
}

#[test]
fn sample_event_leads_to_the_state_in_its_name() {
    let mut function = Function::start(env!("CARGO_BIN_EXE_check-file-extension"), &[]);
    let mut checked = 0;
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events")).unwrap() {
        let path = entry.unwrap().path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json")) else { continue };
        let (_, state) = name.rsplit_once('.').unwrap();
        let outcome = function.invoke(std::fs::read(&path).unwrap(), TIMEOUT);
        assert_eq!(next_state(&outcome), state, "{name}: {outcome:?}");
        checked += 1;
    }
    assert!(checked >= 28, "only {checked} sample events were found");
}

#[test]
fn error_has_its_failure_name() {
    let mut function = Function::start(env!("CARGO_BIN_EXE_check-file-extension"), &[]);
    let mut check = |event: &str, name: &str, first_line: &str| {
        let outcome = function.invoke(event, TIMEOUT);
        let InvocationOutcome::Error { error_type, error_message } = outcome else { panic!("{event}: {outcome:?}") };
        assert_eq!((error_type.as_str(), error_message.lines().next()), (name, Some(first_line)), "{event}");
    };
    check("{}", "InvalidEvent", "unrecognized event: an empty object");
    check("{", "InvalidInput", "the payload is not JSON: EOF while parsing an object at line 1 column 1");
    check(r#"{"bucket": "b", "key": "a.csv", "size_bytes": 0}"#, "EmptyFile", "s3://b/a.csv is empty: it has 0 bytes");
}
