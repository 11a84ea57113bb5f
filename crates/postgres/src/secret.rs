//! Parses the connection settings from a URL or a secret of Secrets Manager. Nothing here is ever printed.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde_json::Value;
use tokio_postgres::Config;

/// The settings of a connection.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) config: Config,
    /// The PEM certificate of an authority to trust in addition to the system's.
    pub(crate) ca: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// The text is not valid connection settings. The message never quotes it, because it may contain the password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidCredentials {
    #[error("invalid database URL, expected postgres://user:password@host:5432/database")]
    Url,
    #[error(
        "invalid secret, expected a URL, JSON with `url` (and `ca`), or JSON with `username`, `password` and `host`"
    )]
    Secret,
}

/// A secret made for Penstock has `url`. A secret that RDS manages has the other fields. Further fields are ignored.
#[derive(Deserialize)]
struct SecretJson {
    url: Option<String>,
    ca: Option<String>,
    username: Option<String>,
    password: Option<String>,
    host: Option<String>,
    port: Option<Value>,
    dbname: Option<String>,
}

impl FromStr for Credentials {
    type Err = InvalidCredentials;

    fn from_str(text: &str) -> Result<Self, InvalidCredentials> {
        let text = text.trim();
        if text.starts_with('{') { from_json(text) } else { Ok(Self { config: from_url(text)?, ca: None }) }
    }
}

fn from_json(text: &str) -> Result<Credentials, InvalidCredentials> {
    // The message of serde quotes the invalid value.
    let secret: SecretJson = serde_json::from_str(text).map_err(|_| InvalidCredentials::Secret)?;
    let config = match &secret.url {
        Some(url) => from_url(url)?,
        None => from_parts(&secret).ok_or(InvalidCredentials::Secret)?,
    };
    Ok(Credentials { config, ca: secret.ca })
}

fn from_url(url: &str) -> Result<Config, InvalidCredentials> {
    // tokio-postgres rejects the verify modes. Penstock verifies certificates in any mode.
    let url = url.replace("sslmode=verify-full", "sslmode=require").replace("sslmode=verify-ca", "sslmode=require");
    let config = Config::from_str(&url).map_err(|_| InvalidCredentials::Url)?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(InvalidCredentials::Url);
    }
    Ok(config)
}

fn from_parts(secret: &SecretJson) -> Option<Config> {
    let mut config = Config::new();
    config.user(secret.username.as_deref()?).password(secret.password.as_deref()?).host(secret.host.as_deref()?);
    config.dbname(secret.dbname.as_deref().unwrap_or("postgres"));
    config.port(match &secret.port {
        None | Some(Value::Null) => 5432,
        Some(Value::String(port)) => port.parse().ok()?,
        Some(port) => port.as_u64()?.try_into().ok()?,
    });
    Some(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_secrets_are_parsed() {
        let check = |text: &str, expected: Result<(&str, u16, &str), InvalidCredentials>| {
            let found = text.parse::<Credentials>();
            let found = found.map(|Credentials { config, .. }| {
                (format!("{:?}", config.get_hosts()), config.get_ports()[0], config.get_dbname().unwrap().to_owned())
            });
            let expected = expected.map(|(host, port, name)| (format!("[Tcp({host:?})]"), port, name.to_owned()));
            assert_eq!(found, expected, "{text}");
        };
        check("postgres://u:p@db.example:6543/shop", Ok(("db.example", 6543, "shop")));
        check("postgres://u:p@db.example:6543/shop?sslmode=verify-full", Ok(("db.example", 6543, "shop")));
        check(r#"{"url": "postgres://u:p@h:1/d", "ca": "PEM"}"#, Ok(("h", 1, "d")));
        check(
            r#"{"username": "u", "password": "p", "host": "h", "port": 5433, "dbname": "d", "engine": "postgres"}"#,
            Ok(("h", 5433, "d")),
        );
        check(r#"{"username": "u", "password": "p", "host": "h", "port": "5433"}"#, Ok(("h", 5433, "postgres")));
        check(r#"{"username": "u", "password": "p"}"#, Err(InvalidCredentials::Secret));
        check(r#"{"username": "#, Err(InvalidCredentials::Secret));
        check("postgres://u:p@h:notaport/d", Err(InvalidCredentials::Url));
        check("", Err(InvalidCredentials::Url));
    }

    #[test]
    fn message_contains_no_password() {
        let secret = r#"{"username": "u", "password": "hunter2", "host": "h", "port": "hunter2"}"#;
        let error = secret.parse::<Credentials>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
        let credentials: Credentials = "postgres://u:hunter2@h/d".parse().unwrap();
        assert!(!format!("{credentials:?}").contains("hunter2"));
    }
}
