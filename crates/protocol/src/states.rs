//! What each state takes and gives. Unknown fields are refused: a machine and functions of different releases must
//! not misunderstand each other silently.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::named::named;
use crate::{ObjectRef, RunRef};

/// What `CheckFileExtension` takes: the event, whole and of any shape, with the execution that handles it.
/// The function also takes the bare event, for runs by hand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckFileRequest {
    pub execution: String,
    pub event: Value,
}

/// What `CheckFileExtension` gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckedFile {
    /// S3's test event names no object: its key is empty.
    pub object: ObjectRef,
    pub file: FileKind,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum FileKind {
    Data { format: Format, compression: Compression },
    Trigger {},
    Ignored { reason: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Fields between commas, or whatever delimiter the dataset declares.
    Csv,
    /// The same with tabs.
    Tsv,
    /// One array of objects.
    Json,
    /// One object a line.
    Jsonl,
    /// Row groups of columns. Its pages are compressed, never the file.
    Parquet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

/// What `ResolveTrigger` takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolveRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
    pub object: ObjectRef,
    pub file: FileKind,
    /// How long the machine has already waited for the data file of this trigger.
    #[serde(default)]
    pub waited_s: u64,
}

/// What `ResolveTrigger` gives: exactly one thing to do next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "lowercase", deny_unknown_fields)]
pub enum Resolution {
    /// Load this.
    Load { load: LoadRequest },
    /// The data file is not there yet: pause, add the pause to `waited_s`, and ask again.
    Wait { pipeline: String, dataset: String, source: ObjectRef, pause_s: u64, waited_s: u64 },
    /// Nothing to do, and why. A marker that nobody waits for has no dataset.
    Ignored {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pipeline: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dataset: Option<String>,
        reason: String,
    },
}

/// What `LoadFile` takes: one object version, one dataset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
    pub pipeline: String,
    pub dataset: String,
    pub object: ObjectRef,
    pub format: Format,
    pub compression: Compression,
    /// The time that the data is about, from the key or the trigger's name, else the event's time.
    pub logical_at: DateTime<Utc>,
    /// From a trigger's name: when its process should have started, and when it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual_at: Option<DateTime<Utc>>,
    /// The pipeline's `pipeline.toml`, the very text that was matched: the loader follows this and no newer one.
    pub definition: String,
    /// SHA-256 of `definition`, hex.
    pub definition_hash: String,
    /// Whether a success is announced, as `[notify]` says.
    pub notify_success: bool,
    /// The load whose refused records this file corrects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repairs: Option<i64>,
}

/// What `LoadFile` gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadReport {
    pub outcome: LoadOutcome,
    /// The ledger's row: of this load, or of the one whose rows are in the table instead of this object's.
    pub load_id: i64,
    pub pipeline: String,
    pub dataset: String,
    pub table: String,
    /// Bytes of the object as S3 keeps it.
    pub bytes: u64,
    pub rows_read: u64,
    pub rows_loaded: u64,
    pub rows_rejected: u64,
    pub duration_ms: u64,
    /// The first few; all of them are in `penstock.reject`.
    pub first_rejects: Vec<RejectSample>,
    /// The run that this load made complete, or that is complete and still waits to be started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunRef>,
    /// The load whose refused records this one corrects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repairs: Option<i64>,
}

named! {
    /// The outcome of a load, as `penstock.load.outcome` stores it.
    pub enum LoadOutcome {
        Loaded,
        /// This object version, or its content, is loaded already. The counts are those of that load.
        AlreadyLoaded,
        /// A newer version of the key is loaded already.
        Superseded,
        /// Another version of the key is loaded already, and the dataset has `on_new_version = "ignore"`.
        Ignored,
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RejectSample {
    /// Physical line from 1, the header included.
    pub line: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    pub reason: String,
}

/// What `random-failure-generator` takes in its direct form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailureRequest {
    #[serde(default)]
    pub execution: String,
    /// The number of the attempt, from 0. Each attempt has its own random number, which is always the same.
    #[serde(default)]
    pub attempt: u32,
    #[serde(default)]
    pub seed: u64,
    /// 0 never fails, 1 always does.
    #[serde(default = "one_in_three")]
    pub failure_rate: f64,
}

fn one_in_three() -> f64 {
    1.0 / 3.0
}

/// What `random-failure-generator` gives in its direct form, when it does not fail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SurvivalReport {
    /// In [0, 1); at or above `failure_rate`.
    pub roll: f64,
    pub failure_rate: f64,
    pub seed: u64,
    pub attempt: u32,
}
