//! The notices of files and runs: text for people, JSON for programs.

use protocol::{FailedRun, LoadReport, REMEDY_MARK, RunReport};
use serde_json::{Value, json};

use crate::expressions::{EXECUTION, Expressions};
use crate::machine::Machine;
use crate::samples;

/// The largest message of SNS, in bytes.
/// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
const MESSAGE_BYTES_MAX: usize = 256 * 1024;

/// A notice as SNS delivers it.
pub(crate) struct Notice {
    pub(crate) subject: String,
    /// For e-mail.
    pub(crate) text: String,
    /// For queues.
    pub(crate) body: Value,
}

/// Returns the notice that a state sends.
pub(crate) fn sent(machine: &Machine, state: &str, expressions: &Expressions) -> Notice {
    let arguments = &machine.state(state)["Arguments"];
    let subject = expressions.fill(&arguments["Subject"]).as_str().unwrap().to_owned();
    let sendable = subject.len() < 100 && subject.chars().all(|c| (' '..='~').contains(&c));
    assert!(sendable, "SNS rejects {subject:?}");
    assert_eq!(arguments["MessageStructure"], "json");
    let message = expressions.fill(&arguments["Message"]);
    let message = message.as_str().unwrap();
    assert!(message.len() <= MESSAGE_BYTES_MAX, "SNS rejects {} bytes", message.len());
    let forms: Value = serde_json::from_str(message).unwrap();
    for protocol in ["lambda", "https"].iter().filter(|protocol| !forms[protocol].is_null()) {
        assert_eq!(forms[protocol], forms["sqs"]);
    }
    let body = serde_json::from_str(forms["sqs"].as_str().unwrap()).unwrap();
    Notice { subject, text: forms["default"].as_str().unwrap().to_owned(), body }
}

/// Returns the subject and the body of a notice.
fn notice(machine: &Machine, state: &str, expressions: &Expressions) -> (String, Value) {
    let Notice { subject, body, .. } = sent(machine, state, expressions);
    (subject, body)
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
    assert_eq!(body["failure"]["message"].as_str().unwrap().chars().count(), 4_000);
}

