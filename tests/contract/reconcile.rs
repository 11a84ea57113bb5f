//! The payloads and the notice of a reconcile.

use protocol::{Event, ReconcileRequest};
use serde_json::{Value, json};

use crate::expressions::{EXECUTION, Expressions, decode};
use crate::machine::Machine;
use crate::notices::{Notice, sent};
use crate::samples;

fn machine() -> Machine {
    Machine::read("reconcile")
}

fn reconciled() -> Value {
    let answered = Expressions::with_answer(&samples::reconciliation());
    answered.fill(&machine().state("Reconcile")["Assign"]["reconciled"])
}

/// Returns the variables that `StartMissed` assigns after these results of its iterations.
fn assigned(files: &[Value]) -> [(&'static str, Value); 2] {
    let results = Expressions::new([("states", json!({"input": {}, "result": files}))]);
    ["started", "not_started"]
        .map(|variable| (variable, results.fill(&machine().state("StartMissed")["Assign"][variable])))
}

/// Returns the result of an iteration whose start succeeded, or failed with this error.
fn started(failure: Option<&str>) -> Value {
    let file = &reconciled()["missed"][0];
    let state = machine().state("StartFile").clone();
    match failure {
        None => {
            let result = json!({"ExecutionArn": "arn:started"});
            Expressions::new([("states", json!({"input": file, "result": result}))]).fill(&state["Output"])
        }
        Some(error) => {
            let error = json!({"Error": error, "Cause": "c"});
            let caught = Expressions::new([("states", json!({"input": file, "errorOutput": error}))]);
            caught.fill(&state["Catch"][0]["Output"])
        }
    }
}

/// Returns the subject and the body, or `None` if no notice is sent.
fn notice(files: &[Value], left: usize) -> Option<(String, Value)> {
    let mut reconciled = reconciled();
    reconciled["left"] = left.into();
    let variables = assigned(files).into_iter().chain([("reconciled", reconciled)]);
    let expressions = Expressions::new(variables);
    let leaves = expressions.fill(&machine().state("ChooseMissedNotice")["Choices"][0]["Condition"]);
    (leaves == true).then(|| {
        let Notice { subject, text, body } = sent(&machine(), "NotifyMissed", &expressions);
        let first = body["summary"].as_str().unwrap();
        assert!(text.starts_with(&format!("{first}.\n\nWhat to do: ")), "{text}");
        (subject, body)
    })
}

#[test]
fn reconciler_gets_its_request() {
    let payload = Expressions::with_input(&json!({})).fill(&machine().state("Reconcile")["Arguments"]["Payload"]);
    assert_eq!(decode::<ReconcileRequest>(&payload), ReconcileRequest { execution: EXECUTION.to_owned() });
}

#[test]
fn process_file_gets_events_of_missed_files() {
    for (missed, file) in samples::reconciliation().missed.into_iter().zip(reconciled()["missed"].as_array().unwrap()) {
        let start = Expressions::with_input(file).fill(&machine().state("StartFile")["Arguments"]);
        assert_eq!(start["Name"], missed.name.as_str());
        assert_eq!(Event::decode(&start["Input"]).unwrap(), Event::ObjectCreated(missed.object));
    }
}

#[test]
fn missed_files_are_listed_in_one_notice() {
    let check = |files: &[Value], left: usize, subject: &str, summary: &str| {
        let (sent, body) = notice(files, left).unwrap();
        assert_eq!((sent.as_str(), body["summary"].as_str().unwrap()), (subject, summary));
        assert_eq!((&body["execution"], &body["bucket"]), (&json!(EXECUTION), &json!("landing")));
        let listed = body["started"].as_array().unwrap().len() + body["not_started"].as_array().unwrap().len();
        assert_eq!(listed, files.iter().filter(|file| file["started_before"] != true).count());
    };
    let (started_now, before, not_started) =
        (started(None), started(Some("ExecutionAlreadyExists")), started(Some("StepFunctions.AccessDenied")));
    assert_eq!(started(Some("StepFunctions.ExecutionAlreadyExistsException")), before);
    check(
        std::slice::from_ref(&started_now),
        0,
        "Started 1 missed file: a b+?%.csv.gz",
        "Started 1 missed file of s3://landing",
    );
    check(
        &[started_now.clone(), before.clone(), not_started.clone()],
        0,
        "Started 1 of 2 missed files: a b+?%.csv.gz, a b+?%.csv.gz",
        "Started 1 of 2 missed files of s3://landing; 1 could not be started",
    );
    let many = vec![started_now; 200];
    let (subject, body) = notice(&many, 7).unwrap();
    assert!(subject.starts_with("Started 200 missed files: a b+?%.csv.gz, ") && subject.ends_with("..."), "{subject}");
    assert_eq!(body["summary"], "Started 200 missed files of s3://landing; 7 wait for the next reconcile");
    assert!(body["what_to_do"].as_str().unwrap().contains("penstock reconcile --start"));
    assert!(notice(&[], 0).is_none() && notice(&[before], 0).is_none());
}
