//! The way of a fault plan: from the event to the generator, and from its answer to each function.

use fault_plan::{ATTEMPTS_PLANNED, PLAN_BYTES_MAX};
use protocol::{FAULT_FIELD, Fault, FaultyState, PlanRequest};
use serde_json::{Value, json};

use crate::expressions::{EXECUTION, Expressions, decode};
use crate::machine::{Machine, list, read};
use crate::runs::start_of_run;
use crate::samples;

/// Returns the machine of a state.
fn machine_of(state: FaultyState) -> Machine {
    Machine::read(match state {
        FaultyState::CheckFileExtension
        | FaultyState::ResolveTrigger
        | FaultyState::RecordAwaited
        | FaultyState::LoadFile
        | FaultyState::RecordFailure => "process-file",
        FaultyState::RunTransforms | FaultyState::CloseRun => "run-pipeline",
    })
}

/// Returns the payload of a state's function in its third attempt, by `$states.context`.
fn payload(state: FaultyState, plan: Option<Value>) -> Value {
    let variables = [
        ("states", json!({"input": {"key": "a.csv"}})),
        ("object", json!(samples::object("a.csv"))),
        ("file", json!({"kind": "trigger"})),
        ("waited_s", json!(0)),
        ("resolution", json!(&samples::resolutions()[1])),
        ("load", json!(samples::load_request())),
        ("failed", samples::described_failure()),
        ("run", json!(samples::run())),
        ("closed", json!(samples::failed_run())),
    ];
    let machine = machine_of(state);
    let payload = &machine.state(state.as_str())["Arguments"]["Payload"];
    match plan {
        Some(plan) => Expressions::new(variables.into_iter().chain([("plan", plan)])).with_plan().fill(payload),
        // run-pipeline always has a plan. In production it is empty.
        None if machine.name == "run-pipeline" => {
            Expressions::new(variables.into_iter().chain([("plan", json!({}))])).fill(payload)
        }
        None => Expressions::new(variables).fill(payload),
    }
}

#[test]
fn plan_failures_gets_the_whole_event() {
    let event = json!({"detail-type": "Object Created", "detail": {"object": {"key": "a b+é%.csv"}}});
    let machine = Machine::read("process-file");
    let asked = Expressions::with_input(&event).fill(&machine.state("PlanFailures")["Arguments"]["Payload"]);
    assert_eq!(decode::<PlanRequest>(&asked), PlanRequest { execution: EXECUTION.to_owned(), event });
}

#[test]
fn state_passes_only_the_fault_of_its_attempt() {
    let machine = Machine::read("process-file");
    let planned = samples::planned_faults();
    let assigned = Expressions::with_answer(&planned).fill(&machine.state("PlanFailures")["Assign"]["plan"]);
    let mut of_other_attempts = assigned.clone();
    for fault in of_other_attempts["faults"].as_array_mut().unwrap() {
        fault["attempt"] = json!(1);
    }
    for state in FaultyState::ALL {
        let mut faulty = payload(state, Some(assigned.clone()));
        let fault = faulty.as_object_mut().unwrap().remove(FAULT_FIELD);
        assert_eq!(fault, Some(json!(Fault::Slow { ms: 250 })), "{state}");
        for without in [json!({}), json!({"faults": []}), of_other_attempts.clone()] {
            assert_eq!(payload(state, Some(without.clone())), faulty, "{state} with {without}");
        }
        assert_eq!(payload(state, None), faulty, "{state} in a stack without a plan");
    }
}

/// The plan of the file that completes a run is also the plan of the run.
#[test]
fn run_pipeline_gets_the_fault_plan_of_the_file() {
    let plan = json!(samples::planned_faults());
    let states = json!({"input": {"outcome": "Loaded", "report": samples::load_report()}});
    let loaded = Expressions::new([("states", states), ("plan", plan.clone())]).with_plan();
    let input = Expressions::with_input(&start_of_run(&loaded));
    let rule = &list(Machine::read("run-pipeline").state("ReadStart"), "Choices")[1].clone();
    assert_eq!(input.fill(&rule["Condition"]), true);
    assert_eq!(input.fill(&rule["Assign"]["plan"]), plan);
}

/// A plan covers every state that calls a function, except the generator's own.
#[test]
fn fault_plan_covers_every_function_call() {
    let process_file = Machine::read("process-file");
    let called = process_file.calls().filter(|(.., function)| *function != "RandomFailureGenerator");
    let mut called: Vec<&str> = called.map(|(state, ..)| state).collect();
    let run_pipeline = Machine::read("run-pipeline");
    // These have no run of a file, so they have no plan.
    let without = ["ResolveRuns", "OpenRun", "RecordRunFailure"];
    called.extend(run_pipeline.calls().map(|(state, ..)| state).filter(|state| !without.contains(state)));
    let mut known = FaultyState::ALL.map(FaultyState::as_str);
    called.sort_unstable();
    known.sort_unstable();
    assert_eq!(called, known);
}

#[test]
fn fault_of_every_attempt_exhausts_the_retries() {
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
fn largest_fault_plan_fits_the_template() {
    assert!(read("infra/template.yaml").contains(&format!("    MaxLength: {PLAN_BYTES_MAX}\n")));
}
