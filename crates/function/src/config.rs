//! Settings from the environment, read once at cold start and typed from there on.

use std::env;
use std::error::Error;
use std::str::FromStr;

use protocol::{Failure, FailureName};

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("the environment variable {name} is not set")]
    Missing { name: &'static str },
    #[error("the environment variable {name} is not UTF-8")]
    NotUtf8 { name: &'static str },
    #[error("the environment variable {name} cannot be used")]
    Unusable { name: &'static str, source: Box<dyn Error + Send + Sync> },
}

impl Failure for ConfigError {
    fn name(&self) -> FailureName {
        FailureName::InvalidConfiguration
    }
}

/// A setting without which the function cannot work. An empty one counts as not set: that is how a template says so.
pub fn required<T>(name: &'static str) -> Result<T, ConfigError>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    optional(name)?.ok_or(ConfigError::Missing { name })
}

/// A setting that may be left out, or empty.
pub fn optional<T>(name: &'static str) -> Result<Option<T>, ConfigError>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    match env::var(name) {
        Ok(text) => parse(name, &text),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(ConfigError::NotUtf8 { name }),
    }
}

/// The value stays out of the message: it may be a secret.
fn parse<T>(name: &'static str, text: &str) -> Result<Option<T>, ConfigError>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|source| ConfigError::Unusable { name, source: Box::new(source) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_typed_and_named_when_wrong() {
        assert_eq!(parse::<u16>("PORT", "8080").unwrap(), Some(8080));
        assert_eq!(parse::<u16>("PORT", "").unwrap(), None);
        let error = parse::<u16>("PORT", "secret").unwrap_err();
        assert_eq!(error.to_string(), "the environment variable PORT cannot be used");
        assert_eq!(error.source().unwrap().to_string(), "invalid digit found in string");
        assert_eq!(error.name(), FailureName::InvalidConfiguration);
    }

    #[test]
    fn a_missing_setting_is_named() {
        let error = required::<String>("PENSTOCK_NO_SUCH_SETTING").unwrap_err();
        assert_eq!(error.to_string(), "the environment variable PENSTOCK_NO_SUCH_SETTING is not set");
        assert!(optional::<String>("PENSTOCK_NO_SUCH_SETTING").unwrap().is_none());
    }
}
