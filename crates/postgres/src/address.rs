use std::fmt;

use env_config::{ConfigError, optional};
use protocol::{Failure, FailureName};

/// The source of the connection settings.
#[derive(Clone)]
pub enum DatabaseAddress {
    /// A connection URL, for tests and local runs.
    Url(String),
    /// The ARN or name of a secret in Secrets Manager.
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

/// A database setting is missing or has an invalid value.
#[derive(Debug, thiserror::Error)]
pub enum InvalidConfig {
    #[error(transparent)]
    Environment(#[from] ConfigError),
    #[error("neither DATABASE_URL nor DATABASE_SECRET_ARN is set")]
    Missing,
}

impl Failure for InvalidConfig {
    fn name(&self) -> FailureName {
        FailureName::InvalidConfiguration
    }
}

impl DatabaseAddress {
    /// Reads `DATABASE_URL`, else `DATABASE_SECRET_ARN`.
    pub fn from_env() -> Result<Self, InvalidConfig> {
        let url = optional("DATABASE_URL")?.map(Self::Url);
        let secret = optional("DATABASE_SECRET_ARN")?.map(Self::Secret);
        url.or(secret).ok_or(InvalidConfig::Missing)
    }
}
