//! The payloads of runs, as the expressions of the machines build them.

use protocol::{
    AwaitedFile, FailureKind, FollowRequest, LoadReport, OpenedRun, Resolution, RunEnded, RunFailure, RunReport,
    RunRequest, UnrecordedFailure,
};
use serde_json::{Value, json};

use crate::expressions::{EXECUTION, Expressions, decode};
use crate::machine::{Machine, list};
use crate::samples;

fn execution() -> String {
    EXECUTION.to_owned()
}

fn request(machine: &Machine, state: &str, expressions: &Expressions) -> RunRequest {
    decode(&expressions.fill(&machine.state(state)["Arguments"]["Payload"]))
}

/// Returns the detail of the event that a state publishes.
fn detail(machine: &Machine, state: &str, expressions: &Expressions) -> Value {
    expressions.fill(&machine.state(state)["Arguments"]["Entries"][0]["Detail"])
}

/// Returns the next state and the assigned variables of the first rule of a Choice that applies.
fn chosen(machine: &Machine, state: &str, expressions: &Expressions) -> Option<(Value, Value)> {
    let rules = list(machine.state(state), "Choices");
    let rule = rules.iter().find(|rule| expressions.fill(&rule["Condition"]) == true)?;
    Some((rule["Next"].clone(), expressions.fill(&rule["Assign"])))
}

/// Returns the input of `run-pipeline` after a load that completed a run.
pub(crate) fn start_of_run(loaded: &Expressions) -> Value {
    let machine = Machine::read("process-file");
    let rule = &list(machine.state("ChooseRun"), "Choices")[0];
    assert_eq!((&rule["Next"], loaded.fill(&rule["Condition"])), (&json!("StartRun"), json!(true)));
    let start = Expressions::with_input(&loaded.fill(&rule["Output"]));
    start.fill(&machine.state("StartRun")["Arguments"]["Input"])
}

#[test]
fn run_transforms_gets_the_completed_run() {
    let loaded = Expressions::with_input(&json!({"outcome": "Loaded", "report": samples::load_report()}));
    let input = start_of_run(&loaded);
    assert_eq!(input, json!({"run": samples::run()}));
    let machine = Machine::read("run-pipeline");
    let (next, assigned) = chosen(&machine, "ReadStart", &Expressions::with_input(&input)).unwrap();
    assert_eq!((next, &assigned["plan"]), (json!("RunEach"), &json!({})));
    let (next, chosen) = chosen(&machine, "ChooseStart", &Expressions::with_input(&assigned["starts"][0])).unwrap();
    assert_eq!(next, "RunTransforms");
    let run = Expressions::new([("run", chosen["run"].clone()), ("plan", assigned["plan"].clone())]);
    let expected = RunRequest::Run { execution: execution(), run_id: samples::run().run_id };
    assert_eq!(request(&machine, "RunTransforms", &run), expected);
}

#[test]
fn load_without_a_complete_run_starts_none() {
    let report = LoadReport { run: None, ..samples::load_report() };
    let loaded = Expressions::with_input(&json!({"outcome": "Loaded", "report": report}));
    assert_eq!(chosen(&Machine::read("process-file"), "ChooseRun", &loaded), None);
}

/// Only attempts of one execution share a name. After a start that failed, the sweep starts the run again.
#[test]
fn start_of_a_run_has_a_name_per_starter() {
    let started = Expressions::with_input(&json!({"run": samples::run()}));
    for machine in ["process-file", "sweep-runs"].map(Machine::read) {
        let arguments = started.fill(&machine.state("StartRun")["Arguments"]);
        assert_eq!(
            (&arguments["Name"], &arguments["Input"]),
            (&json!("run-3-contract"), &json!({"run": samples::run()}))
        );
        let taken = json!({"Error": "StepFunctions.ExecutionAlreadyExistsException", "Cause": "c"});
        let result = json!({"input": {"run": samples::run()}, "errorOutput": taken});
        let caught = Expressions::new([("loaded", json!({})), ("states", result)]);
        let output = caught.fill(&machine.state("StartRun")["Catch"][0]["Output"]);
        let start = if machine.name == "process-file" { &output["run"] } else { &output };
        assert_eq!(*start, json!({"run": samples::run(), "started_before": true}), "{}", machine.name);
    }
}

#[test]
fn record_awaited_gets_the_awaited_file() {
    let Some(wait @ Resolution::Wait { .. }) =
        samples::resolutions().into_iter().find(|resolution| matches!(resolution, Resolution::Wait { .. }))
    else {
        panic!("no sample of a wait");
    };
    let variables = Expressions::new([("resolution", json!(wait)), ("object", json!(samples::object("ready.trig")))]);
    let Resolution::Wait { pipeline, dataset, source, .. } = wait else { return };
    let awaited = AwaitedFile { pipeline, dataset, source, trigger: samples::object("ready.trig") };
    let expected = RunRequest::Await { execution: execution(), awaited: Box::new(awaited) };
    assert_eq!(request(&Machine::read("process-file"), "RecordAwaited", &variables), expected);
}

