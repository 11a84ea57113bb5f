//! The history as tables. Times are in UTC.

use super::rows::{Load, Missing, Refused, Reject, Run};
use crate::numbers::{duration, grouped, period, utc};
use crate::table::{print, say};

/// A record is shown up to here, in one line.
const RECORD_CHARS_SHOWN: usize = 80;

pub(crate) fn print_runs(runs: &[Run]) {
    let header =
        ["run", "pipeline", "period (UTC)", "attempt", "state", "datasets", "rows", "rejected", "exports", "time"];
    print(&header, &runs.iter().map(run_cells).collect::<Vec<_>>());
    for run in runs {
        if let Some(line) = why(run) {
            say(&format!("  {line}"));
        }
    }
}

fn run_cells(run: &Run) -> Vec<String> {
    let datasets = match run.datasets_needed {
        0 => run.datasets_arrived.to_string(),
        needed => format!("{}/{needed}", run.datasets_arrived),
    };
    let state = match &run.failure {
        Some(failure) => format!("{}: {failure}", run.state),
        None => run.state.clone(),
    };
    vec![
        run.run_id.to_string(),
        run.pipeline.clone(),
        period(run.logical_at),
        run.attempt.map(|attempt| attempt.to_string()).unwrap_or_default(),
        state,
        datasets,
        grouped(run.rows_loaded),
        grouped(run.rows_rejected),
        grouped(run.exports),
        run.elapsed_ms.map(duration).unwrap_or_default(),
    ]
}

/// What the table has no room for: why a run failed, and until when one waits.
fn why(run: &Run) -> Option<String> {
    let message = run.failure_message.as_deref().and_then(|message| message.lines().next());
    match (message, run.deadline_at) {
        (Some(message), _) => Some(format!("run {}: {message}", run.run_id)),
        (None, Some(deadline)) if run.state == "Waiting" => {
            Some(format!("run {} waits until {} UTC", run.run_id, utc(deadline)))
        }
        _ => None,
    }
}

pub(crate) fn print_missing(missing: &[Missing]) {
    let cells = |it: &Missing| {
        let what = match (&it.bucket, &it.key, it.logical_at) {
            (Some(bucket), Some(key), _) => format!("s3://{bucket}/{key}"),
            (_, _, Some(logical_at)) => format!("period {}", period(logical_at)),
            _ => String::new(),
        };
        let by = match &it.trigger_key {
            Some(trigger) => format!("trigger {trigger}"),
            None => it.run_id.map(|run_id| format!("run {run_id}")).unwrap_or_default(),
        };
        vec![format!("{}/{}", it.pipeline, it.dataset), what, by, utc(it.since)]
    };
    print(&["dataset", "missing", "expected by", "since (UTC)"], &missing.iter().map(cells).collect::<Vec<_>>());
}

pub(crate) fn print_loads(loads: &[Load]) {
    let cells = |load: &Load| {
        vec![
            load.load_id.to_string(),
            format!("{}/{}", load.pipeline, load.dataset),
            load.key.clone(),
            outcome(load),
            grouped(load.rows_loaded),
            grouped(load.rows_rejected),
            grouped(load.bytes),
            load.committed_at.map(utc).unwrap_or_default(),
            load.duration_ms.map(duration).unwrap_or_default(),
            load.run_id.map(|run_id| run_id.to_string()).unwrap_or_default(),
        ]
    };
    let header = ["load", "dataset", "file", "outcome", "rows", "rejected", "bytes", "committed (UTC)", "time", "run"];
    print(&header, &loads.iter().map(cells).collect::<Vec<_>>());
}

fn outcome(load: &Load) -> String {
    match load.repairs {
        Some(repaired) => format!("{} (repairs {repaired})", load.outcome),
        None => load.outcome.clone(),
    }
}

