//! What the states around a run take and give: a run is one execution of a pipeline's transforms and exports over the
//! loads of one period.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ObjectRef;
use crate::named::named;

/// A run, as states pass it on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRef {
    pub run_id: i64,
    pub pipeline: String,
    /// The start of the period that the run's data is about.
    pub logical_at: DateTime<Utc>,
}

/// What `transformer` takes, from every state that calls it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
pub enum RunRequest {
    /// `RunTransforms`: claims a complete run, executes its transforms, writes its exports. Gives a [`RunReport`].
    Run { execution: String, run_id: i64 },
    /// `OpenRun`: a run that somebody asks for by hand, or that follows another pipeline's. Gives an [`OpenedRun`].
    Open { execution: String, start: RunStart },
    /// `CloseRun`: records that a run failed, whatever failed in it. Gives a [`FailedRun`].
    Close { execution: String, run_id: i64, failure: RunFailure },
    /// `SweepRuns`: fails the runs that are past their deadline. Gives a [`Sweep`].
    Sweep { execution: String },
    /// `RecordAwaited`: remembers a data file that its trigger announced and that is not there yet. Gives nothing.
    Await { execution: String, awaited: Box<AwaitedFile> },
}

/// Which run to open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunStart {
    pub pipeline: String,
    /// Any time of the period, in the pipeline's time zone; now, when it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<NaiveDateTime>,
    /// The same as an instant; stands before `at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logical_at: Option<DateTime<Utc>>,
    /// Runs also when the set is incomplete, or its run has succeeded already.
    #[serde(default)]
    pub force: bool,
    /// The run of another pipeline that this one follows: it is followed once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_run_id: Option<i64>,
}

/// What `OpenRun` gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "lowercase", deny_unknown_fields)]
pub enum OpenedRun {
    /// Run this.
    Run { run: RunRef },
    /// It has run already, or runs; why nothing is done.
    Skipped { run: RunRef, reason: String },
}

/// What `ResolveRuns` takes: the detail of an event `Run Succeeded` or `Run Failed` of the stack's bus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FollowRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
    pub ended: RunEnded,
}

/// The part of a run's event that decides who follows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunEnded {
    pub run: RunRef,
    pub succeeded: bool,
}

/// What `ResolveRuns` gives: the runs of other pipelines to open now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Followers {
    pub starts: Vec<RunStart>,
}

/// What `RunTransforms` gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunReport {
    pub outcome: RunOutcome,
    pub run: RunRef,
    /// The day of `logical_at` in the pipeline's time zone; `:run_date` in transforms.
    pub run_date: NaiveDate,
    /// What people in the pipeline's time zone call the run's period: `2024-05-01 09:00`, `2024-05-01` or `2024-05`.
    pub period: String,
    pub inputs: Vec<RunInput>,
    pub transforms: Vec<TransformReport>,
    pub exports: Vec<ExportReport>,
    pub duration_ms: u64,
    /// Whether a success is announced, as `[notify]` says.
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

/// What one dataset brought to a run.
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
    /// The file's name.
    pub sql: String,
    pub statements: u64,
    /// Inserted, updated and deleted, all statements together.
    pub rows: u64,
    pub duration_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportReport {
    /// In the curated bucket.
    pub bucket: String,
    pub key: String,
    pub rows: u64,
    pub bytes: u64,
}

/// Why a run failed: a failure's name and its message, what to do included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFailure {
    pub name: String,
    pub message: String,
}

/// What `CloseRun` gives, and `SweepRuns` for each run: all that a notice tells.
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

/// What `SweepRuns` gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// Failed by this sweep.
    pub failed: Vec<FailedRun>,
    /// Complete for a while, and claimed by nobody: their executions died in between.
    pub unclaimed: Vec<RunRef>,
}

/// A data file that a trigger announced and that is not there yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwaitedFile {
    pub pipeline: String,
    pub dataset: String,
    pub source: ObjectRef,
    pub trigger: ObjectRef,
}