#[test]
fn resolve_runs_gets_events_of_ended_runs() {
    let machine = Machine::read("run-pipeline");
    let check = |succeeded: bool, detail: &Value| {
        let event = Expressions::with_input(&json!({"source": "penstock", "detail": detail}));
        assert_eq!(chosen(&machine, "ReadStart", &event).unwrap().0, "ResolveRuns");
        let request: FollowRequest = decode(&event.fill(&machine.state("ResolveRuns")["Arguments"]["Payload"]));
        let ended = RunEnded { run: samples::run(), succeeded };
        assert_eq!(request, FollowRequest { execution: Some(execution()), ended });
    };
    for publisher in Machine::all() {
        if publisher.states.contains_key("PublishRun") {
            let report = Expressions::new([("run_report", json!(samples::run_report()))]);
            check(true, &detail(&publisher, "PublishRun", &report));
        }
        if publisher.states.contains_key("PublishRunFailure") {
            let closed = Expressions::new([("closed", json!(samples::failed_run()))]);
            check(false, &detail(&publisher, "PublishRunFailure", &closed));
        }
    }
}

#[test]
fn open_run_gets_followers_and_manual_starts() {
    let machine = Machine::read("run-pipeline");
    let check = |start: &Value| {
        let of_the_ledger = chosen(&machine, "ChooseStart", &Expressions::with_input(start));
        assert_eq!(of_the_ledger, None, "{start} is no run of the ledger");
        let expected = RunRequest::Open { execution: execution(), start: decode(start) };
        assert_eq!(request(&machine, "OpenRun", &Expressions::with_input(start)), expected);
    };
    let starts =
        Expressions::with_answer(&samples::followers()).fill(&machine.state("ResolveRuns")["Assign"]["starts"]);
    assert_eq!(starts, json!([samples::run_start()]));
    check(&starts[0]);
    let typed = json!({"pipeline": "retail", "at": "2024-05-01T00:00:00", "force": true});
    let (next, assigned) = chosen(&machine, "ReadStart", &Expressions::with_input(&typed)).unwrap();
    assert_eq!((next, &assigned["starts"][0]), (json!("RunEach"), &typed));
    check(&typed);
}

#[test]
fn recorded_run_is_not_opened_again() {
    let machine = Machine::read("run-pipeline");
    let sweep = Expressions::with_answer(&samples::sweep());
    let sweep = sweep.fill(&Machine::read("sweep-runs").state("SweepRuns")["Assign"]["sweep"]);
    let items =
        Expressions::new([("sweep", sweep)]).fill(&Machine::read("sweep-runs").state("StartUnclaimed")["Items"]);
    let unclaimed = Expressions::with_input(&items[0]);
    let input = unclaimed.fill(&Machine::read("sweep-runs").state("StartRun")["Arguments"]["Input"]);
    let (next, assigned) = chosen(&machine, "ReadStart", &Expressions::with_input(&input)).unwrap();
    assert_eq!(next, "RunEach");
    let (next, assigned) = chosen(&machine, "ChooseStart", &Expressions::with_input(&assigned["starts"][0])).unwrap();
    assert_eq!((next, &assigned["run"]), (json!("RunTransforms"), &json!(samples::run())));
}

#[test]
fn opened_run_runs_or_is_skipped() {
    let machine = Machine::read("run-pipeline");
    for opened in samples::opened_runs() {
        let (next, assigned) = chosen(&machine, "ChooseOpened", &Expressions::with_input(&json!(opened))).unwrap();
        match opened {
            OpenedRun::Run { run } => assert_eq!((next, &assigned["run"]), (json!("RunTransforms"), &json!(run))),
            OpenedRun::Skipped { .. } => assert_eq!(next, "RunEnded"),
        }
    }
}

#[test]
fn every_run_outcome_has_a_choice() {
    let machine = Machine::read("run-pipeline");
    for outcome in samples::run_outcomes() {
        let report = RunReport { outcome, ..samples::run_report() };
        let known = chosen(&machine, "ChooseRunOutcome", &Expressions::new([("run_report", json!(report))]));
        assert!(known.is_some(), "{outcome:?}");
    }
}

