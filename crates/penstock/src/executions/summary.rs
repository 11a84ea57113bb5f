use chrono::{DateTime, Utc};
use protocol::LoadReport;
use serde::Serialize;

/// One execution of the state machine `process-file`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ExecutionSummary {
    pub(crate) arn: String,
    pub(crate) key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version_id: Option<String>,
    /// The entered states, in order.
    pub(crate) states: Vec<String>,
    /// `None` while it runs; else `Loaded`, `AlreadyLoaded`, `Superseded`, `Ignored` or the failure name.
    pub(crate) outcome: Option<String>,
    pub(crate) failed: bool,
    /// Why the file was ignored or failed, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The remedy of the failure, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remedy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) report: Option<LoadReport>,
    pub(crate) started_at: DateTime<Utc>,
    /// Time from start to end, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) duration_ms: Option<i64>,
}
