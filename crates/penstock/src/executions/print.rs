use chrono::{DateTime, Utc};

use crate::error::Result;
use crate::executions::summary::ExecutionSummary;
use crate::output::{
    FAILURE_MARK, FailureText, duration, grouped, print_failure, print_fitted_table, print_json, print_line,
};

/// Describes the result of an execution in one line.
pub(crate) fn headline(execution: &ExecutionSummary) -> String {
    let outcome = execution.outcome.as_deref().unwrap_or("running");
    match (&execution.report, &execution.reason) {
        (Some(report), _) => format!(
            "{}: {outcome}, {} rows into {}, {} rejected",
            execution.key, report.rows_loaded, report.table, report.rows_rejected
        ),
        (None, Some(reason)) => format!("{}: {outcome}: {reason}", execution.key),
        (None, None) => format!("{}: {outcome}", execution.key),
    }
}

/// Prints the results of uploaded files, as JSON or as tables with the first rejects.
pub(crate) fn print_results(executions: &[ExecutionSummary], json: bool, verbose: bool) -> Result<()> {
    if json {
        return print_json(executions);
    }
    print_executions(executions, verbose);
    let reasons =
        executions.iter().filter_map(|execution| Some((&execution.key, execution.report.as_ref()?.reason.as_ref()?)));
    for (key, reason) in reasons {
        print_line(&format!("  {key}: {reason}"));
    }
    let reports = || executions.iter().filter_map(|execution| execution.report.as_ref());
    for reject in reports().flat_map(|report| &report.first_rejects) {
        let column = reject.column.as_deref().map(|column| format!(", column {column}")).unwrap_or_default();
        print_line(&format!("  rejected: line {}{column}: {}", reject.line, reject.reason));
    }
    for report in reports().filter(|report| report.rows_rejected > 0) {
        print_line(&format!("  to correct the rejects: penstock rejects {} --export", report.load_id));
    }
    Ok(())
}

/// Prints a table of executions: file, outcome and rows. Then the reason, the remedy and the states of each failure, and
/// with `verbose` the states of every execution.
pub(crate) fn print_executions(executions: &[ExecutionSummary], verbose: bool) {
    let now = Utc::now();
    let rows: Vec<_> = executions.iter().map(|execution| execution_cells(execution, now)).collect();
    print_fitted_table(&["file", "outcome", "rows", "rejected", "time"], &rows, &["time", "rejected"]);
    for execution in executions {
        if execution.failed {
            print_failed_file(execution);
        } else if verbose {
            print_line(&format!("  {}: {}", execution.key, join_states(&execution.states)));
        }
    }
}

fn print_failed_file(execution: &ExecutionSummary) {
    let ExecutionSummary { key, outcome, reason, remedy, states, .. } = execution;
    // The heading has the key, so the address before the reason is left out.
    let address_end = format!("/{key}: ");
    let reason = reason.as_deref().map(|reason| match reason.split_once(&address_end) {
        Some((address, rest)) if address.starts_with("s3://") => rest,
        _ => reason,
    });
    print_failure(&FailureText {
        what: key,
        name: outcome.as_deref().unwrap_or_default(),
        reason,
        remedy: remedy.as_deref(),
        more: &[("states", join_states(states))],
    });
}

/// A running execution shows its current state and the time since its start.
fn execution_cells(execution: &ExecutionSummary, now: DateTime<Utc>) -> Vec<String> {
    let count = |count: fn(&protocol::LoadReport) -> u64| {
        execution.report.as_ref().map(|report| grouped(count(report))).unwrap_or_default()
    };
    let running = || format!("in {}…", execution.states.last().map_or("its first state", String::as_str));
    let elapsed = || (now - execution.started_at).num_milliseconds();
    let outcome = execution.outcome.clone().unwrap_or_else(running);
    vec![
        execution.key.clone(),
        if execution.failed { format!("{FAILURE_MARK} {outcome}") } else { outcome },
        count(|report| report.rows_loaded),
        count(|report| report.rows_rejected),
        duration(execution.duration_ms.unwrap_or_else(elapsed)),
    ]
}

/// Joins the entered states, without the choices. A state that was entered several times is listed once with its count.
fn join_states(states: &[String]) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for state in states.iter().map(String::as_str).filter(|state| !state.starts_with("Choose")) {
        match counts.iter_mut().find(|(name, _)| *name == state) {
            Some((_, times)) => *times += 1,
            None => counts.push((state, 1)),
        }
    }
    let name = |(name, times): (&str, usize)| if times > 1 { format!("{name}×{times}") } else { name.to_owned() };
    counts.into_iter().map(name).collect::<Vec<_>>().join(" → ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_execution_shows_state_and_elapsed_time() {
        let execution = ExecutionSummary {
            arn: String::new(),
            key: "k".to_owned(),
            version_id: None,
            states: vec!["CheckFileExtension".to_owned(), "AwaitSource".to_owned()],
            outcome: None,
            failed: false,
            reason: None,
            remedy: None,
            report: None,
            started_at: "2024-05-01T09:00:00Z".parse().unwrap(),
            duration_ms: None,
        };
        let cells = execution_cells(&execution, "2024-05-01T09:01:05Z".parse().unwrap());
        assert_eq!(cells, ["k", "in AwaitSource…", "", "", "1 min 05 s"]);
    }

    #[test]
    fn repeated_state_is_listed_once() {
        fn check(states: &[&str], expected: &str) {
            let states: Vec<String> = states.iter().map(|&state| state.to_owned()).collect();
            assert_eq!(join_states(&states), expected);
        }
        check(&["CheckFileExtension", "ChooseByKind", "Ignored"], "CheckFileExtension → Ignored");
        check(&["A", "Wait", "A", "Wait", "A", "B"], "A×3 → Wait×2 → B");
        check(&[], "");
    }
}
