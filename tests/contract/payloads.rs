//! The payloads of `process-file`: each function accepts what the states before it return. Both sides reject unknown
//! fields, so these tests find every difference.

use protocol::{CheckFileRequest, CheckedFile, LoadRequest, Resolution, ResolveRequest};
use serde_json::{Value, json};

use crate::expressions::{EXECUTION, Expressions, decode};
use crate::machine::{Machine, list};
use crate::samples;

fn payload(machine: &Machine, state: &str, expressions: &Expressions) -> Value {
    expressions.fill(&machine.state(state)["Arguments"]["Payload"])
}

/// Returns the variable that a state assigns after the answer of its function.
fn assigned(machine: &Machine, state: &str, variable: &str, answer: &Value) -> Value {
    Expressions::with_answer(answer).fill(&machine.state(state)["Assign"][variable])
}

#[test]
fn check_file_extension_gets_the_whole_event() {
    let event = json!({"detail-type": "Object Created", "detail": {"object": {"key": "a b+é%.csv"}}});
    let expressions = Expressions::with_input(&event);
    let request: CheckFileRequest =
        decode(&payload(&Machine::read("process-file"), "CheckFileExtension", &expressions));
    assert_eq!((request.execution.as_str(), request.event), (EXECUTION, event));
}

#[test]
fn resolve_trigger_gets_the_checked_file() {
    let machine = Machine::read("process-file");
    let without_reload = samples::checked_files().into_iter().map(|checked| CheckedFile { reload: None, ..checked });
    for checked in samples::checked_files().into_iter().chain(without_reload) {
        let answer = serde_json::to_value(&checked).unwrap();
        let given = |variable| (variable, assigned(&machine, "CheckFileExtension", variable, &answer));
        let expressions = Expressions::new([given("object"), given("file"), given("reload"), given("waited_s")]);
        let request: ResolveRequest = decode(&payload(&machine, "ResolveTrigger", &expressions));
        assert_eq!(request.execution.as_deref(), Some(EXECUTION));
        assert_eq!((request.object, request.file, request.waited_s), (checked.object, checked.file, 0));
        assert_eq!(request.reload, checked.reload);
    }
}

#[test]
fn load_file_gets_the_resolved_load() {
    let machine = Machine::read("process-file");
    let answer = serde_json::to_value(Resolution::Load { load: samples::load_request() }).unwrap();
    let resolution = assigned(&machine, "ResolveTrigger", "resolution", &answer);
    let chosen = &list(machine.state("ChooseByResolution"), "Choices")[0];
    let load = Expressions::new([("resolution", resolution)]).fill(&chosen["Assign"]["load"]);
    let request: LoadRequest = decode(&payload(&machine, "LoadFile", &Expressions::new([("load", load)])));
    assert_eq!(request, LoadRequest { execution: Some(EXECUTION.to_owned()), ..samples::load_request() });
}

#[test]
fn wait_resolves_the_trigger_again() {
    let machine = Machine::read("process-file");
    let wait = machine.state("AwaitSource");
    let Some(answer @ Resolution::Wait { pause_s, waited_s, .. }) =
        samples::resolutions().into_iter().find(|resolution| matches!(resolution, Resolution::Wait { .. }))
    else {
        panic!("no sample of a wait");
    };
    let expressions = Expressions::new([("resolution", serde_json::to_value(&answer).unwrap())]);
    assert_eq!(expressions.fill(&wait["Seconds"]), json!(pause_s));
    assert_eq!(expressions.fill(&wait["Assign"]["waited_s"]), json!(waited_s));
    assert_eq!(wait["Next"], "ResolveTrigger");
}

#[test]
fn every_decision_and_outcome_has_a_choice() {
    let machine = Machine::read("process-file");
    let check = |state: &str, name: &Value| {
        let literal = format!("'{}'", name.as_str().unwrap());
        let mut conditions = list(machine.state(state), "Choices").iter().map(|rule| rule["Condition"].to_string());
        assert!(conditions.any(|condition| condition.contains(&literal)), "{state} has no rule for {literal}");
    };
    for resolution in samples::resolutions() {
        check("ChooseByResolution", &serde_json::to_value(resolution).unwrap()["decision"]);
    }
    for outcome in samples::outcomes() {
        check("ChooseByOutcome", &serde_json::to_value(outcome).unwrap());
    }
}
