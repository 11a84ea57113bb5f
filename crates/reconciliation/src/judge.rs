//! Where an object version stands, by what is known of it.

use aws_sdk_sfn::types::ExecutionStatus;
use chrono::TimeDelta;
use serde::Serialize;

/// How long Step Functions keeps an execution that has ended.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>
const EXECUTIONS_KEPT: TimeDelta = TimeDelta::days(90);

/// What the machine adds to a failure whose notice did not leave.
const NOT_NOTICED: &str = "The notice of this failure could not be sent";

/// The best that is known comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Loaded,
    AlreadyLoaded,
    Superseded,
    Ignored,
    /// And a notice has told it.
    Failed,
    Running,
    /// So new that its event may still be on its way.
    Arriving,
    /// So old that its execution is no longer kept, and the ledger does not know it.
    Unknown,
    /// Failed, and the notice of it could not be sent.
    Unnoticed,
    /// Its execution was stopped before it could end by itself.
    Stopped,
    /// Its event waits in the dead-letter queue.
    DeadLetter,
    /// Nothing has ever started for it.
    Missed,
}

impl Standing {
    /// Whether somebody has to do something about it.
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

    /// Whether a machine may start it anew with nobody looking on. What failed without a notice is owed one: it loads
    /// now, or fails and says so. What was stopped, somebody has stopped, for `process-file` ends by itself in every other
    /// way; and a dead letter has its alarm, and a cause that an operator knows of.
    pub fn starts_unattended(self) -> bool {
        matches!(self, Self::Missed | Self::Unnoticed)
    }

    /// Whether it is not known yet what its table has of it.
    pub(crate) fn may_still_load(self) -> bool {
        self.is_open() || matches!(self, Self::Running | Self::Arriving)
    }

    /// As people say it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::AlreadyLoaded => "already loaded",
            Self::Superseded => "superseded",
            Self::Ignored => "ignored",
            Self::Failed => "failed with a notice",
            Self::Running => "running",
            Self::Arriving => "too new to tell",
            Self::Unknown => "unknown, older than the 90 days for which executions are kept",
            Self::Unnoticed => "failed, and its notice could not be sent",
            Self::Stopped => "its execution was stopped",
            Self::DeadLetter => "its event waits in the dead-letter queue",
            Self::Missed => "nothing was ever started for it",
        }
    }

    /// The outcome of a file, as the ledger and the machine write it.
    pub(crate) fn of_outcome(outcome: &str) -> Option<Self> {
        match outcome {
            "Loaded" => Some(Self::Loaded),
            "AlreadyLoaded" => Some(Self::AlreadyLoaded),
            "Superseded" => Some(Self::Superseded),
            "Ignored" => Some(Self::Ignored),
            _ => None,
        }
    }

    pub(crate) fn of_execution(status: &ExecutionStatus, outcome: &str, cause: &str) -> Self {
        match status {
            ExecutionStatus::Running | ExecutionStatus::PendingRedrive => Self::Running,
            ExecutionStatus::Succeeded => Self::of_outcome(outcome).unwrap_or(Self::Stopped),
            ExecutionStatus::Failed if cause.contains(NOT_NOTICED) => Self::Unnoticed,
            ExecutionStatus::Failed => Self::Failed,
            _ => Self::Stopped,
        }
    }
}

/// All that is known of one object version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence {
    /// What the ledger says.
    pub(crate) entry: Option<Standing>,
    /// The best of its executions.
    pub(crate) execution: Option<Standing>,
    pub(crate) is_dead_letter: bool,
    /// A newer version of its key is loaded, and its dataset keeps only the newest.
    pub(crate) is_replaced: bool,
    /// Its name alone says that nothing is to be loaded.
    pub(crate) is_ignored_by_name: bool,
    pub(crate) age: TimeDelta,
}

