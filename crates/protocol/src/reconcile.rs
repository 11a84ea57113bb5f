use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ObjectRef;

/// What `Reconcile` is asked: all that matters is set when the stack is deployed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReconcileRequest {
    pub execution: String,
}

/// What `Reconcile` gives: the files that are to be started, as many as a turn takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reconciliation {
    pub bucket: String,
    /// Nothing that arrived earlier was looked at.
    pub since: DateTime<Utc>,
    /// The oldest first.
    pub missed: Vec<MissedFile>,
    /// How many more are to be started, which this turn does not take.
    pub left: usize,
    /// Counts of object versions by status, as `penstock reconcile` describes it.
    pub statuses: BTreeMap<String, usize>,
}

/// One object version that is to be started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MissedFile {
    /// Of the execution: the same for whoever finds the same, so that it starts once.
    pub name: String,
    /// The event to start with. Its sequencer is there when an event is known that told it.
    pub object: ObjectRef,
    /// The description of its status.
    pub reason: String,
}
