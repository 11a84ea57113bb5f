//! Prints the history as tables. Times are in UTC.

use crate::history::rows::{FailureRow, LoadRejects, LoadRow, MissingFileRow, RejectRow, RunRow};
use crate::output::{
    FAILURE_MARK, FailureText, duration, grouped, period, print_failure, print_fitted_table, print_line, print_table,
    utc,
};

/// Longer records are cut.
const RECORD_CHARS_SHOWN: usize = 80;

pub(crate) fn print_runs(runs: &[RunRow]) {
    let header = ["run", "pipeline", "period", "attempt", "state", "datasets", "rows", "rejected", "exports", "time"];
    let spare = ["exports", "time", "attempt", "rejected"];
    print_fitted_table(&header, &runs.iter().map(run_cells).collect::<Vec<_>>(), &spare);
    for run in runs {
        if let Some(failure) = &run.failure {
            print_failed_run(run, failure);
        } else if let Some(line) = explanation(run) {
            print_line(&format!("  {line}"));
        }
    }
}

fn run_cells(run: &RunRow) -> Vec<String> {
    let datasets = match run.datasets_needed {
        0 => run.datasets_arrived.to_string(),
        needed => format!("{}/{needed}", run.datasets_arrived),
    };
    let state = match &run.failure {
        Some(failure) => format!("{FAILURE_MARK} {failure}"),
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

fn print_failed_run(run: &RunRow, failure: &str) {
    let (reason, remedy) = protocol::split_message(run.failure_message.as_deref().unwrap_or_default());
    let remedy = protocol::run_remedy(remedy, &run.pipeline, run.logical_at, run.run_id);
    print_failure(&FailureText {
        what: &format!("run {} of {}", run.run_id, run.pipeline),
        name: failure,
        reason: Some(reason).filter(|reason| !reason.is_empty()),
        remedy: Some(&remedy),
        more: &[],
    });
}

/// Tells until when a run waits, or which report is stale, because the table has no column for it.
fn explanation(run: &RunRow) -> Option<String> {
    if let Some(stale) = run.stale_run_id {
        return Some(format!(
            "run {} was skipped: the report of run {stale} is stale; to renew it, run `penstock rerun {stale}`",
            run.run_id
        ));
    }
    let deadline = run.deadline_at.filter(|_| run.state == "Waiting")?;
    Some(format!("run {} waits until {} UTC", run.run_id, utc(deadline)))
}

/// Prints failures of files and runs, each with reason and remedy.
pub(crate) fn print_failures(failures: &[FailureRow]) {
    for failure in failures {
        let FailureRow { name, message, remedy, .. } = failure;
        // The heading has the key, so the address before the reason is left out.
        let address = match (&failure.bucket, &failure.key) {
            (Some(bucket), Some(key)) => format!("s3://{bucket}/{key}: "),
            _ => String::new(),
        };
        let reason = message.strip_prefix(&address).unwrap_or(message);
        print_failure(&FailureText {
            what: &format!("{}  {}", utc(failure.failed_at), failed_thing(failure)),
            name,
            reason: Some(reason).filter(|reason| !reason.is_empty()),
            remedy: Some(remedy.as_str()).filter(|remedy| !remedy.is_empty()),
            more: &[],
        });
    }
}

fn failed_thing(failure: &FailureRow) -> String {
    let FailureRow { kind, pipeline, key, run_id, .. } = failure;
    match (kind.as_str(), key, run_id, pipeline) {
        ("file", Some(key), ..) => format!("file {key}"),
        ("file", ..) => "event without an object".to_owned(),
        (_, _, Some(run_id), Some(pipeline)) => format!("run {run_id} of {pipeline}"),
        (_, _, _, Some(pipeline)) => format!("run of {pipeline}"),
        _ => "run".to_owned(),
    }
}

pub(crate) fn print_missing_files(missing: &[MissingFileRow]) {
    let cells = |it: &MissingFileRow| {
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
    print_table(&["dataset", "missing", "expected by", "since (UTC)"], &missing.iter().map(cells).collect::<Vec<_>>());
}

pub(crate) fn print_loads(loads: &[LoadRow]) {
    let cells = |load: &LoadRow| {
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
    let spare = ["bytes", "time", "run", "committed (UTC)", "rejected"];
    print_fitted_table(&header, &loads.iter().map(cells).collect::<Vec<_>>(), &spare);
}

fn outcome(load: &LoadRow) -> String {
    let mut remarks = Vec::new();
    remarks.extend(load.repairs.map(|repaired| format!("repairs {repaired}")));
    remarks.extend(load.reloads.map(|reloaded| format!("reload of {reloaded}")));
    remarks.extend(load.object_exists.filter(|exists| !exists).map(|_| "object is gone".to_owned()));
    if remarks.is_empty() { load.outcome.clone() } else { format!("{} ({})", load.outcome, remarks.join(", ")) }
}

pub(crate) fn print_rejects(rejects: &LoadRejects) {
    let LoadRejects { load, rejects, repaired_by } = rejects;
    let (rejected, read) = (grouped(load.rows_rejected), grouped(load.rows_read));
    print_line(&format!(
        "load {}, {}/{}: {rejected} of {read} rows of s3://{}/{} were rejected",
        load.load_id, load.pipeline, load.dataset, load.bucket, load.key
    ));
    if rejects.is_empty() {
        return;
    }
    let cells = |reject: &RejectRow| {
        let column = reject.column.clone().unwrap_or_default();
        vec![lines(reject), column, reject.reason.clone(), one_line(&reject.raw)]
    };
    print_line("");
    print_table(&["line", "column", "reason", "record"], &rejects.iter().map(cells).collect::<Vec<_>>());
    let shown = i64::try_from(rejects.len()).unwrap_or(i64::MAX);
    if shown < load.rows_rejected {
        print_line(&format!("  and {} more; list more with --limit N", grouped(load.rows_rejected - shown)));
    }
    for reject in rejects {
        if let Some(range) = reject.cut_range() {
            print_line(&format!("  {}: the whole record is {range} of {}", lines(reject), load.object()));
        }
    }
    print_line("");
    for repair in repaired_by {
        let (loaded, rejected) = (grouped(repair.rows_loaded), grouped(repair.rows_rejected));
        print_line(&format!(
            "repaired by load {}: {loaded} rows of {}, {rejected} rejected",
            repair.load_id, repair.key
        ));
    }
    if repaired_by.is_empty() {
        print_line(&format!("to correct and load them: penstock rejects {} --export", load.load_id));
    }
}

/// Formats the lines of a reject: `11`, or `lines 11 to 9991`.
fn lines(reject: &RejectRow) -> String {
    if reject.last_line > reject.line {
        format!("lines {} to {}", reject.line, reject.last_line)
    } else {
        reject.line.to_string()
    }
}

/// Replaces white space by single blanks and cuts a long record.
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

    fn run(state: &str, failure_message: Option<&str>, deadline_at: Option<&str>) -> RunRow {
        RunRow {
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
            stale_run_id: None,
        }
    }

    #[test]
    fn run_is_one_table_line() {
        let cells = ["7", "retail", "2024-05-01T00:00Z", "2", "Waiting", "3/5", "30,000", "9", "0", "1 min 01 s"];
        assert_eq!(run_cells(&run("Waiting", None, None)), cells);
        assert_eq!(run_cells(&run("Failed", Some("x"), None))[4], "✗ TransformFailed");
        assert_eq!(run_cells(&RunRow { datasets_needed: 0, ..run("Ready", None, None) })[5], "3");
    }

    #[test]
    fn waiting_run_has_its_deadline() {
        fn check(run: &RunRow, expected: Option<&str>) {
            assert_eq!(explanation(run).as_deref(), expected);
        }
        let deadline = Some("2024-05-01T12:00:00Z");
        check(&run("Waiting", None, deadline), Some("run 7 waits until 2024-05-01 12:00:00 UTC"));
        check(&run("Waiting", None, None), None);
        check(&run("Succeeded", None, deadline), None);
        let skipped = RunRow { stale_run_id: Some(3), ..run("Skipped", None, None) };
        check(&skipped, Some("run 7 was skipped: the report of run 3 is stale; to renew it, run `penstock rerun 3`"));
    }

    #[test]
    fn reject_of_many_lines_shows_first_and_last() {
        let reject = |last_line: i64, raw_bytes: usize| RejectRow {
            line: 11,
            last_line,
            byte_offset: 120,
            byte_length: Some(340_000),
            column: None,
            reason: "text after the closing quote".to_owned(),
            raw: "x".repeat(raw_bytes),
        };
        assert_eq!(lines(&reject(11, 5)), "11");
        assert_eq!(lines(&reject(9991, 5)), "lines 11 to 9991");
        assert_eq!(reject(11, 5).cut_range(), None);
        let cut = reject(9991, formats::limits::REJECT_RAW_BYTES_MAX);
        assert_eq!(cut.cut_range().as_deref(), Some("bytes 120 to 340119"));
        assert_eq!(RejectRow { byte_length: None, ..cut }.cut_range(), None);
    }

    #[test]
    fn record_is_one_line_of_bounded_length() {
        assert_eq!(one_line("1,a\r\nb\t,2"), "1,a b ,2");
        assert_eq!(one_line(&"é".repeat(81)), format!("{}…", "é".repeat(80)));
        assert_eq!(one_line(&"é".repeat(80)), "é".repeat(80));
    }
}
