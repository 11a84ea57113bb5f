//! Rows of the history views. `--json` prints them with the same names.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A row of `penstock.run_history`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct RunRow {
    pub(crate) run_id: i64,
    pub(crate) pipeline: String,
    pub(crate) logical_at: DateTime<Utc>,
    pub(crate) attempt: Option<i32>,
    pub(crate) state: String,
    pub(crate) failure: Option<String>,
    pub(crate) failure_message: Option<String>,
    pub(crate) datasets_needed: i64,
    pub(crate) datasets_arrived: i64,
    pub(crate) loads: i64,
    pub(crate) rows_loaded: i64,
    pub(crate) rows_rejected: i64,
    pub(crate) exports: i64,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) deadline_at: Option<DateTime<Utc>>,
    pub(crate) claimed_at: Option<DateTime<Utc>>,
    pub(crate) ended_at: Option<DateTime<Utc>>,
    pub(crate) after_run_id: Option<i64>,
    pub(crate) execution_arn: Option<String>,
    /// Time from the claim to the end, in milliseconds. A waiting run counts from its first load, an unfinished one to now.
    pub(crate) elapsed_ms: Option<i64>,
}

/// A row of `penstock.missing`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct MissingFileRow {
    pub(crate) expected_by: String,
    pub(crate) pipeline: String,
    pub(crate) dataset: String,
    pub(crate) logical_at: Option<DateTime<Utc>>,
    pub(crate) run_id: Option<i64>,
    pub(crate) bucket: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) trigger_key: Option<String>,
    pub(crate) since: DateTime<Utc>,
    pub(crate) deadline_at: Option<DateTime<Utc>>,
}

/// A row of `penstock.load_history`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct LoadRow {
    pub(crate) load_id: i64,
    pub(crate) pipeline: String,
    pub(crate) dataset: String,
    pub(crate) outcome: String,
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) version_id: Option<String>,
    pub(crate) table_name: String,
    pub(crate) bytes: i64,
    pub(crate) rows_read: i64,
    pub(crate) rows_loaded: i64,
    pub(crate) rows_rejected: i64,
    pub(crate) scheduled_at: Option<DateTime<Utc>>,
    pub(crate) actual_at: Option<DateTime<Utc>>,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) committed_at: Option<DateTime<Utc>>,
    pub(crate) run_id: Option<i64>,
    pub(crate) execution_arn: Option<String>,
    pub(crate) duration_ms: Option<i64>,
    /// The load whose rejects this load repairs.
    pub(crate) repairs: Option<i64>,
    pub(crate) logical_at: Option<DateTime<Utc>>,
}

/// The values of a load that its repairs need.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RepairInputs {
    /// Header of a CSV file; empty if the file has none, `None` if it was not recorded.
    pub(crate) header: Option<String>,
    pub(crate) logical_at: DateTime<Utc>,
}

/// A row of `penstock.rejects`, without the columns of the load.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct RejectRow {
    pub(crate) line: i64,
    pub(crate) byte_offset: i64,
    pub(crate) column: Option<String>,
    pub(crate) reason: String,
    pub(crate) raw: String,
}

/// A load with its rejects.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LoadRejects {
    pub(crate) load: LoadRow,
    pub(crate) rejects: Vec<RejectRow>,
    pub(crate) repaired_by: Vec<LoadRow>,
}
