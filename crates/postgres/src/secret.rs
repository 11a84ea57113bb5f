//! How to reach the database, from a URL or from a secret of Secrets Manager. None of it is ever printed.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde_json::Value;
use tokio_postgres::Config;

/// Everything that a connection needs.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) config: Config,
    /// PEM of an authority to trust beside those of the system.
    pub(crate) ca: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// Says which part cannot be used, and never quotes it: it may be the password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidCredentials {
    #[error("the database's URL cannot be read; it should look like postgres://user:password@host:5432/database")]
    Url,
    #[error(
        "the secret is neither a URL, nor JSON with a `url` (and `ca`), nor JSON with `username`, `password` and `host`"
    )]
    Secret,
}

/// A secret of our own has `url`; one that RDS manages has the rest. Whatever else it holds is of no interest here.
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
    // serde's own words quote the value that they stumble upon.
    let secret: SecretJson = serde_json::from_str(text).map_err(|_| InvalidCredentials::Secret)?;
    let config = match &secret.url {
        Some(url) => from_url(url)?,
        None => from_parts(&secret).ok_or(InvalidCredentials::Secret)?,
    };
    Ok(Credentials { config, ca: secret.ca })
}

fn from_url(url: &str) -> Result<Config, InvalidCredentials> {
    // tokio-postgres knows no verify-…, and says so with an error. Certificates are verified here in any case.
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
    fn urls_and_secrets() {
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
    fn a_password_is_in_no_message() {
        let secret = r#"{"username": "u", "password": "hunter2", "host": "h", "port": "hunter2"}"#;
        let error = secret.parse::<Credentials>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
        let credentials: Credentials = "postgres://u:hunter2@h/d".parse().unwrap();
        assert!(!format!("{credentials:?}").contains("hunter2"));
    }
}
