//! The demo in a storm: failures of every kind in every state, planned by a seed, and what a person does when it is over.

use std::collections::{BTreeMap, HashMap, HashSet};

use aws_sdk_sfn::types::{HistoryEvent, HistoryEventType};
use protocol::{FailureName, Fault, PlannedFault, PlannedFaults};
use serde_json::Value;

use super::Shown;
use super::report::heading;
use crate::cloud::Cloud;
use crate::executions::{Execution, Executions, Upload, history};
use crate::explain::At;
use crate::history::{History, Run};
use crate::local::StackEnv;
use crate::local::notifications::Notice;
use crate::numbers::grouped;
use crate::progress::Progress;
use crate::recovery::{ReplayOptions, Which, replay};
use crate::run_pipeline::{RunOptions, run_pipeline};
use crate::table::{print, say};
use crate::{Error, Result};

const PLAN: &str = include_str!("chaos.toml");
const RUNS_MAX: u32 = 1_000;

/// The demo's plan of failures. Another seed plans others.
pub(crate) fn plan(seed: u32) -> String {
    format!("seed = {seed}\n{PLAN}")
}

/// The faults that these executions have met, in no order.
pub(crate) async fn met(cloud: &Cloud, executions: &[Execution]) -> Result<Vec<PlannedFault>> {
    let mut met = Vec::new();
    for execution in executions {
        met.extend(met_by(&history(cloud, &execution.arn).await?));
    }
    Ok(met)
}

/// What was planned stands in the history, and so does each attempt: a fault is met when its attempt was made.
fn met_by(events: &[HistoryEvent]) -> Vec<PlannedFault> {
    let mut planned: HashMap<(&str, u32), PlannedFault> = HashMap::new();
    let mut met = Vec::new();
    let (mut state, mut attempt) = ("", 0);
    for event in events {
        if let Some(entered) = &event.state_entered_event_details {
            (state, attempt) = (entered.name.as_str(), 0);
        }
        if event.r#type == HistoryEventType::TaskScheduled {
            met.extend(planned.get(&(state, attempt)));
            attempt += 1;
        }
        if let (Some(ended), "PlanFailures") = (&event.task_succeeded_event_details, state) {
            let output: Value = serde_json::from_str(ended.output.as_deref().unwrap_or_default()).unwrap_or_default();
            let answer: PlannedFaults = serde_json::from_value(output["Payload"].clone()).unwrap_or_default();
            planned.extend(answer.faults.into_iter().map(|it| ((it.state.as_str(), it.attempt), it)));
        }
    }
    met
}

/// Starts again what has failed for good, as a person would: files by `penstock replay`, runs by `penstock run --force`.
/// Gives the executions in their order, those that have failed replaced.
pub(crate) async fn repaired(
    cloud: &Cloud,
    env: &StackEnv,
    history: &History,
    executions: &[Execution],
    progress: Progress,
) -> Result<Vec<Execution>> {
    heading("The storm is over: what has failed is started again");
    let failed: Vec<&Execution> = executions.iter().filter(|it| is_planned(it.outcome.as_deref())).collect();
    let mut following = Executions::from_now_on(cloud, &env.state_machine_arn).await?;
    for execution in &failed {
        say(&format!("penstock replay --key {}", execution.key));
        let which = Which::Key(execution.key.clone());
        replay(&ReplayOptions { which, since: None, dry_run: false, json: false }, env, progress).await?;
    }
    let upload = |it: &&Execution| Upload { key: it.key.clone(), version_id: it.version_id.clone() };
    let uploads: Vec<Upload> = failed.iter().map(upload).collect();
    let mut again = following.follow(&uploads, |_| {}).await?.into_iter();
    let mut repaired = executions.to_vec();
    for execution in repaired.iter_mut().filter(|it| is_planned(it.outcome.as_deref())) {
        *execution = again.next().ok_or_else(|| Error::Unexpected(format!("{} is not there again", execution.key)))?;
    }
    // After the files, for one of them may have run its set anew.
    for run in failed_runs(&history.runs(None, false, RUNS_MAX).await?) {
        let (pipeline, at) = (run.pipeline.clone(), At::Instant(run.logical_at));
        say(&format!("penstock run {pipeline} --date {} --force", run.logical_at.format("%FT%RZ")));
        run_pipeline(&RunOptions { pipeline, at, force: true, json: false }, env, progress).await?;
    }
    Ok(repaired)
}

fn is_planned(name: Option<&str>) -> bool {
    name == Some(FailureName::PlannedFailure.as_str())
}

/// The latest attempts of their periods that have failed as planned. The newest run comes first.
fn failed_runs(runs: &[Run]) -> Vec<&Run> {
    let mut seen = HashSet::new();
    let latest = runs.iter().filter(|run| seen.insert((&run.pipeline, run.logical_at)));
    latest.filter(|run| is_planned(run.failure.as_deref())).collect()
}

