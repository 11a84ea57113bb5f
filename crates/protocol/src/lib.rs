//! The payloads between the states of the machines, the identity of an S3 object, the event shapes, and the failure
//! names. No I/O.

mod error_chain;
mod event;
mod failure;
mod faults;
mod file_kind;
mod limits;
mod named;
mod object;
mod reconcile;
mod recorded_failure;
mod reload;
mod runs;
mod states;

pub use error_chain::error_chain;
pub use event::{Event, InvalidEvent, requested_reload};
pub use failure::{Failure, FailureClass, FailureName};
pub use faults::{FAULT_FIELD, Fault, FaultyState, PlanRequest, PlannedFault, PlannedFaults};
pub use file_kind::UnsupportedName;
pub use limits::{KEY_BYTES_MAX, PAYLOAD_BYTES_MAX};
pub use named::UnknownName;
pub use object::ObjectRef;
pub use reconcile::{MissedFile, ReconcileRequest, Reconciliation};
pub use recorded_failure::{
    FILE_REMEDY, FailureKind, REMEDY_MARK, RUN_REMEDY, RecordedFailure, UnrecordedFailure, file_remedy,
    pipeline_remedy, run_remedy, split_message,
};
pub use reload::Reload;
pub use runs::{
    AwaitedFile, ExportReport, FailedRun, FollowRequest, Followers, OpenedRun, RunEnded, RunFailure, RunInput,
    RunOutcome, RunRef, RunReport, RunRequest, RunStart, RunState, Sweep, TransformReport,
};
pub use states::{
    CheckFileRequest, CheckedFile, Compression, FailureRequest, FileKind, Format, LoadOutcome, LoadReport, LoadRequest,
    RejectSample, Resolution, ResolveRequest, SurvivalReport,
};
