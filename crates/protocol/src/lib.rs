//! The payloads between the states of the machines, the identity of an S3 object, the event shapes, and the failure
//! names. No I/O.

mod error_chain;
mod event;
mod failure;
mod faults;
mod file_kind;
mod named;
mod object;
mod reconcile;
mod runs;
mod states;

pub use error_chain::error_chain;
pub use event::{Event, InvalidEvent, KEY_BYTES_MAX};
pub use failure::{Failure, FailureClass, FailureName};
pub use faults::{FAULT_FIELD, Fault, FaultyState, PlanRequest, PlannedFault, PlannedFaults};
pub use file_kind::UnsupportedName;
pub use named::UnknownName;
pub use object::ObjectRef;
pub use reconcile::{MissedFile, ReconcileRequest, Reconciliation};
pub use runs::{
    AwaitedFile, ExportReport, FailedRun, FollowRequest, Followers, OpenedRun, RunEnded, RunFailure, RunInput,
    RunOutcome, RunRef, RunReport, RunRequest, RunStart, RunState, Sweep, TransformReport,
};
pub use states::{
    CheckFileRequest, CheckedFile, Compression, FailureRequest, FileKind, Format, LoadOutcome, LoadReport, LoadRequest,
    RejectSample, Resolution, ResolveRequest, SurvivalReport,
};

/// The largest payload of a Step Functions state, in bytes.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>
pub const PAYLOAD_BYTES_MAX: usize = 256 * 1024;