/// What is committed counts before what an execution says of itself, and that before what is only likely.
pub(crate) fn judge(evidence: Evidence, grace: TimeDelta) -> Standing {
    let Evidence { entry, execution, is_dead_letter, is_replaced, is_ignored_by_name, age } = evidence;
    if let Some(known) = entry.or(execution.filter(|standing| !standing.is_open())) {
        return known;
    }
    match execution {
        _ if is_dead_letter => Standing::DeadLetter,
        Some(open) => open,
        None if is_replaced => Standing::Superseded,
        None if age < grace => Standing::Arriving,
        None if age < EXECUTIONS_KEPT => Standing::Missed,
        None if is_ignored_by_name => Standing::Ignored,
        None => Standing::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Evidence = Evidence {
        entry: None,
        execution: None,
        is_dead_letter: false,
        is_replaced: false,
        is_ignored_by_name: false,
        age: TimeDelta::hours(1),
    };

    #[test]
    fn what_is_known_best_decides() {
        fn check(evidence: Evidence, expected: Standing) {
            assert_eq!(judge(evidence, TimeDelta::minutes(5)), expected, "{evidence:?}");
        }
        let entry = Some(Standing::Loaded);
        check(Evidence { entry, ..NOTHING }, Standing::Loaded);
        check(
            Evidence { entry, execution: Some(Standing::Stopped), is_dead_letter: true, ..NOTHING },
            Standing::Loaded,
        );
        check(Evidence { entry: Some(Standing::Superseded), ..NOTHING }, Standing::Superseded);
        for ended in [Standing::Failed, Standing::Running, Standing::Ignored] {
            check(Evidence { execution: Some(ended), is_dead_letter: true, ..NOTHING }, ended);
        }
        for open in [Standing::Stopped, Standing::Unnoticed] {
            check(Evidence { execution: Some(open), is_replaced: true, ..NOTHING }, open);
            check(Evidence { execution: Some(open), is_dead_letter: true, ..NOTHING }, Standing::DeadLetter);
        }
        check(Evidence { is_dead_letter: true, is_replaced: true, ..NOTHING }, Standing::DeadLetter);
        check(Evidence { is_replaced: true, ..NOTHING }, Standing::Superseded);
        check(NOTHING, Standing::Missed);
        check(Evidence { is_ignored_by_name: true, ..NOTHING }, Standing::Missed);
    }

    #[test]
    fn age_decides_only_when_nothing_else_does() {
        fn check(age: TimeDelta, expected: Standing) {
            assert_eq!(judge(Evidence { age, ..NOTHING }, TimeDelta::minutes(5)), expected, "{age}");
        }
        check(TimeDelta::zero(), Standing::Arriving);
        // The clocks of S3 and of this machine need not agree.
        check(TimeDelta::minutes(-3), Standing::Arriving);
        check(TimeDelta::minutes(5), Standing::Missed);
        check(TimeDelta::days(89), Standing::Missed);
        check(TimeDelta::days(90), Standing::Unknown);
        let old = Evidence { age: TimeDelta::days(91), ..NOTHING };
        assert_eq!(judge(Evidence { is_ignored_by_name: true, ..old }, TimeDelta::zero()), Standing::Ignored);
        assert_eq!(judge(Evidence { entry: Some(Standing::Loaded), ..old }, TimeDelta::zero()), Standing::Loaded);
    }

    #[test]
    fn executions_say_how_they_ended() {
        fn check(status: &ExecutionStatus, outcome: &str, cause: &str, expected: Standing) {
            assert_eq!(Standing::of_execution(status, outcome, cause), expected, "{status:?} {outcome} {cause}");
        }
        check(&ExecutionStatus::Running, "", "", Standing::Running);
        check(&ExecutionStatus::Succeeded, "Loaded", "", Standing::Loaded);
        check(&ExecutionStatus::Succeeded, "Ignored", "", Standing::Ignored);
        check(&ExecutionStatus::Succeeded, "", "", Standing::Stopped);
        check(&ExecutionStatus::Failed, "", "EmptyFile", Standing::Failed);
        check(&ExecutionStatus::Failed, "", &format!("EmptyFile\n{NOT_NOTICED}: Denied"), Standing::Unnoticed);
        check(&ExecutionStatus::Aborted, "", "", Standing::Stopped);
        check(&ExecutionStatus::TimedOut, "", "", Standing::Stopped);
    }

    #[test]
    fn the_machine_says_so_when_a_notice_could_not_be_sent() {
        assert!(include_str!("../../../statemachine/process-file.asl.json").contains(NOT_NOTICED));
    }
}
