use std::time::Duration;

use crate::limits::STALL_TIMEOUT;

/// Settings of a loader.
#[derive(Clone, Debug)]
pub struct Config {
    /// How long S3 may send nothing before a load fails.
    pub stall_timeout: Duration,
    /// The bucket for exported rejects.
    pub curated_bucket: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self { stall_timeout: STALL_TIMEOUT, curated_bucket: None }
    }
}
