use env_config::{optional, required};
use postgres::{DatabaseAddress, InvalidConfig};

/// The settings of the transformer, from the environment.
#[derive(Clone, Debug)]
pub struct Config {
    pub database: DatabaseAddress,
    pub definitions_bucket: String,
    /// Only needed by pipelines with exports.
    pub curated_bucket: Option<String>,
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
