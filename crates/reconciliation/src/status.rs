//! The status of one object version.

use aws_sdk_sfn::types::ExecutionStatus;
use chrono::TimeDelta;
use protocol::LoadOutcome;
use serde::Serialize;

use crate::limits::EXECUTIONS_KEPT;

/// The sentence that `process-file` adds to the cause of a failure when it cannot send the notice.
const NOT_NOTICED: &str = "The notice of this failure could not be sent";

/// The status of an object version. Of several executions of one version, the smallest status counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileStatus {
    Loaded,
    AlreadyLoaded,
    Superseded,
    Ignored,
    /// The load failed, and a notice was sent.
    Failed,
    Running,
    /// The object is so new that its event may still arrive.
    Arriving,
    /// The ledger does not have the object, and it is older than the executions that Step Functions keeps.
    Unknown,
    /// The load failed, and the notice could not be sent.
    Unnoticed,
    /// The execution was stopped from outside.
    Stopped,
    /// The event is in the dead-letter queue.
    DeadLetter,
    /// No execution was started.
    Missed,
}

impl FileStatus {
    /// Returns true if an operator or the reconciler has to act.
    pub fn is_open(self) -> bool {
        match self {
            Self::Unnoticed | Self::Stopped | Self::DeadLetter | Self::Missed => true,
            Self::Loaded
            | Self::AlreadyLoaded
            | Self::Superseded
            | Self::Ignored
            | Self::Failed
            | Self::Running
            | Self::Arriving
            | Self::Unknown => false,
        }
    }

    /// Returns true if the reconciler starts the file without an operator.
    ///
    /// It starts a failed file without a notice: the file then loads, or fails with a notice. It does not start a
    /// stopped execution, because only a person stops one. It does not start a dead letter, which has its own alarm.
    pub fn starts_unattended(self) -> bool {
        matches!(self, Self::Missed | Self::Unnoticed)
    }

    /// Returns true if the version may still change its table.
    pub(crate) fn may_still_load(self) -> bool {
        self.is_open() || matches!(self, Self::Running | Self::Arriving)
    }

    /// Returns the text for reports and notices.
    pub fn description(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::AlreadyLoaded => "already loaded",
            Self::Superseded => "superseded",
            Self::Ignored => "ignored",
            Self::Failed => "failed with a notice",
            Self::Running => "running",
            Self::Arriving => "too new: its event may still arrive",
            Self::Unknown => "unknown: Step Functions keeps executions for only 90 days",
            Self::Unnoticed => "failed without a notice",
            Self::Stopped => "execution stopped",
            Self::DeadLetter => "event in the dead-letter queue",
            Self::Missed => "missed: no execution was started",
        }
    }

    pub(crate) fn from_outcome(outcome: LoadOutcome) -> Self {
        match outcome {
            LoadOutcome::Loaded => Self::Loaded,
            LoadOutcome::AlreadyLoaded => Self::AlreadyLoaded,
            LoadOutcome::Superseded => Self::Superseded,
            LoadOutcome::Ignored => Self::Ignored,
        }
    }

    /// `outcome` and `cause` are those of the execution's output and error; empty without them.
    pub(crate) fn from_execution(status: &ExecutionStatus, outcome: &str, cause: &str) -> Self {
        match status {
            ExecutionStatus::Running | ExecutionStatus::PendingRedrive => Self::Running,
            ExecutionStatus::Succeeded => outcome.parse().map_or(Self::Stopped, Self::from_outcome),
            ExecutionStatus::Failed if cause.contains(NOT_NOTICED) => Self::Unnoticed,
            ExecutionStatus::Failed => Self::Failed,
            _ => Self::Stopped,
        }
    }
}

/// The facts that determine the status of one object version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StatusFacts {
    /// From the ledger.
    pub(crate) recorded: Option<FileStatus>,
    /// The smallest status of its executions.
    pub(crate) execution: Option<FileStatus>,
    pub(crate) is_dead_letter: bool,
    /// A newer version of the key is loaded, and supersedes this one.
    pub(crate) is_superseded: bool,
    /// The key alone shows that nothing is loaded.
    pub(crate) is_ignored_by_name: bool,
    pub(crate) age: TimeDelta,
}