/// Gives it when not every file and run that has failed as planned was told of, or one of them twice.
pub(crate) fn untold(executions: &[Execution], notices: &[Notice]) -> Option<String> {
    let failed = executions.iter().filter(|it| is_planned(it.outcome.as_deref())).count();
    let told = notices.iter().filter(|notice| notice.subject.contains(": PlannedFailure: ")).count();
    (failed != told).then(|| format!("{failed} executions failed as planned, and {told} notices tell of it"))
}

/// Prints what the storm was and whether it has changed anything. False when it has.
pub(crate) fn compared(seed: u32, calm: &Shown, stormy: &Shown) -> bool {
    heading(&format!("Failures of seed {seed}"));
    let mut by_state: BTreeMap<&str, [u64; KINDS.len()]> = BTreeMap::new();
    for fault in &stormy.faults {
        by_state.entry(fault.state.as_str()).or_default()[kind(fault.fault)] += 1;
    }
    let sum = |kind: usize| by_state.values().map(|counts| counts[kind]).sum::<u64>();
    let totals: Vec<u64> = (0..KINDS.len()).map(sum).collect();
    let cells = |name: &str, counts: &[u64]| {
        std::iter::once(name.to_owned()).chain(counts.iter().map(|count| grouped(*count))).collect::<Vec<_>>()
    };
    let mut rows: Vec<Vec<String>> = by_state.iter().map(|(state, counts)| cells(state, counts)).collect();
    rows.push(cells("all", &totals));
    print(&[&["state"], &KINDS[..]].concat(), &rows);

    heading("Tables, calm and in the storm");
    let mut same = calm.tables.len() == stormy.tables.len() && !stormy.faults.is_empty();
    let compare = |before: &super::Checksum| {
        let after = stormy.tables.iter().find(|it| it.table == before.table);
        let equal = after == Some(before);
        same &= equal;
        let after = after.map(|it| it.md5.clone()).unwrap_or_default();
        vec![before.table.clone(), before.md5.clone(), after, if equal { "same" } else { "DIFFERENT" }.to_owned()]
    };
    let rows: Vec<Vec<String>> = calm.tables.iter().map(compare).collect();
    print(&["table", "calm", "storm", ""], &rows);
    same &= stormy.as_expected();
    let kinds: Vec<String> = KINDS.iter().zip(&totals).map(|(kind, total)| format!("{total} {kind}")).collect();
    say(&format!(
        "\nseed {seed}: {} planned failures ({}) in {:.1} s; the tables are {}",
        stormy.faults.len(),
        kinds.join(", "),
        stormy.took.as_secs_f64(),
        if same { "those of the calm demo" } else { "NOT those of the calm demo, or more than that went wrong" }
    ));
    same
}

const KINDS: [&str; 5] = ["transient", "permanent", "slow", "crash-before", "crash-after"];

/// The place in [`KINDS`].
fn kind(fault: Fault) -> usize {
    match fault {
        Fault::Transient => 0,
        Fault::Permanent => 1,
        Fault::Slow { .. } => 2,
        Fault::CrashBefore => 3,
        Fault::CrashAfter => 4,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sfn::types::{StateEnteredEventDetails, TaskSucceededEventDetails};
    use fault_plan::Plan;
    use protocol::FaultyState;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_plan_is_one_for_every_seed_and_knows_every_fault() {
        let key = |number: u32| format!("raw_data/retail/2026-01-05/file-{number}.csv");
        for seed in [0, 1, u32::MAX] {
            let plan = Plan::parse(&plan(seed)).unwrap();
            let all: Vec<PlannedFault> = (0..500).flat_map(|number| plan.faults_of(&key(number)).faults).collect();
            let kinds: HashSet<usize> = all.iter().map(|it| kind(it.fault)).collect();
            assert_eq!(kinds.len(), KINDS.len());
            let states: HashSet<FaultyState> = all.iter().map(|it| it.state).collect();
            assert_eq!(states.len(), FaultyState::ALL.len());
            // Four retries, of each kind, are what the machine has.
            assert!(all.iter().all(|it| it.attempt < 4));
        }
        assert_ne!(Plan::parse(&plan(1)), Plan::parse(&plan(2)));
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
    fn a_fault_is_met_when_its_attempt_was_made() {
        let fault = |state, attempt, fault| PlannedFault { state, attempt, fault };
        let first = fault(FaultyState::ResolveTrigger, 0, Fault::CrashAfter);
        let unmet = fault(FaultyState::ResolveTrigger, 2, Fault::Permanent);
        let second = fault(FaultyState::LoadFile, 1, Fault::Transient);
        let answer = json!({"StatusCode": 200, "Payload": PlannedFaults { faults: vec![first, unmet, second] }});
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
            // Once more, after a wait for its data.
            entered("ResolveTrigger"),
            scheduled(),
            entered("LoadFile"),
            scheduled(),
            scheduled(),
        ];
        assert_eq!(met_by(&events), [first, first, second]);
    }
}
