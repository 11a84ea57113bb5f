use std::fmt;
use std::time::Duration;

use contracts::{Failure, FailureName};
use lambda_shell::config::{ConfigError, optional};

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

/// Where the way to the database is written.
#[derive(Clone)]
pub enum DatabaseAddress {
    /// The URL itself, for tests and runs by hand.
    Url(String),
    /// A secret of Secrets Manager, by ARN or name.
    Secret(String),
}

impl fmt::Debug for DatabaseAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(_) => f.write_str("Url(…)"),
            Self::Secret(arn) => f.debug_tuple("Secret").field(arn).finish(),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum InvalidConfig {
    #[error(transparent)]
    Environment(#[from] ConfigError),
    #[error("neither DATABASE_URL nor DATABASE_SECRET_ARN is set")]
    NoDatabase,
}

impl Failure for InvalidConfig {
    fn name(&self) -> FailureName {
        FailureName::InvalidConfiguration
    }
}

impl Config {
    pub fn new(database: DatabaseAddress) -> Self {
        Self { database, stall_timeout: STALL_TIMEOUT, curated_bucket: None }
    }

    /// `DATABASE_URL` wins over `DATABASE_SECRET_ARN`.
    pub fn from_env() -> Result<Self, InvalidConfig> {
        let url = optional("DATABASE_URL")?.map(DatabaseAddress::Url);
        let secret = optional("DATABASE_SECRET_ARN")?.map(DatabaseAddress::Secret);
        let database = url.or(secret).ok_or(InvalidConfig::NoDatabase)?;
        Ok(Self { curated_bucket: optional("CURATED_BUCKET")?, ..Self::new(database) })
    }
}
