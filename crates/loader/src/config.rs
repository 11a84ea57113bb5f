use std::time::Duration;

use env_config::optional;
use postgres::{DatabaseAddress, InvalidConfig};

use crate::limits::STALL_TIMEOUT;

/// What a loader is told once, at cold start.
#[derive(Clone, Debug)]
pub struct Config {
    pub database: DatabaseAddress,
    /// How long S3 may be silent in the middle of an object.
    pub stall_timeout: Duration,
    /// Where rejects are exported to, for datasets that ask for it.
    pub curated_bucket: Option<String>,
}

impl Config {
    pub fn new(database: DatabaseAddress) -> Self {
        Self { database, stall_timeout: STALL_TIMEOUT, curated_bucket: None }
    }

    pub fn from_env() -> Result<Self, InvalidConfig> {
        let database = DatabaseAddress::from_env()?;
        Ok(Self { curated_bucket: optional("CURATED_BUCKET")?, ..Self::new(database) })
    }
}
