use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use chrono::NaiveDate;
use local_stack::{Error as StackError, interrupt};
use sample_data::{ExpectedResult, SampleFile, retail, water};
use serde::Deserialize;

use crate::command::{JsonCommand, Penstock};
use crate::error::Result;

/// The seed of the generated files.
const SEED: u64 = 2_026;
/// How long the late data file arrives after the other files.
const LATE_BY: Duration = Duration::from_secs(6);

/// An execution of `process-file`, as `--json` prints it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ExecutionResult {
    pub(crate) arn: String,
    pub(crate) key: String,
    pub(crate) states: Vec<String>,
    pub(crate) outcome: Option<String>,
    pub(crate) failed: bool,
    pub(crate) reason: Option<String>,
    pub(crate) report: Option<RowCounts>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RowCounts {
    pub(crate) rows_loaded: u64,
    pub(crate) rows_rejected: u64,
}

/// The dropped files, each with its execution at the same index.
pub(crate) struct DroppedFiles {
    pub(crate) files: Vec<SampleFile>,
    pub(crate) executions: Vec<ExecutionResult>,
}

/// Drops all files and follows them. Data files precede their triggers, except one that comes late.
pub(crate) fn drop_all(penstock: &Penstock, state: &Path, today: NaiveDate) -> Result<DroppedFiles> {
    let water = water::files(SEED, today);
    let mut files = retail::files(SEED, today);
    files.extend(water.data);
    files.extend(water.triggers);
    let root = state.join("files");
    let dropping = start_drop(penstock, &root, &files)?;
    let end = std::time::Instant::now() + LATE_BY;
    while std::time::Instant::now() < end {
        interrupt::check()?;
        thread::sleep(Duration::from_millis(100));
    }
    let dropping_late = start_drop(penstock, &root, std::slice::from_ref(&water.late))?;
    let mut executions: Vec<ExecutionResult> = dropping.result()?;
    executions.extend(dropping_late.result::<Vec<ExecutionResult>>()?);
    files.push(water.late);
    Ok(DroppedFiles { files, executions })
}

/// Writes the files below `root` under their keys and starts `penstock drop` for them.
fn start_drop(penstock: &Penstock, root: &Path, files: &[SampleFile]) -> Result<JsonCommand> {
    let mut arguments: Vec<PathBuf> = vec!["drop".into(), "--json".into(), "--root".into(), root.to_owned()];
    for file in files {
        let path = root.join(&file.key);
        let folder = path.parent().unwrap_or(root);
        fs::create_dir_all(folder).map_err(StackError::file("create", folder))?;
        fs::write(&path, &file.body).map_err(StackError::file("write", &path))?;
        arguments.push(path);
    }
    penstock.start_json(&arguments)
}

/// Compares the results of the files with the expected ones.
pub(crate) fn problems(files: &[SampleFile], executions: &[ExecutionResult]) -> Vec<String> {
    files.iter().zip(executions).filter_map(|(file, execution)| problem(file.expected, execution)).collect()
}

fn problem(expected: ExpectedResult, execution: &ExecutionResult) -> Option<String> {
    let outcome = execution.outcome.as_deref().unwrap_or("running");
    let is_as_expected = match (expected, &execution.report) {
        // A database of the user may have the file from an earlier demo of the same day.
        (ExpectedResult::Loaded { rows, rejected }, Some(report)) => {
            matches!(outcome, "Loaded" | "AlreadyLoaded")
                && (report.rows_loaded, report.rows_rejected) == (rows, rejected)
        }
        (ExpectedResult::Loaded { .. }, None) => false,
        (ExpectedResult::Ignored, _) => outcome == "Ignored",
        (ExpectedResult::Failed(name), _) => execution.failed && outcome == name.as_str(),
    };
    let reason = execution.reason.as_deref().unwrap_or_default();
    (!is_as_expected).then(|| format!("{}: expected {expected:?}, found {outcome} {reason}", execution.key))
}

#[cfg(test)]
mod tests {
    use protocol::FailureName;

    use super::*;

    fn execution(outcome: &str, failed: bool, counts: Option<(u64, u64)>) -> ExecutionResult {
        ExecutionResult {
            arn: String::new(),
            key: "k".to_owned(),
            states: Vec::new(),
            outcome: Some(outcome.to_owned()),
            failed,
            reason: None,
            report: counts.map(|(rows_loaded, rows_rejected)| RowCounts { rows_loaded, rows_rejected }),
        }
    }

    #[test]
    fn unexpected_result_is_a_problem() {
        fn check(expected: ExpectedResult, execution: &ExecutionResult, is_fine: bool) {
            assert_eq!(problem(expected, execution).is_none(), is_fine, "{expected:?} {execution:?}");
        }
        let loaded = ExpectedResult::Loaded { rows: 7, rejected: 1 };
        check(loaded, &execution("Loaded", false, Some((7, 1))), true);
        check(loaded, &execution("AlreadyLoaded", false, Some((7, 1))), true);
        check(loaded, &execution("Superseded", false, Some((7, 1))), false);
        check(loaded, &execution("Loaded", false, Some((8, 0))), false);
        check(loaded, &execution("Ignored", false, None), false);
        check(ExpectedResult::Ignored, &execution("Ignored", false, None), true);
        check(ExpectedResult::Ignored, &execution("NoDataset", true, None), false);
        let failed = ExpectedResult::Failed(FailureName::UpstreamFailed);
        check(failed, &execution("UpstreamFailed", true, None), true);
        check(failed, &execution("NoDataset", true, None), false);
    }
}
