//! The demo with planned failures: every kind of failure in every state. A seed selects them.

use std::collections::{HashMap, HashSet};

use aws_sdk_sfn::types::{HistoryEvent, HistoryEventType};
use local_stack::{AwsClients, Error as StackError, TopicMessage};
use serde::Deserialize;
use serde_json::Value;

use crate::command::Penstock;
use crate::error::{Error, Result};
use crate::files::ExecutionResult;
use crate::runs::{LIMIT, Run, RunsReport, wait_for_end};

const PLAN: &str = include_str!("chaos.toml");
/// The failure name of a planned permanent failure.
const FAILURE_NAME: &str = "PlannedFailure";
/// The Map state of `run-pipeline`, and its first state.
const MAP_STATE: &str = "RunEach";
const FIRST_STATE_OF_MAP: &str = "RunTransforms";
pub(crate) const KINDS: [&str; 5] = ["transient", "permanent", "slow", "crash-before", "crash-after"];

/// A failure of the plan: what happens to one attempt of a state.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct PlannedFailure {
    pub(crate) state: String,
    /// From 0.
    attempt: u32,
    /// A word, or an object with the word as its only key.
    fault: Value,
}

impl PlannedFailure {
    /// Returns the index in [`KINDS`].
    pub(crate) fn kind(&self) -> Option<usize> {
        let object_key = || self.fault.as_object().and_then(|object| object.keys().next()).map(String::as_str);
        let word = self.fault.as_str().or_else(object_key)?;
        KINDS.iter().position(|kind| *kind == word)
    }
}

/// Returns the fault plan of a seed.
pub(crate) fn plan(seed: u32) -> String {
    format!("seed = {seed}\n{PLAN}")
}

/// Returns the planned failures that occurred in the executions of files and runs, in no order.
pub(crate) async fn occurred(
    clients: &AwsClients,
    files: &[ExecutionResult],
    report: &RunsReport,
) -> Result<Vec<PlannedFailure>> {
    let of_runs = report.runs.iter().filter_map(|run| run.execution_arn.as_deref());
    let arns: HashSet<&str> = files.iter().map(|file| file.arn.as_str()).chain(of_runs).collect();
    let mut failures = Vec::new();
    for arn in arns {
        let mut pages = clients.sfn.get_execution_history().execution_arn(arn).into_paginator().items().send();
        let mut events = Vec::new();
        while let Some(event) = pages.next().await {
            events.push(event.map_err(StackError::aws(format!("reading the history of {arn}")))?);
        }
        failures.extend(occurred_in(&events));
    }
    Ok(failures)
}

/// The history has the plan of the execution and all its attempts. A failure occurred if its attempt exists.
fn occurred_in(events: &[HistoryEvent]) -> Vec<PlannedFailure> {
    let mut planned: HashMap<(String, u32), PlannedFailure> = HashMap::new();
    let mut failures = Vec::new();
    let (mut state, mut attempt) = (String::new(), 0);
    for event in events {
        if let Some(entered) = &event.state_entered_event_details {
            // ministack omits the events of the states in a Map state.
            let is_map = entered.name == MAP_STATE;
            (state, attempt) = (if is_map { FIRST_STATE_OF_MAP } else { &entered.name }.to_owned(), 0);
        }
        if event.r#type == HistoryEventType::TaskScheduled {
            failures.extend(planned.get(&(state.clone(), attempt)).cloned());
            attempt += 1;
        }
        // The plan of a file is the result of PlanFailures. The plan of a run is part of its input.
        let plan = if let Some(started) = &event.execution_started_event_details {
            parse(started.input.as_deref())["plan"].clone()
        } else if let (Some(ended), "PlanFailures") = (&event.task_succeeded_event_details, state.as_str()) {
            parse(ended.output.as_deref())["Payload"].clone()
        } else {
            Value::Null
        };
        let faults: Vec<PlannedFailure> = serde_json::from_value(plan["faults"].clone()).unwrap_or_default();
        planned.extend(faults.into_iter().map(|it| ((it.state.clone(), it.attempt), it)));
        let error = event.task_failed_event_details.as_ref().and_then(|failed| failed.error.as_deref());
        if event.task_succeeded_event_details.is_some() || is_planned(error) {
            state.clear();
        }
    }
    failures
}

fn parse(text: Option<&str>) -> Value {
    serde_json::from_str(text.unwrap_or_default()).unwrap_or_default()
}

/// Replays the files that failed as planned. Returns all executions, with those of the replay in place of the failed ones.
pub(crate) fn replay_failed_files(penstock: &Penstock, executions: &[ExecutionResult]) -> Result<Vec<ExecutionResult>> {
    #[derive(Deserialize)]
    struct StartedExecution {
        execution: Option<String>,
    }
    let mut replays = Vec::new();
    for failed in executions.iter().filter(|it| is_planned(it.outcome.as_deref())) {
        eprintln!("penstock replay --key {}", failed.key);
        let started: Vec<StartedExecution> = penstock.json(&["replay", "--json", "--key", &failed.key])?;
        replays.extend(started.into_iter().filter_map(|it| it.execution));
    }
    let report = wait_for_end(penstock)?;
    let replayed = |failed: &ExecutionResult| {
        let ended = report.executions.iter().find(|it| it.key == failed.key && replays.contains(&it.arn));
        ended.cloned().ok_or_else(|| Error::NotReplayed(failed.key.clone()))
    };
    let latest = |it: &ExecutionResult| if is_planned(it.outcome.as_deref()) { replayed(it) } else { Ok(it.clone()) };
    executions.iter().map(latest).collect()
}

