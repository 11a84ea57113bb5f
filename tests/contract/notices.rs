//! The notices of runs.

use protocol::{FailedRun, RunReport};
use serde_json::{Value, json};

use crate::expressions::Expressions;
use crate::machine::Machine;
use crate::samples;

/// Returns the subject and the body of a notice.
fn notice(machine: &Machine, state: &str, expressions: &Expressions) -> (String, Value) {
    let arguments = &machine.state(state)["Arguments"];
    let subject = expressions.fill(&arguments["Subject"]).as_str().unwrap().to_owned();
    let sendable = subject.len() < 100 && subject.chars().all(|c| (' '..='~').contains(&c));
    assert!(sendable, "SNS rejects {subject:?}");
    let body = expressions.fill(&arguments["Message"]);
    (subject, serde_json::from_str(body.as_str().unwrap()).unwrap())
}

fn of_success(report: &RunReport) -> (String, Value) {
    let machine = Machine::read("run-pipeline");
    let assign = &machine.state("RunTransforms")["Assign"];
    let answered = Expressions::with_answer(report);
    let given = |variable| (variable, answered.fill(&assign[variable]));
    notice(&machine, "NotifyRun", &Expressions::new(["run_report", "run_name", "run_message"].map(given)))
}

fn of_failure(closed: Value) -> (String, Value) {
    notice(&Machine::read("sweep-runs"), "NotifyRunFailure", &Expressions::new([("closed", closed)]))
}

#[test]
fn successful_run_lists_inputs_and_exports() {
    let check = |report: RunReport, subject: &str| {
        let (said, body) = of_success(&report);
        assert_eq!(said, subject);
        assert_eq!(body["summary"], subject);
        for (field, value) in json!(report).as_object().unwrap() {
            assert_eq!(&body[field], value, "{field}");
        }
    };
    let full = samples::run_report();
    check(full.clone(), "Run retail 2024-05-01 succeeded: 3 datasets, 30,000 rows, 3 exports");
    let one = RunReport {
        inputs: full.inputs[..1].iter().cloned().map(|input| protocol::RunInput { rows_loaded: 1, ..input }).collect(),
        exports: full.exports[..1].to_vec(),
        ..full.clone()
    };
    check(one, "Run retail 2024-05-01 succeeded: 1 dataset, 1 row, 1 export");
    let mut hourly = RunReport { inputs: Vec::new(), exports: Vec::new(), transforms: Vec::new(), ..full };
    hourly.period = "2024-05-01 09:00".to_owned();
    check(hourly, "Run retail 2024-05-01 09:00 succeeded");
}

#[test]
fn failed_run_has_message_and_remedy() {
    let (subject, body) = of_failure(json!(samples::failed_run()));
    assert!(
        subject.starts_with("Run retail 2024-05-01 failed (TransformFailed): agg_shipments.sql: statement 2, line 14"),
        "{subject}"
    );
    let expected: FailedRun = samples::failed_run();
    assert_eq!((&body["run"], &body["inputs"]), (&json!(expected.run), &json!(expected.inputs)));
    assert_eq!(body["failure"]["name"], "TransformFailed");
    assert!(body["failure"]["message"].as_str().unwrap().ends_with("column \"x\" does not exist"), "{body}");
    assert_eq!(body["what_to_do"], "correct the SQL file");
}

/// The ledger did not answer, or no run was opened.
#[test]
fn failed_run_is_reported_with_partial_data() {
    let check = |closed: Value, subject: &str| assert_eq!(of_failure(closed).0, subject);
    let failure = json!({"name": "RunIncomplete", "message": "missing: orders"});
    check(
        json!({"run": {"pipeline": "retail"}, "failure": failure}),
        "Run retail failed (RunIncomplete): missing: orders",
    );
    let typed = json!({"pipeline": "retail", "logical_at": "2024-05-01T00:00:00"});
    check(json!({"run": typed, "failure": failure}), "Run retail 2024-05-01 failed (RunIncomplete): missing: orders");
    check(
        json!({"run": samples::run(), "failure": {"name": "States.Timeout", "message": ""}}),
        "Run retail 2024-05-01 failed (States.Timeout): ",
    );
    let endless = json!({"name": "TransformFailed", "message": "é".repeat(30_000)});
    let (_, body) = of_failure(json!({"run": samples::run(), "failure": endless}));
    assert_eq!(body["failure"]["message"].as_str().unwrap().chars().count(), 20_000);
}
