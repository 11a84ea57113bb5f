//! Rows of the history views. `--json` prints them with the same names.

use chrono::{DateTime, Utc};
use formats::limits::REJECT_RAW_BYTES_MAX;
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
    /// For a skipped run: the run whose report lacks its loads, until it is run again.
    pub(crate) stale_run_id: Option<i64>,
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
    /// The load that replaced the rows of this load.
    pub(crate) replaced_by: Option<i64>,
    /// The load whose version this load loaded again.
    pub(crate) reloads: Option<i64>,
    /// The time when `penstock forget` deleted the rows, and the user who ran it.
    pub(crate) forgotten_at: Option<DateTime<Utc>>,
    pub(crate) forgotten_by: Option<String>,
    /// True if the version is in its bucket. Only `penstock loads --objects` finds out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) object_exists: Option<bool>,
}

impl LoadRow {
    /// Returns the address of the loaded version of the file.
    pub(crate) fn object(&self) -> String {
        let version = self.version_id.as_ref().map(|version| format!(", version {version}"));
        format!("s3://{}/{}{}", self.bucket, self.key, version.unwrap_or_default())
    }
}

/// The number of loads that a dataset has in a table.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct LoadsOfTable {
    pub(crate) pipeline: String,
    pub(crate) dataset: String,
    pub(crate) table_name: String,
    pub(crate) loads: i64,
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
    pub(crate) last_line: i64,
    pub(crate) byte_offset: i64,
    /// Length of the whole record; `raw` may be cut. `None` for Parquet, and for loads of earlier versions of Penstock.
    pub(crate) byte_length: Option<i64>,
    pub(crate) column: Option<String>,
    pub(crate) reason: String,
    pub(crate) raw: String,
}

impl RejectRow {
    /// Returns the place of the record in the decompressed file if only its first bytes are stored. Counts from 0.
    pub(crate) fn cut_range(&self) -> Option<String> {
        let is_cut = self.raw.len() >= REJECT_RAW_BYTES_MAX;
        let byte_length = self.byte_length.filter(|_| is_cut)?;
        Some(format!("bytes {} to {}", self.byte_offset, self.byte_offset + byte_length - 1))
    }
}

/// A load with its rejects.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LoadRejects {
    pub(crate) load: LoadRow,
    pub(crate) rejects: Vec<RejectRow>,
    pub(crate) repaired_by: Vec<LoadRow>,
}

/// Which failures to read. An empty filter reads all.
#[derive(Debug, Default)]
pub(crate) struct FailureFilter {
    pub(crate) pipeline: Option<String>,
    pub(crate) dataset: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) since: Option<DateTime<Utc>>,
}

/// A row of `penstock.failure`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct FailureRow {
    pub(crate) failure_id: i64,
    /// `file` or `run`.
    pub(crate) kind: String,
    pub(crate) pipeline: Option<String>,
    pub(crate) dataset: Option<String>,
    pub(crate) bucket: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) version_id: Option<String>,
    pub(crate) run_id: Option<i64>,
    pub(crate) name: String,
    pub(crate) message: String,
    pub(crate) remedy: String,
    pub(crate) execution_arn: String,
    pub(crate) failed_at: DateTime<Utc>,
}

/// A dataset, or a pipeline without datasets.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct DatasetRow {
    pub(crate) pipeline: String,
    pub(crate) dataset: Option<String>,
}

/// A run that is ready or running.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RunUnderWay {
    pub(crate) run_id: i64,
    pub(crate) pipeline: String,
    pub(crate) state: String,
}