/// Runs the latest run of each period again if it failed as planned. Comes after the files, because a replayed file may start the
/// run of its period.
pub(crate) fn repeat_failed_runs(penstock: &Penstock) -> Result<()> {
    let report: RunsReport = penstock.json(&["runs", "--json", "--limit", LIMIT])?;
    for run in failed_runs(&report.runs) {
        let run_id = run.run_id.to_string();
        eprintln!("penstock rerun {run_id}");
        let _result: Value = penstock.json(&["rerun", "--json", &run_id])?;
    }
    Ok(())
}

fn is_planned(name: Option<&str>) -> bool {
    name == Some(FAILURE_NAME)
}

/// Returns the latest runs of their periods that failed as planned. `runs` is sorted, newest first.
fn failed_runs(runs: &[Run]) -> Vec<&Run> {
    let mut seen = HashSet::new();
    let latest = runs.iter().filter(|run| seen.insert((&run.pipeline, run.logical_at)));
    latest.filter(|run| is_planned(run.failure.as_deref())).collect()
}

/// Returns a problem unless every planned failure of a file or run has sent exactly one notice.
pub(crate) fn notice_problem(
    executions: &[&ExecutionResult],
    report: &RunsReport,
    notices: &[TopicMessage],
) -> Option<String> {
    let files = executions.iter().filter(|it| is_planned(it.outcome.as_deref()));
    let mut failed: HashSet<&str> = files.map(|it| it.arn.as_str()).collect();
    let runs = report.runs.iter().filter(|run| is_planned(run.failure.as_deref()));
    failed.extend(runs.filter_map(|run| run.execution_arn.as_deref()));
    let has_failure =
        |notice: &&TopicMessage| notice.subject.contains(FAILURE_NAME) || notice.message.contains(FAILURE_NAME);
    let sent = notices.iter().filter(has_failure).count();
    (failed.len() != sent)
        .then(|| format!("{} executions failed as planned, but {sent} notices were sent", failed.len()))
}

#[cfg(test)]
mod tests {
    use aws_sdk_sfn::types::{ExecutionStartedEventDetails, StateEnteredEventDetails, TaskSucceededEventDetails};
    use fault_plan::FaultPlan;
    use protocol::{Fault, FaultyState, PlannedFault, PlannedFaults};
    use serde_json::json;

    use super::*;

    fn as_printed(fault: PlannedFault) -> PlannedFailure {
        serde_json::from_value(json!(fault)).unwrap()
    }

    #[test]
    fn plan_covers_every_fault_and_state() {
        let key = |number: u32| format!("raw_data/retail/2026-01-05/file-{number}.csv");
        for seed in [0, 1, u32::MAX] {
            let plan = FaultPlan::parse(&plan(seed)).unwrap();
            let all: Vec<PlannedFault> = (0..500).flat_map(|number| plan.faults_of(&key(number)).faults).collect();
            let kinds: HashSet<usize> = all.iter().map(|it| as_printed(*it).kind().unwrap()).collect();
            assert_eq!(kinds.len(), KINDS.len());
            let states: HashSet<FaultyState> = all.iter().map(|it| it.state).collect();
            assert_eq!(states.len(), FaultyState::ALL.len());
            // The state machine retries each kind of failure four times.
            assert!(all.iter().all(|it| it.attempt < 4));
        }
        assert_ne!(FaultPlan::parse(&plan(1)), FaultPlan::parse(&plan(2)));
    }

    fn event(kind: HistoryEventType) -> aws_sdk_sfn::types::builders::HistoryEventBuilder {
        HistoryEvent::builder().id(0).timestamp(aws_sdk_sfn::primitives::DateTime::from_secs(0)).r#type(kind)
    }

    fn entered(state: &str) -> HistoryEvent {
        let details = StateEnteredEventDetails::builder().name(state).build().unwrap();
        event(HistoryEventType::TaskStateEntered).state_entered_event_details(details).build().unwrap()
    }

    fn scheduled() -> HistoryEvent {
        event(HistoryEventType::TaskScheduled).build().unwrap()
    }

    #[test]
    fn failure_occurs_if_its_attempt_exists() {
        let fault = |state, attempt, fault| PlannedFault { state, attempt, fault };
        let first = fault(FaultyState::ResolveTrigger, 0, Fault::CrashAfter);
        let unused = fault(FaultyState::ResolveTrigger, 2, Fault::Permanent);
        let second = fault(FaultyState::LoadFile, 1, Fault::Transient);
        let answer = json!({"StatusCode": 200, "Payload": PlannedFaults { faults: vec![first, unused, second] }});
        let details = TaskSucceededEventDetails::builder().resource_type("lambda").resource("invoke");
        let details = details.output(answer.to_string()).build().unwrap();
        let planned = event(HistoryEventType::TaskSucceeded).task_succeeded_event_details(details).build().unwrap();
        let events = [
            entered("PlanFailures"),
            scheduled(),
            planned,
            entered("ResolveTrigger"),
            scheduled(),
            scheduled(),
            // Again, after the wait for its data.
            entered("ResolveTrigger"),
            scheduled(),
            entered("LoadFile"),
            scheduled(),
            scheduled(),
        ];
        assert_eq!(occurred_in(&events), [first, first, second].map(as_printed));
    }

    #[test]
    fn run_has_its_plan_in_its_input() {
        let fault = PlannedFault { state: FaultyState::RunTransforms, attempt: 0, fault: Fault::Transient };
        let input = json!({"run": {}, "plan": PlannedFaults { faults: vec![fault] }}).to_string();
        let details = ExecutionStartedEventDetails::builder().input(input).build();
        let started = event(HistoryEventType::ExecutionStarted).execution_started_event_details(details);
        let started = started.build().unwrap();
        for state in ["RunTransforms", MAP_STATE] {
            let events = [started.clone(), entered(state), scheduled(), scheduled()];
            assert_eq!(occurred_in(&events), [as_printed(fault)]);
        }
    }
}
