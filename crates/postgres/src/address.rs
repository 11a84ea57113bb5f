use std::fmt;

use env_config::{ConfigError, optional};
use protocol::{Failure, FailureName};

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

/// A setting of a function with a database that is missing or wrong.
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
    /// `DATABASE_URL` wins over `DATABASE_SECRET_ARN`.
    pub fn from_env() -> Result<Self, InvalidConfig> {
        let url = optional("DATABASE_URL")?.map(Self::Url);
        let secret = optional("DATABASE_SECRET_ARN")?.map(Self::Secret);
        url.or(secret).ok_or(InvalidConfig::Missing)
    }
}
