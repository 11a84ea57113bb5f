//! The payloads of runs. A run is one execution of a pipeline's transforms and exports for a period.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::named::named;
use crate::object::ObjectRef;
use crate::recorded_failure::UnrecordedFailure;

/// The identity of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRef {
    pub run_id: i64,
    pub pipeline: String,
    /// The start of its period.
    pub logical_at: DateTime<Utc>,
}

/// The payload of `transformer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
pub enum RunRequest {
    /// `RunTransforms`: claims a complete run, executes its transforms and writes its exports. Answers a [`RunReport`].
    Run { execution: String, run_id: i64 },
    /// `OpenRun`: opens a run that was started by hand or follows another run. Answers an [`OpenedRun`].
    Open { execution: String, start: RunStart },
    /// `CloseRun`: records the failure of a run. Answers a [`FailedRun`].
    Close { execution: String, run_id: i64, failure: RunFailure },
    /// `SweepRuns`: fails the runs that are past their deadline. Answers a [`Sweep`].
    Sweep { execution: String },
    /// `RecordAwaited`: records a data file that a trigger announced and that has not arrived. Has no answer.
    Await { execution: String, awaited: Box<AwaitedFile> },
    /// `RecordFailure` and `RecordRunFailure`: records a failed file, or a run that could not be opened. Answers a
    /// [`RecordedFailure`](crate::RecordedFailure).
    Fail { execution: String, failed: Box<UnrecordedFailure> },
}

/// The run to open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunStart {
    pub pipeline: String,
    /// Any time of the period, in the pipeline's time zone. The default is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<NaiveDateTime>,
    /// The same as an instant. It has precedence over `at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logical_at: Option<DateTime<Utc>>,
    /// Run even if datasets are missing, or if the period has a successful run.
    #[serde(default)]
    pub force: bool,
    /// The run of another pipeline that this run follows. Only one run of a pipeline follows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_run_id: Option<i64>,
    /// A run of the pipeline to run again, with its inputs. Then no other field but `pipeline` counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerun: Option<i64>,
}

/// The answer of `OpenRun`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "lowercase", deny_unknown_fields)]
pub enum OpenedRun {
    /// This run is to be executed.
    Run { run: RunRef },
    /// The run has ended or is running already.
    Skipped { run: RunRef, reason: String },
}

/// The payload of `ResolveRuns`: the detail of an event `Run Succeeded` or `Run Failed` of the stack's bus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FollowRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
    pub ended: RunEnded,
}

/// The part of a run's event that selects the runs that follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunEnded {
    pub run: RunRef,
    pub succeeded: bool,
}

/// The answer of `ResolveRuns`: the runs of other pipelines to open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Followers {
    pub starts: Vec<RunStart>,
}

/// The answer of `RunTransforms`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunReport {
    pub outcome: RunOutcome,
    pub run: RunRef,
    /// The day of `logical_at` in the pipeline's time zone. It is `:run_date` in transforms.
    pub run_date: NaiveDate,
    /// The period in the pipeline's time zone: `2024-05-01 09:00`, `2024-05-01` or `2024-05`.
    pub period: String,
    pub inputs: Vec<RunInput>,
    pub transforms: Vec<TransformReport>,
    pub exports: Vec<ExportReport>,
    pub duration_ms: u64,
    /// True if the pipeline sends a notice of success (`[notify]`).
    pub notify_success: bool,
}

named! {
    /// The outcome of `RunTransforms`.
    pub enum RunOutcome {
        Succeeded,
        /// Another execution has claimed this run. Its notice reports the run.
        AlreadyClaimed,
    }
}

named! {
    /// The state of a run, as `penstock.run.state` stores it.
    pub enum RunState {
        /// Datasets are missing.
        Waiting,
        /// All datasets are loaded, and no execution has claimed the run.
        Ready,
        /// An execution has claimed the run.
        Running,
        Succeeded,
        Failed,
        /// The datasets of the period are complete once more, and the pipeline has `again = "skip"`.
        Skipped,
    }
}

/// The loads of one dataset in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunInput {
    pub dataset: String,
    pub loads: u64,
    pub rows_loaded: u64,
    pub rows_rejected: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransformReport {
    /// The name of the SQL file.
    pub sql: String,
    pub statements: u64,
    /// Rows inserted, updated and deleted by all statements.
    pub rows: u64,
    pub duration_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportReport {
    /// The curated bucket.
    pub bucket: String,
    pub key: String,
    pub rows: u64,
    pub bytes: u64,
}

/// The failure name and the message of a failed run. The message includes the remedy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFailure {
    pub name: String,
    pub message: String,
}

/// The answer of `CloseRun`, and of `SweepRuns` for each run: the content of the notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailedRun {
    pub run: RunRef,
    pub run_date: NaiveDate,
    /// As in [`RunReport`].
    pub period: String,
    pub inputs: Vec<RunInput>,
    pub failure: RunFailure,
}

/// The answer of `SweepRuns`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// The runs that this sweep has failed.
    pub failed: Vec<FailedRun>,
    /// Runs that are complete, but that no execution has claimed for a while. Their start was lost.
    pub unclaimed: Vec<RunRef>,
}

/// A data file that a trigger announced and that has not arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwaitedFile {
    pub pipeline: String,
    pub dataset: String,
    pub source: ObjectRef,
    pub trigger: ObjectRef,
}
