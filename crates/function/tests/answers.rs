//! Drives a real binary over the Runtime API of Lambda.
#![cfg(test)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use protocol::FailureName;
use serde_json::{Value, json};
use test_support::runtime_api::{Function, InvocationOutcome};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Returns the path of the example. Cargo gives tests only the paths of binaries.
fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().parent().unwrap().join("examples/fails_as_asked")
}

fn start(env: &[(&str, &str)]) -> Function {
    Function::start(binary(), env)
}

#[test]
fn failure_has_its_name_and_remedy() {
    let mut function = start(&[("LIMIT", "7")]);
    let mut check = |payload: &str, name: &str, message: &str| {
        let remedy = FailureName::parse(name).unwrap().what_to_do();
        let expected = InvocationOutcome::Error {
            error_type: name.to_owned(),
            error_message: format!("{message}\nWhat to do: {remedy}"),
        };
        assert_eq!(function.invoke(payload, TIMEOUT), expected, "{payload}");
    };

    for (payload, reason) in [
        ("{", "EOF while parsing an object at line 1 column 1"),
        ("", "EOF while parsing a value at line 1 column 0"),
        ("hello", "expected value at line 1 column 1"),
        (r#"{"count": 1,}"#, "trailing comma at line 1 column 13"),
        (r#"{"count": 1e999}"#, "number out of range at line 1 column 15"),
    ] {
        check(payload, "InvalidInput", &format!("the payload is not JSON: {reason}"));
    }
    for (payload, at, reason) in [
        ("null", ".", "invalid type: null, expected struct Request"),
        ("[]", ".", "invalid length 1, expected struct Request with 5 elements"),
        (r#""text""#, ".", "invalid type: string \"text\", expected struct Request"),
        ("{}", ".", "missing field `count`"),
        (r#"{"count": "one"}"#, "count", "invalid type: string \"one\", expected u32"),
        (r#"{"count": -1}"#, "count", "invalid value: integer `-1`, expected u32"),
        (r#"{"count": 1.5}"#, "count", "invalid type: floating point `1.5`, expected u32"),
        (r#"{"count": 1, "execution": 3}"#, "execution", "invalid type: integer `3`, expected a string"),
        (
            r#"{"count": 1, "colour": 3}"#,
            "colour",
            "unknown field `colour`, expected one of `execution`, `count`, `fail_as`, `panic_with`, `mark`",
        ),
    ] {
        check(payload, "InvalidInput", &format!("invalid payload at `{at}`: {reason}"));
    }
    check(r#"{"count": 1, "panic_with": "boom"}"#, "InternalError", "panic: boom");
    check(r#"{"count": 1, "panic_with": "two\nlines"}"#, "InternalError", "panic: two lines");
    for name in FailureName::ALL {
        check(
            &json!({"count": 1, "fail_as": name.as_str()}).to_string(),
            name.as_str(),
            "requested failure in two lines",
        );
    }
}

#[test]
fn payload_that_is_not_utf8_is_an_invalid_input() {
    let outcome = start(&[("LIMIT", "7")]).invoke(b"{\"count\": \"\xff\"}", TIMEOUT);
    assert_eq!(outcome.error_type(), Some("InvalidInput"), "{outcome:?}");
}

#[test]
fn handler_gets_execution_request_and_deadline() {
    let mut function = start(&[("LIMIT", "7")]);
    let answer = function.invoke(json!({"count": 3, "execution": "arn:x"}).to_string(), TIMEOUT).answer();
    assert_eq!(answer["execution"], "arn:x");
    assert_eq!(answer["request_id"], "request-1");
    assert_eq!(answer["count"], 3);
    assert_eq!(answer["limit"], 7);
    let remaining_ms = answer["remaining_ms"].as_u64().unwrap();
    assert!((5_000..=10_000).contains(&remaining_ms), "{remaining_ms}");
}

#[test]
fn failed_setup_answers_every_invocation() {
    for (env, message) in [
        (vec![], "the environment variable LIMIT is not set"),
        (vec![("LIMIT", "")], "the environment variable LIMIT is not set"),
        (vec![("LIMIT", "many")], "the environment variable LIMIT has an invalid value: invalid digit found in string"),
    ] {
        let mut function = start(&env);
        for _ in 0..2 {
            let InvocationOutcome::Error { error_type, error_message } = function.invoke(r#"{"count": 1}"#, TIMEOUT)
            else {
                panic!("{env:?}: no error");
            };
            assert_eq!(error_type, "InvalidConfiguration");
            assert_eq!(error_message.lines().next(), Some(message));
        }
    }
}

#[test]
fn invocation_is_logged_once_without_its_payload() {
    let mut function = start(&[("LIMIT", "7")]);
    function.invoke(json!({"count": 3, "execution": "arn:x"}).to_string(), TIMEOUT);
    function.invoke(json!({"count": 3, "execution": "arn:x", "fail_as": "StorageStalled"}).to_string(), TIMEOUT);
    function.invoke(json!({"count": "secret", "execution": "arn:x"}).to_string(), TIMEOUT);
    function.invoke(json!({"count": 3, "execution": "arn:x", "panic_with": "secret"}).to_string(), TIMEOUT);
    // The lines of four invocations are written when the fifth is answered.
    function.invoke(json!({"count": 3}).to_string(), TIMEOUT);

    let logs = logs_of(&mut function, 6);
    assert!(logs.iter().all(|line| !line.to_string().contains("secret")), "{logs:#?}");
    assert!(logs[..5].iter().all(|line| line["span"]["execution"] == "arn:x"), "{logs:#?}");
    let request_ids: Vec<_> = logs.iter().map(|line| line["span"]["request_id"].as_str().unwrap()).collect();
    assert_eq!(request_ids, ["request-1", "request-2", "request-3", "request-4", "request-4", "request-5"]);
    let messages: Vec<_> = logs.iter().map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!(messages, ["finished", "failed", "failed", "panicked", "failed", "finished"]);
    assert!(logs[0]["duration_ms"].is_u64());
    assert_eq!(logs[1]["failure.name"], "StorageStalled");
    assert_eq!(logs[1]["failure.class"], "transient");
    assert_eq!(logs[2]["failure.name"], "InvalidInput");
    assert_eq!(logs[4]["failure.name"], "InternalError");
}

fn logs_of(function: &mut Function, lines: usize) -> Vec<Value> {
    for _ in 0..100 {
        if function.logs().len() >= lines {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    function.logs().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const CHAOS: [(&str, &str); 2] = [("LIMIT", "7"), ("CHAOS", "on")];

#[test]
fn planned_failure_skips_the_work() {
    let mut function = start(&CHAOS);
    for (fault, name) in [("transient", "RandomFailure"), ("permanent", "PlannedFailure")] {
        let outcome = function.invoke(json!({"count": 3, "panic_with": "worked", "fault": fault}).to_string(), TIMEOUT);
        assert_eq!(outcome.error_type(), Some(name), "{outcome:?}");
    }
    // The next attempt has no fault.
    assert_eq!(function.invoke(json!({"count": 3}).to_string(), TIMEOUT).answer()["count"], 3);
}

#[test]
fn planned_pause_delays_the_answer() {
    let started = Instant::now();
    let answer =
        start(&CHAOS).invoke(json!({"count": 3, "fault": {"slow": {"ms": 300}}}).to_string(), TIMEOUT).answer();
    assert_eq!(answer["count"], 3);
    assert!(started.elapsed() >= Duration::from_millis(300), "{:?}", started.elapsed());
}

#[test]
fn planned_crash_occurs_before_or_after_the_work() {
    let crashed = |fault: &str| {
        let folder = test_support::scratch_folder("crash");
        let mark = folder.join("worked");
        let payload = json!({"count": 3, "mark": mark, "fault": fault});
        assert_eq!(start(&CHAOS).invoke(payload.to_string(), TIMEOUT), InvocationOutcome::Exited, "{fault}");
        mark.exists()
    };
    assert!(!crashed("crash-before"));
    assert!(crashed("crash-after"));
}

#[test]
fn fault_without_a_plan_is_an_error() {
    let check = |env: &[(&str, &str)], fault: Value, at: &str| {
        let outcome = start(env).invoke(json!({"count": 3, "fault": fault}).to_string(), TIMEOUT);
        let InvocationOutcome::Error { error_type, error_message } = &outcome else { panic!("{outcome:?}") };
        assert_eq!(error_type, "InvalidInput");
        assert!(error_message.starts_with(&format!("invalid payload at `{at}`: ")), "{error_message}");
    };
    check(&CHAOS, json!("explode"), "fault");
    check(&CHAOS, json!({"slow": {"ms": -1}}), "fault.slow.ms");
    // In a stack without a plan the field is unknown.
    for switch in ["off", ""] {
        check(&[("LIMIT", "7"), ("CHAOS", switch)], json!("crash-before"), "fault");
    }
    check(&[("LIMIT", "7")], json!("transient"), "fault");
}

#[test]
fn ended_process_is_reported_as_exited() {
    let mut function = start(&[("LIMIT", "7")]);
    function.kill();
    assert_eq!(function.invoke("{}", TIMEOUT), InvocationOutcome::Exited);
}
