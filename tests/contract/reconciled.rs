//! What a reconcile finds, through the expressions that start it and tell of it.

use protocol::{Event, ReconcileRequest};
use serde_json::{Value, json};

use crate::expressions::{EXECUTION, Expressions, decode};
use crate::machine::Machine;
use crate::samples;

fn machine() -> Machine {
    Machine::read("reconcile")
}

fn reconciled() -> Value {
    let answered = Expressions::with_answer(&samples::reconciliation());
    answered.fill(&machine().state("Reconcile")["Assign"]["reconciled"])
}

/// What `StartMissed` assigns after its iterations gave these.
fn assigned(files: &[Value]) -> [(&'static str, Value); 2] {
    let results = Expressions::new([("states", json!({"input": {}, "result": files}))]);
    ["begun", "refused"].map(|variable| (variable, results.fill(&machine().state("StartMissed")["Assign"][variable])))
}

/// What an iteration gives when its start went well, or failed under this name.
fn started(failure: Option<&str>) -> Value {
    let file = &reconciled()["missed"][0];
    let state = machine().state("StartFile").clone();
    match failure {
        None => {
            let result = json!({"ExecutionArn": "arn:started"});
            Expressions::new([("states", json!({"input": file, "result": result}))]).fill(&state["Output"])
        }
        Some(error) => {
            let told = json!({"Error": error, "Cause": "c"});
            let caught = Expressions::new([("states", json!({"input": file, "errorOutput": told}))]);
            caught.fill(&state["Catch"][0]["Output"])
        }
    }
}

/// Subject and body; none when no notice leaves.
fn notice(files: &[Value], left: usize) -> Option<(String, Value)> {
    let mut reconciled = reconciled();
    reconciled["left"] = left.into();
    let variables = assigned(files).into_iter().chain([("reconciled", reconciled)]);
    let expressions = Expressions::new(variables);
    let leaves = expressions.fill(&machine().state("ChooseMissedNotice")["Choices"][0]["Condition"]);
    (leaves == true).then(|| {
        let arguments = machine().state("NotifyMissed")["Arguments"].clone();
        let subject = expressions.fill(&arguments["Subject"]).as_str().unwrap().to_owned();
        assert!(subject.len() < 100 && subject.chars().all(|c| (' '..='~').contains(&c)), "SNS refuses {subject:?}");
        let body = expressions.fill(&arguments["Message"]);
        (subject, serde_json::from_str(body.as_str().unwrap()).unwrap())
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
        let (said, body) = notice(files, left).unwrap();
        assert_eq!((said.as_str(), body["summary"].as_str().unwrap()), (subject, summary));
        assert_eq!((&body["execution"], &body["bucket"]), (&json!(EXECUTION), &json!("landing")));
        let told = body["started"].as_array().unwrap().len() + body["not_started"].as_array().unwrap().len();
        assert_eq!(told, files.iter().filter(|file| file["started_before"] != true).count());
    };
    let (begun, before, refused) =
        (started(None), started(Some("ExecutionAlreadyExists")), started(Some("StepFunctions.AccessDenied")));
    assert_eq!(started(Some("StepFunctions.ExecutionAlreadyExistsException")), before);
    check(
        std::slice::from_ref(&begun),
        0,
        "Missed 1 file, started now: a b+?%.csv.gz",
        "Missed 1 file of s3://landing; 1 started now",
    );
    check(
        &[begun.clone(), before.clone(), refused.clone()],
        0,
        "Missed 2 files, 1 started now: a b+?%.csv.gz, a b+?%.csv.gz",
        "Missed 2 files of s3://landing; 1 started now, 1 could not be started",
    );
    let many = vec![begun; 200];
    let (said, body) = notice(&many, 7).unwrap();
    assert!(said.starts_with("Missed 200 files, started now: a b+?%.csv.gz, ") && said.ends_with("..."), "{said}");
    assert_eq!(body["summary"], "Missed 200 files of s3://landing; 200 started now, 7 wait for the next reconcile");
    assert!(body["what_to_do"].as_str().unwrap().contains("penstock reconcile --start"));
    assert!(notice(&[], 0).is_none() && notice(&[before], 0).is_none());
}
