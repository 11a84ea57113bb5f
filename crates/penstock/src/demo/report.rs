//! What the demo prints of files and notices: on stdout, for people.

use super::checksums::Checksum;
use super::feed::{DroppedFile, Expected};
use crate::executions::Execution;
use crate::local::notifications::Notice;
use crate::numbers::grouped;
use crate::table::{self, say};

/// Prints the way of every file, and gives what ended otherwise than it should.
pub(crate) fn executions(files: &[DroppedFile], executions: &[Execution]) -> Vec<String> {
    heading("Files");
    table::executions(executions);
    files.iter().zip(executions).filter_map(|(file, execution)| surprise(file.expected, execution)).collect()
}

fn surprise(expected: Expected, execution: &Execution) -> Option<String> {
    let outcome = execution.outcome.as_deref().unwrap_or("running");
    let as_expected = match (expected, &execution.report) {
        // A database of the user's own may hold the file since an earlier demo of the same day.
        (Expected::Loaded { rows, rejected }, Some(report)) => {
            matches!(outcome, "Loaded" | "AlreadyLoaded")
                && (report.rows_loaded, report.rows_rejected) == (rows, rejected)
        }
        (Expected::Loaded { .. }, None) => false,
        (Expected::Ignored, _) => outcome == "Ignored",
        (Expected::Failed(name), _) => execution.failed && outcome == name.as_str(),
    };
    let reason = execution.reason.as_deref().unwrap_or_default();
    (!as_expected).then(|| format!("{}: expected {expected:?}, but it ended as {outcome} {reason}", execution.key))
}

/// Prints the subject of every notice, in the order in which they came, and the one of retail's run whole.
pub(crate) fn notices(notices: &[Notice]) {
    heading("Notices");
    for notice in notices {
        say(&notice.subject);
    }
    if let Some(notice) = notices.iter().find(|notice| notice.subject.starts_with("Run retail ")) {
        heading(&notice.subject);
        say(&notice.message);
    }
}

/// Prints what two demos of one day have in common.
pub(crate) fn tables(tables: &[Checksum]) {
    heading("Tables");
    let cells = |it: &Checksum| vec![it.table.clone(), grouped(it.rows), it.md5.clone()];
    table::print(&["table", "rows", "checksum"], &tables.iter().map(cells).collect::<Vec<_>>());
}

pub(crate) fn surprises(surprises: &[String]) {
    if surprises.is_empty() {
        say("\nEvery file, run and export is as it should be.");
        return;
    }
    heading("Not as expected");
    for surprise in surprises {
        say(surprise);
    }
}

pub(super) fn heading(text: &str) {
    say(&format!("\n{text}\n{}", "═".repeat(text.chars().count())));
}

#[cfg(test)]
mod tests {
    use protocol::{FailureName, LoadOutcome, LoadReport};

    use super::*;

    fn execution(outcome: &str, failed: bool, counts: Option<(u64, u64)>) -> Execution {
        let report = counts.map(|(rows_loaded, rows_rejected)| LoadReport {
            outcome: LoadOutcome::Loaded,
            load_id: 1,
            pipeline: String::new(),
            dataset: String::new(),
            table: String::new(),
            bytes: 0,
            rows_read: rows_loaded + rows_rejected,
            rows_loaded,
            rows_rejected,
            duration_ms: 0,
            first_rejects: Vec::new(),
            run: None,
            repairs: None,
        });
        Execution {
            arn: String::new(),
            key: "k".to_owned(),
            version_id: None,
            states: Vec::new(),
            outcome: Some(outcome.to_owned()),
            failed,
            reason: None,
            report,
            started_at: chrono::DateTime::UNIX_EPOCH,
            duration_ms: None,
        }
    }

    #[test]
    fn only_what_was_expected_is_no_surprise() {
        fn check(expected: Expected, execution: &Execution, fine: bool) {
            assert_eq!(surprise(expected, execution).is_none(), fine, "{expected:?} {execution:?}");
        }
        let loaded = Expected::Loaded { rows: 7, rejected: 1 };
        check(loaded, &execution("Loaded", false, Some((7, 1))), true);
        check(loaded, &execution("AlreadyLoaded", false, Some((7, 1))), true);
        check(loaded, &execution("Superseded", false, Some((7, 1))), false);
        check(loaded, &execution("Loaded", false, Some((8, 0))), false);
        check(loaded, &execution("Ignored", false, None), false);
        check(Expected::Ignored, &execution("Ignored", false, None), true);
        check(Expected::Ignored, &execution("NoDataset", true, None), false);
        let failed = Expected::Failed(FailureName::UpstreamFailed);
        check(failed, &execution("UpstreamFailed", true, None), true);
        check(failed, &execution("NoDataset", true, None), false);
    }
}
