use env_config::ConfigError;
use protocol::{Failure, FailureName};

/// A setting of the function is missing or has an invalid value.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct InvalidConfiguration(#[from] ConfigError);

impl Failure for InvalidConfiguration {
    fn name(&self) -> FailureName {
        FailureName::InvalidConfiguration
    }
}