pub(crate) fn print_rejects(refused: &Refused) {
    let Refused { load, rejects, repaired_by } = refused;
    let (rejected, read) = (grouped(load.rows_rejected), grouped(load.rows_read));
    say(&format!(
        "load {}, {}/{}: {rejected} of {read} rows of s3://{}/{} were rejected",
        load.load_id, load.pipeline, load.dataset, load.bucket, load.key
    ));
    if rejects.is_empty() {
        return;
    }
    let cells = |reject: &Reject| {
        let column = reject.column.clone().unwrap_or_default();
        vec![grouped(reject.line), column, reject.reason.clone(), one_line(&reject.raw)]
    };
    say("");
    print(&["line", "column", "reason", "record"], &rejects.iter().map(cells).collect::<Vec<_>>());
    let shown = i64::try_from(rejects.len()).unwrap_or(i64::MAX);
    if shown < load.rows_rejected {
        say(&format!("  and {} more: --limit N shows as many as you like", grouped(load.rows_rejected - shown)));
    }
    say("");
    for repair in repaired_by {
        let (loaded, rejected) = (grouped(repair.rows_loaded), grouped(repair.rows_rejected));
        say(&format!("repaired by load {}: {loaded} rows of {}, {rejected} rejected", repair.load_id, repair.key));
    }
    if repaired_by.is_empty() {
        say(&format!(
            "`penstock rejects {} --export` writes them into a file, to be corrected and loaded",
            load.load_id
        ));
    }
}

/// White space of any kind as one blank, and what is too long with its end cut off.
fn one_line(record: &str) -> String {
    let line = record.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(RECORD_CHARS_SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(state: &str, failure_message: Option<&str>, deadline_at: Option<&str>) -> Run {
        Run {
            run_id: 7,
            pipeline: "retail".to_owned(),
            logical_at: "2024-05-01T00:00:00Z".parse().unwrap(),
            attempt: Some(2),
            state: state.to_owned(),
            failure: failure_message.map(|_| "TransformFailed".to_owned()),
            failure_message: failure_message.map(str::to_owned),
            datasets_needed: 5,
            datasets_arrived: 3,
            loads: 3,
            rows_loaded: 30_000,
            rows_rejected: 9,
            exports: 0,
            started_at: "2024-05-01T06:00:00Z".parse().unwrap(),
            deadline_at: deadline_at.map(|at| at.parse().unwrap()),
            claimed_at: None,
            ended_at: None,
            after_run_id: None,
            execution_arn: None,
            elapsed_ms: Some(61_000),
        }
    }

    #[test]
    fn a_run_is_one_line() {
        let cells = ["7", "retail", "2024-05-01 00:00", "2", "Waiting", "3/5", "30,000", "9", "0", "1 min 01 s"];
        assert_eq!(run_cells(&run("Waiting", None, None)), cells);
        assert_eq!(run_cells(&run("Failed", Some("x"), None))[4], "Failed: TransformFailed");
        assert_eq!(run_cells(&Run { datasets_needed: 0, ..run("Ready", None, None) })[5], "3");
    }

    #[test]
    fn what_failed_and_what_waits_is_explained_below() {
        fn check(run: &Run, expected: Option<&str>) {
            assert_eq!(why(run).as_deref(), expected);
        }
        let deadline = Some("2024-05-01T12:00:00Z");
        check(&run("Failed", Some("line 3: no\nwhat to do: mend it"), deadline), Some("run 7: line 3: no"));
        check(&run("Waiting", None, deadline), Some("run 7 waits until 2024-05-01 12:00:00 UTC"));
        check(&run("Waiting", None, None), None);
        check(&run("Succeeded", None, deadline), None);
    }

    #[test]
    fn a_record_is_one_line_of_bounded_length() {
        assert_eq!(one_line("1,a\r\nb\t,2"), "1,a b ,2");
        assert_eq!(one_line(&"é".repeat(81)), format!("{}…", "é".repeat(80)));
        assert_eq!(one_line(&"é".repeat(80)), "é".repeat(80));
    }
}
