//! The payloads of the states of `process-file`. Unknown fields are errors: a state machine and functions of different
//! releases must not misread each other's payloads.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::named::named;
use crate::object::ObjectRef;
use crate::reload::Reload;
use crate::runs::RunRef;

/// The payload of `CheckFileExtension`, with an event of any shape. The function also accepts the bare event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckFileRequest {
    pub execution: String,
    pub event: Value,
}

/// The answer of `CheckFileExtension`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckedFile {
    /// The key is empty for the test event of S3, which names no object.
    pub object: ObjectRef,
    pub file: FileKind,
    /// The load to replace, if the event asks for a reload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reload: Option<Reload>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum FileKind {
    Data {
        format: Format,
        compression: Compression,
    },
    Trigger {},
    /// The name alone does not decide: a dataset may declare the format of the file, or name a file that begins with `_`
    /// or `.`. `ResolveTrigger` decides with the definitions.
    Undecided {},
    Ignored {
        reason: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Fields with a delimiter: a comma, or the dataset's delimiter.
    Csv,
    /// Fields with tabs between them.
    Tsv,
    /// An array of objects, or a sequence of objects.
    Json,
    /// A sequence of objects, usually one per line, or an array of objects.
    Jsonl,
    /// Row groups of columns. Pages may be compressed, the file never is.
    Parquet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    None,
    Gzip,
    Zstd,
    Bzip2,
    /// An archive with one member.
    Zip,
}

/// The payload of `ResolveTrigger`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolveRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
    pub object: ObjectRef,
    pub file: FileKind,
    /// The seconds that the execution has waited for the data file of this trigger.
    #[serde(default)]
    pub waited_s: u64,
    /// The load to replace, if the event asks for a reload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reload: Option<Reload>,
}

/// The answer of `ResolveTrigger`: the next step of the execution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "lowercase", deny_unknown_fields)]
pub enum Resolution {
    /// Load the file.
    Load { load: LoadRequest },
    /// The data file has not arrived. Pause, then resolve again with the new `waited_s`.
    Wait { pipeline: String, dataset: String, source: ObjectRef, pause_s: u64, waited_s: u64 },
    /// Ignore the file. A marker that no dataset waits for has no pipeline and no dataset.
    Ignored {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pipeline: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dataset: Option<String>,
        reason: String,
    },
}

/// The payload of `LoadFile`: one object version and its dataset.
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
    /// The time of the data: from the key or the trigger's name, otherwise the event's time.
    pub logical_at: DateTime<Utc>,
    /// The scheduled and the actual start of the process, from the trigger's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual_at: Option<DateTime<Utc>>,
    /// The text of `pipeline.toml` that matched the key. The loader uses this text, not a newer one.
    pub definition: String,
    /// SHA-256 of `definition`, hex.
    pub definition_hash: String,
    /// True if the pipeline sends a notice of success (`[notify]`).
    pub notify_success: bool,
    /// The load whose rejects this file corrects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repairs: Option<i64>,
    /// The load of this version to replace. Its rows and those of its repairs are removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reloads: Option<i64>,
}

/// The answer of `LoadFile`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadReport {
    pub outcome: LoadOutcome,
    /// The ledger row of this load, or of the load whose rows are in the table instead.
    pub load_id: i64,
    pub pipeline: String,
    pub dataset: String,
    pub table: String,
    /// The size of the object in S3.
    pub bytes: u64,
    pub rows_read: u64,
    pub rows_loaded: u64,
    pub rows_rejected: u64,
    pub duration_ms: u64,
    /// The first few rejects. All of them are in `penstock.reject`.
    pub first_rejects: Vec<RejectSample>,
    /// The run that this load completed, or that is complete and not claimed yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunRef>,
    /// The load whose rejects this one corrects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repairs: Option<i64>,
    /// The load that this one replaces, if it is a reload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reloads: Option<i64>,
    /// Why a person may have to act although the load succeeded, and the command to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
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
    /// The physical line, from 1. The header counts.
    pub line: u64,
    /// The last line of a record that spans several lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_line: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    pub reason: String,
}

/// The direct payload of `random-failure-generator`.
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
    /// From 0 (never) to 1 (always).
    #[serde(default = "one_in_three")]
    pub failure_rate: f64,
}

fn one_in_three() -> f64 {
    1.0 / 3.0
}

/// The answer of `random-failure-generator` to its direct payload, if it does not fail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SurvivalReport {
    /// The random number in [0, 1), not below `failure_rate`.
    pub roll: f64,
    pub failure_rate: f64,
    pub seed: u64,
    pub attempt: u32,
}
