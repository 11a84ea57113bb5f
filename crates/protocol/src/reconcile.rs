use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::object::ObjectRef;

/// The payload of `Reconcile`. Its settings are parameters of the stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReconcileRequest {
    pub execution: String,
}

/// The answer of `Reconcile`: the missed files, at most as many as one reconcile starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reconciliation {
    pub bucket: String,
    /// Earlier files were not checked.
    pub since: DateTime<Utc>,
    /// Oldest first.
    pub missed: Vec<MissedFile>,
    /// The number of further missed files, for the next reconcile.
    pub left: usize,
    /// Counts of object versions by status, as `penstock reconcile` describes it.
    pub statuses: BTreeMap<String, usize>,
}

/// An object version without an execution, or whose execution failed without a notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MissedFile {
    /// The name of its execution. It is derived from the object version, so the file starts once.
    pub name: String,
    /// The input of its execution. It has a sequencer if an event of the object version is known.
    pub object: ObjectRef,
    /// The description of its status.
    pub reason: String,
}
