//! A plan of failures on its way: from the event to the generator, from its answer to each function, and what is not
//! planned changes nothing.

use fault_plan::{ATTEMPTS_PLANNED, PLAN_BYTES_MAX};
use protocol::{FAULT_FIELD, Fault, FaultyState, PlanRequest};
use serde_json::{Value, json};

use crate::expressions::{EXECUTION, Expressions, decode};
use crate::machine::{Machine, list, read};
use crate::samples;

/// What a state hands its function, of an execution with this plan. `$states.context` says that it is the third attempt.
fn payload(machine: &Machine, state: &str, plan: Value) -> Value {
    let variables = [
        ("plan", plan),
        ("states", json!({"input": {"key": "a.csv"}})),
        ("object", json!(samples::object("a.csv"))),
        ("file", json!({"kind": "trigger"})),
        ("waited_s", json!(0)),
        ("resolution", json!(&samples::resolutions()[1])),
        ("load", json!(samples::load_request())),
        ("run", json!(samples::run())),
        ("closed", json!(samples::failed_run())),
    ];
    Expressions::new(variables).fill(&machine.state(state)["Arguments"]["Payload"])
}

#[test]
fn the_generator_takes_the_event_as_it_came() {
    let event = json!({"detail-type": "Object Created", "detail": {"object": {"key": "a b+é%.csv"}}});
    let machine = Machine::read("process-file");
    let asked = Expressions::with_input(&event).fill(&machine.state("PlanFailures")["Arguments"]["Payload"]);
    assert_eq!(decode::<PlanRequest>(&asked), PlanRequest { execution: EXECUTION.to_owned(), event });
}

#[test]
fn each_state_hands_its_function_the_fault_of_its_own_attempt_and_nothing_without_one() {
    let machine = Machine::read("process-file");
    let planned = samples::planned_faults();
    let assigned = Expressions::with_answer(&planned).fill(&machine.state("PlanFailures")["Assign"]["plan"]);
    let mut of_other_attempts = assigned.clone();
    for fault in of_other_attempts["faults"].as_array_mut().unwrap() {
        fault["attempt"] = json!(1);
    }
    for state in FaultyState::ALL.map(FaultyState::as_str) {
        let mut faulty = payload(&machine, state, assigned.clone());
        let fault = faulty.as_object_mut().unwrap().remove(FAULT_FIELD);
        assert_eq!(fault, Some(json!(Fault::Slow { ms: 250 })), "{state}");
        for without in [json!({}), json!({"faults": []}), of_other_attempts.clone()] {
            assert_eq!(payload(&machine, state, without.clone()), faulty, "{state} with {without}");
        }
    }
}

/// Every state that calls a function on a file's way, but those of the generator itself.
#[test]
fn a_plan_knows_every_state_that_may_fail() {
    let machine = Machine::read("process-file");
    let mut called: Vec<&str> = machine
        .calls()
        .filter(|(.., function)| *function != "RandomFailureGenerator")
        .map(|(state, ..)| state)
        .collect();
    let mut known = FaultyState::ALL.map(FaultyState::as_str);
    called.sort_unstable();
    known.sort_unstable();
    assert_eq!(called, known);
}

#[test]
fn a_stack_without_a_plan_asks_for_none() {
    let machine = Machine::read("process-file");
    let choice = machine.state("ChoosePlan");
    assert_eq!(choice["Default"], "CheckFileExtension");
    let condition = list(choice, "Choices")[0]["Condition"].as_str().unwrap();
    assert_eq!(Expressions::new([]).fill(&condition.into()), true);
    assert_eq!(Expressions::new([]).fill(&condition.replace("${Chaos}", "off").into()), false);
}

#[test]
fn a_fault_for_every_attempt_outlasts_the_retries() {
    for machine in Machine::all() {
        let planned = |state: &str| FaultyState::ALL.iter().any(|known| known.as_str() == state);
        for (state, task, _) in machine.calls().filter(|(state, ..)| planned(state)) {
            for name in ["RandomFailure", "Runtime.ExitError"] {
                let knows = |retry: &&Value| list(retry, "ErrorEquals").iter().any(|known| known == name);
                let retry = list(task, "Retry").iter().find(knows).unwrap();
                let retries = retry["MaxAttempts"].as_u64().unwrap();
                assert!(u64::from(ATTEMPTS_PLANNED) > retries + 1, "{state} of {} retries {name}", machine.name);
            }
        }
    }
}

#[test]
fn what_is_checked_as_a_plan_fits_the_template() {
    assert!(read("infra/template.yaml").contains(&format!("    MaxLength: {PLAN_BYTES_MAX}\n")));
}
