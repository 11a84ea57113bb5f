//! Typed settings from the environment. A function reads them once, at cold start.

use std::env;
use std::error::Error;
use std::str::FromStr;

/// An environment variable that is missing or has an invalid value.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("the environment variable {name} is not set")]
    Missing { name: &'static str },
    #[error("the environment variable {name} is not UTF-8")]
    NotUtf8 { name: &'static str },
    /// The value is not part of the message, because it may be a secret.
    #[error("the environment variable {name} has an invalid value")]
    Invalid { name: &'static str, source: Box<dyn Error + Send + Sync> },
}

/// Returns the setting `name`. An empty value counts as not set: a template cannot leave a variable out.
pub fn required<T>(name: &'static str) -> Result<T, ConfigError>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    optional(name)?.ok_or(ConfigError::Missing { name })
}

/// Returns the setting `name`, or `None` if it is not set or empty.
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

fn parse<T>(name: &'static str, text: &str) -> Result<Option<T>, ConfigError>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|source| ConfigError::Invalid { name, source: Box::new(source) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_value_is_an_error_with_the_name() {
        assert_eq!(parse::<u16>("PORT", "8080").unwrap(), Some(8080));
        assert_eq!(parse::<u16>("PORT", "").unwrap(), None);
        let error = parse::<u16>("PORT", "secret").unwrap_err();
        assert_eq!(error.to_string(), "the environment variable PORT has an invalid value");
        assert_eq!(error.source().unwrap().to_string(), "invalid digit found in string");
    }

    #[test]
    fn missing_setting_is_an_error_with_the_name() {
        let error = required::<String>("PENSTOCK_NO_SUCH_SETTING").unwrap_err();
        assert_eq!(error.to_string(), "the environment variable PENSTOCK_NO_SUCH_SETTING is not set");
        assert!(optional::<String>("PENSTOCK_NO_SUCH_SETTING").unwrap().is_none());
    }
}