/// Returns the variables after the failure of a file, and its notice.
fn of_failed_file(variables: Vec<(&'static str, Value)>) -> (Value, Notice) {
    let machine = Machine::read("process-file");
    let failed = Expressions::new(variables).fill(&machine.state("DescribeFailure")["Assign"]["failed"]);
    let notice = sent(&machine, "NotifyFailure", &Expressions::new([("failed", failed.clone())]));
    (failed, notice)
}

fn failed_load() -> Vec<(&'static str, Value)> {
    let message = format!("s3://landing/raw_data/a b+é%.csv.gz: the header is wrong{REMEDY_MARK}correct the header");
    let cause = json!({"errorType": "HeaderMismatch", "errorMessage": message}).to_string();
    vec![
        ("failure", json!({"Error": "HeaderMismatch", "Cause": cause})),
        ("load", json!(samples::load_request())),
        ("object", json!(samples::object("ready.trig"))),
        ("file", json!({"kind": "trigger"})),
        ("resolution", json!({})),
    ]
}

#[test]
fn failed_file_notice_is_text_and_json() {
    let (_, notice) = of_failed_file(failed_load());
    assert!(
        notice.subject.starts_with("a b+?%.csv.gz was not loaded (HeaderMismatch): the header"),
        "{}",
        notice.subject
    );
    let text = "a b+é%.csv.gz was not loaded (HeaderMismatch).\n\n\
                Reason: s3://landing/raw_data/a b+é%.csv.gz: the header is wrong\n\
                What to do: correct the header\n\n\
                File: s3://landing/raw_data/a b+é%.csv.gz\nVersion: v1\nTrigger: ready.trig\nDataset: retail/orders\n\
                Execution: ";
    assert_eq!(notice.text, format!("{text}{EXECUTION}"));
    let body = notice.body;
    assert_eq!((&body["pipeline"], &body["object"]["key"]), (&json!("retail"), &json!("raw_data/a b+é%.csv.gz")));
    assert_eq!(body["failure"]["name"], "HeaderMismatch");
    assert_eq!((&body["what_to_do"], &body["trigger"]["key"]), (&json!("correct the header"), &json!("ready.trig")));
}

/// An unrecognized event names no object, and the cause of a timeout is empty.
#[test]
fn failed_event_notice_has_partial_data() {
    let (_, notice) = of_failed_file(vec![
        ("failure", json!({"Error": "States.Timeout", "Cause": ""})),
        ("load", json!({})),
        ("object", json!({})),
        ("file", json!({})),
        ("resolution", json!({})),
    ]);
    assert!(
        notice
            .text
            .starts_with("an event was not loaded (States.Timeout).\n\nReason: States.Timeout without a cause\n")
    );
    assert!(
        notice.text.contains("What to do: find the failed state") && !notice.text.contains("File:"),
        "{}",
        notice.text
    );
    assert_eq!(notice.body["what_to_do"], protocol::FILE_REMEDY);
}

#[test]
fn longest_failure_fits_a_notice() {
    let mut variables = failed_load();
    let cause = "\u{1}\"𝒳".repeat(20_000);
    variables[0].1 = json!({"Error": "HeaderMismatch", "Cause": cause});
    of_failed_file(variables);
}

#[test]
fn notice_of_a_load_lists_its_first_rejects() {
    let machine = Machine::read("process-file");
    let report = LoadReport { run: None, repairs: None, ..samples::load_report() };
    let notice = sent(
        &machine,
        "NotifySuccess",
        &Expressions::new([
            ("states", json!({"input": {"outcome": "Loaded", "report": report}})),
            ("load", json!(samples::load_request())),
            ("file", json!({"kind": "data"})),
            ("file_name", json!("orders.csv")),
            ("message", json!("10,000 rows into staging.orders, 3 rejected")),
        ]),
    );
    assert_eq!(notice.subject, "Loaded orders.csv: 10,000 rows into staging.orders, 3 rejected");
    let text = "Loaded orders.csv: 10,000 rows into staging.orders, 3 rejected.\n\n\
                File: s3://landing/raw_data/a b+é%.csv.gz\nVersion: v1\nDataset: retail/orders\nLoad: 7\n\
                Rows: 10,003 read, 10,000 loaded, 3 rejected\nNote: the definition has changed\n\n\
                First rejects:\n  line 7, column order_date: not a date\nTo list them: penstock rejects 7\n\nExecution: ";
    assert_eq!(notice.text, format!("{text}{EXECUTION}"));
    assert_eq!((&notice.body["rows_loaded"], &notice.body["first_rejects"][0]["line"]), (&json!(10_000), &json!(7)));
}

#[test]
fn notice_of_a_run_is_readable_text() {
    let machine = Machine::read("run-pipeline");
    let report = samples::run_report();
    let variables =
        [("run_report", json!(report)), ("run_name", json!("retail 2024-05-01")), ("run_message", json!(""))];
    let success = sent(&machine, "NotifyRun", &Expressions::new(variables)).text;
    let says = "Run retail 2024-05-01 succeeded.\n\nRun: 3\nDataset orders: 10,000 rows, 3 rejected\n";
    assert!(success.starts_with(says), "{success}");
    let export = "Export s3://curated/analytics_export/2024-05-01/agg_shipments.csv: 1 rows\n";
    assert!(success.contains(export), "{success}");
    let failed = Expressions::new([("closed", json!(samples::failed_run()))]);
    let failure = sent(&machine, "NotifyRunFailure", &failed).text;
    let says =
        "Run retail 2024-05-01 failed (TransformFailed).\n\nReason: pipelines/retail/agg_shipments.sql: statement 2";
    assert!(failure.starts_with(says), "{failure}");
    let says =
        "What to do: correct the SQL file\n\nRun: 3\nLoaded datasets: orders (10,000 rows), reviews (10,000 rows)";
    assert!(failure.contains(says), "{failure}");
}