/// Returns the status of one object version.
///
/// The ledger counts first, then an execution that ended well or still runs, then the dead-letter queue, then other
/// executions, then age. A version younger than `grace` may still receive its event.
pub(crate) fn status_of(facts: StatusFacts, grace: TimeDelta) -> FileStatus {
    let StatusFacts { recorded, execution, is_dead_letter, is_superseded, is_ignored_by_name, age } = facts;
    if let Some(known) = recorded.or(execution.filter(|status| !status.is_open())) {
        return known;
    }
    match execution {
        _ if is_dead_letter => FileStatus::DeadLetter,
        Some(open) => open,
        None if is_superseded => FileStatus::Superseded,
        None if age < grace => FileStatus::Arriving,
        None if age < EXECUTIONS_KEPT => FileStatus::Missed,
        None if is_ignored_by_name => FileStatus::Ignored,
        None => FileStatus::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: StatusFacts = StatusFacts {
        recorded: None,
        execution: None,
        is_dead_letter: false,
        is_superseded: false,
        is_ignored_by_name: false,
        age: TimeDelta::hours(1),
    };

    #[test]
    fn most_reliable_fact_determines_the_status() {
        fn check(facts: StatusFacts, expected: FileStatus) {
            assert_eq!(status_of(facts, TimeDelta::minutes(5)), expected, "{facts:?}");
        }
        let recorded = Some(FileStatus::Loaded);
        check(StatusFacts { recorded, ..NOTHING }, FileStatus::Loaded);
        check(
            StatusFacts { recorded, execution: Some(FileStatus::Stopped), is_dead_letter: true, ..NOTHING },
            FileStatus::Loaded,
        );
        check(StatusFacts { recorded: Some(FileStatus::Superseded), ..NOTHING }, FileStatus::Superseded);
        for ended in [FileStatus::Failed, FileStatus::Running, FileStatus::Ignored] {
            check(StatusFacts { execution: Some(ended), is_dead_letter: true, ..NOTHING }, ended);
        }
        for open in [FileStatus::Stopped, FileStatus::Unnoticed] {
            check(StatusFacts { execution: Some(open), is_superseded: true, ..NOTHING }, open);
            check(StatusFacts { execution: Some(open), is_dead_letter: true, ..NOTHING }, FileStatus::DeadLetter);
        }
        check(StatusFacts { is_dead_letter: true, is_superseded: true, ..NOTHING }, FileStatus::DeadLetter);
        check(StatusFacts { is_superseded: true, ..NOTHING }, FileStatus::Superseded);
        check(NOTHING, FileStatus::Missed);
        check(StatusFacts { is_ignored_by_name: true, ..NOTHING }, FileStatus::Missed);
    }

    #[test]
    fn age_counts_only_without_other_facts() {
        fn check(age: TimeDelta, expected: FileStatus) {
            assert_eq!(status_of(StatusFacts { age, ..NOTHING }, TimeDelta::minutes(5)), expected, "{age}");
        }
        check(TimeDelta::zero(), FileStatus::Arriving);
        // The clocks of S3 and of this machine may differ.
        check(TimeDelta::minutes(-3), FileStatus::Arriving);
        check(TimeDelta::minutes(5), FileStatus::Missed);
        check(TimeDelta::days(89), FileStatus::Missed);
        check(TimeDelta::days(90), FileStatus::Unknown);
        let old = StatusFacts { age: TimeDelta::days(91), ..NOTHING };
        let ignored = StatusFacts { is_ignored_by_name: true, ..old };
        assert_eq!(status_of(ignored, TimeDelta::zero()), FileStatus::Ignored);
        let loaded = StatusFacts { recorded: Some(FileStatus::Loaded), ..old };
        assert_eq!(status_of(loaded, TimeDelta::zero()), FileStatus::Loaded);
    }

    #[test]
    fn execution_status_follows_its_end() {
        fn check(status: &ExecutionStatus, outcome: &str, cause: &str, expected: FileStatus) {
            assert_eq!(FileStatus::from_execution(status, outcome, cause), expected, "{status:?} {outcome} {cause}");
        }
        check(&ExecutionStatus::Running, "", "", FileStatus::Running);
        check(&ExecutionStatus::Succeeded, "Loaded", "", FileStatus::Loaded);
        check(&ExecutionStatus::Succeeded, "Ignored", "", FileStatus::Ignored);
        check(&ExecutionStatus::Succeeded, "", "", FileStatus::Stopped);
        check(&ExecutionStatus::Failed, "", "EmptyFile", FileStatus::Failed);
        check(&ExecutionStatus::Failed, "", &format!("EmptyFile\n{NOT_NOTICED}: Denied"), FileStatus::Unnoticed);
        check(&ExecutionStatus::Aborted, "", "", FileStatus::Stopped);
        check(&ExecutionStatus::TimedOut, "", "", FileStatus::Stopped);
    }

    #[test]
    fn process_file_marks_failures_without_a_notice() {
        assert!(include_str!("../../../statemachine/process-file.asl.json").contains(NOT_NOTICED));
    }
}
