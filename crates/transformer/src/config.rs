use contracts::{Failure, FailureName};
use database::{DatabaseAddress, InvalidAddress};
use lambda_shell::config::{ConfigError, optional, required};

/// What a transformer is told once, at cold start.
#[derive(Clone, Debug)]
pub struct Config {
    pub database: DatabaseAddress,
    pub definitions_bucket: String,
    /// Where exports go, for pipelines that have some.
    pub curated_bucket: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum InvalidConfig {
    #[error(transparent)]
    Environment(#[from] ConfigError),
    #[error(transparent)]
    Database(#[from] InvalidAddress),
}

impl Failure for InvalidConfig {
    fn name(&self) -> FailureName {
        FailureName::InvalidConfiguration
    }
}

impl Config {
    pub fn from_env() -> Result<Self, InvalidConfig> {
        Ok(Self {
            database: DatabaseAddress::from_env()?,
            definitions_bucket: required("DEFINITIONS_BUCKET")?,
            curated_bucket: optional("CURATED_BUCKET")?,
        })
    }
}