#[test]
fn close_run_gets_name_and_message_of_the_failure() {
    let machine = Machine::read("run-pipeline");
    let check = |error: &str, cause: &str, message: &str| {
        let failure = json!({"Error": error, "Cause": cause});
        let failed = Expressions::new([("run", json!(samples::run())), ("failure", failure)]);
        let closed = failed.fill(&machine.state("DescribeRunFailure")["Assign"]["closed"]);
        let closing = Expressions::new([("run", json!(samples::run())), ("closed", closed)]);
        let failure = RunFailure { name: error.to_owned(), message: message.to_owned() };
        let expected = RunRequest::Close { execution: execution(), run_id: samples::run().run_id, failure };
        assert_eq!(request(&machine, "CloseRun", &closing), expected);
    };
    let of_a_function = r#"{"errorType": "TransformFailed", "errorMessage": "a.sql: \"x\"\nWhat to do: \\ é"}"#;
    check("TransformFailed", of_a_function, "a.sql: \"x\"\nWhat to do: \\ é");
    check("States.Timeout", "", "States.Timeout without a cause");
    check("Lambda.Unknown", "died {\"errorMessage\": \"half", "died {\"errorMessage\": \"half");
}

#[test]
fn load_event_has_the_committed_counts() {
    let machine = Machine::read("process-file");
    let publish = |load: Value| {
        let input = json!({"input": {"outcome": "Loaded", "report": samples::load_report()}});
        detail(&machine, "PublishLoad", &Expressions::new([("states", input), ("load", load)]))
    };
    let full = publish(json!(samples::load_request()));
    let expected = json!({
        "pipeline": "retail", "dataset": "orders", "load_id": 7, "table": "staging.orders",
        "bucket": "landing", "key": "raw_data/a b+é%.csv.gz", "version_id": "v1", "logical_at": "2024-05-01T00:00:00Z",
        "rows_read": 10_003, "rows_loaded": 10_000, "rows_rejected": 3, "execution": EXECUTION,
    });
    assert_eq!(full, expected);
    // A bucket without versioning.
    let mut load = json!(samples::load_request());
    load["object"].as_object_mut().unwrap().remove("version_id");
    assert_eq!(publish(load).as_object().unwrap().len(), expected.as_object().unwrap().len() - 1);
}

#[test]
fn record_failure_gets_the_described_failure() {
    let machine = Machine::read("process-file");
    let message = "the header is wrong\nWhat to do: correct the header".to_owned();
    let expected = UnrecordedFailure {
        kind: FailureKind::File,
        pipeline: Some("retail".to_owned()),
        dataset: Some("orders".to_owned()),
        bucket: Some("landing".to_owned()),
        key: Some("raw_data/orders.csv".to_owned()),
        version_id: Some("v1".to_owned()),
        name: "HeaderMismatch".to_owned(),
        message,
    };
    let described = Expressions::new([("failed", samples::described_failure())]);
    let expected = RunRequest::Fail { execution: execution(), failed: Box::new(expected) };
    assert_eq!(request(&machine, "RecordFailure", &described), expected);

    let recorded = json!({"result": {"Payload": {"what_to_do": "run `penstock replay --key k`"}}});
    let recorded = Expressions::new([("failed", samples::described_failure()), ("states", recorded)]);
    let failed = recorded.fill(&machine.state("RecordFailure")["Assign"]["failed"]);
    assert_eq!(failed["what_to_do"], "run `penstock replay --key k`");
    assert_eq!(failed["object"], samples::described_failure()["object"]);
}

#[test]
fn unopened_run_is_recorded_as_failed() {
    let machine = Machine::read("run-pipeline");
    let closed = json!({"run": {"pipeline": "retail"}, "failure": samples::run_failure()});
    let expected = UnrecordedFailure {
        kind: FailureKind::Run,
        pipeline: Some("retail".to_owned()),
        dataset: None,
        bucket: None,
        key: None,
        version_id: None,
        name: samples::run_failure().name,
        message: samples::run_failure().message,
    };
    let expected = RunRequest::Fail { execution: execution(), failed: Box::new(expected) };
    assert_eq!(request(&machine, "RecordRunFailure", &Expressions::new([("closed", closed)])), expected);
}

#[test]
fn failure_event_has_name_reason_and_remedy() {
    let machine = Machine::read("process-file");
    let event = detail(&machine, "PublishFailure", &Expressions::new([("failed", samples::described_failure())]));
    let expected = json!({
        "pipeline": "retail", "dataset": "orders", "bucket": "landing", "key": "raw_data/orders.csv", "version_id": "v1",
        "logical_at": "2024-05-01T00:00:00Z",
        "failure": {"name": "HeaderMismatch", "message": "the header is wrong"},
        "what_to_do": "correct the header", "execution": EXECUTION,
    });
    assert_eq!(event, expected);
}

#[test]
fn machines_have_the_default_remedies_of_rust() {
    for (machine, remedy) in [("process-file", protocol::FILE_REMEDY), ("run-pipeline", protocol::RUN_REMEDY)] {
        assert!(Machine::read(machine).text.contains(remedy), "{machine}");
    }
}
