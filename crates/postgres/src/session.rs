//! Keeps one PostgreSQL session between the invocations of a function, and replaces a broken one.

use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use protocol::{Failure, FailureName, error_chain};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Config, Connection, NoTls, Socket};
use tracing::{debug, warn};

use crate::address::DatabaseAddress;
use crate::client::Client;
use crate::error::DatabaseError;
use crate::limits::CONNECT_TIMEOUT;
use crate::secret::Credentials;
use crate::{migrations, tls};

/// Opens sessions of one database. A function makes it once, at cold start.
#[derive(Debug)]
pub struct Database {
    application_name: &'static str,
    address: DatabaseAddress,
    secrets: aws_sdk_secretsmanager::Client,
    /// Read once, and again if the database rejects the password.
    credentials: Mutex<Option<Credentials>>,
    idle: Mutex<Option<Session>>,
}

/// One session. Dropping it closes the socket at once, so PostgreSQL rolls back an open transaction.
#[derive(Debug)]
pub struct Session {
    pub client: Client,
    connection: JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Database {
    /// Builds the clients without connecting. `pg_stat_activity` shows `application_name`.
    pub fn new(application_name: &'static str, address: DatabaseAddress, sdk: &SdkConfig) -> Self {
        let secrets = aws_sdk_secretsmanager::Client::new(sdk);
        Self { application_name, address, secrets, credentials: Mutex::default(), idle: Mutex::default() }
    }

    /// Returns a session of a migrated database, and the result of a first query.
    ///
    /// An idle session may have broken unnoticed while the function was frozen. Then the query runs again on a new
    /// session, so it must be repeatable.
    pub async fn session<T, E>(&self, query: impl AsyncFn(&Client) -> Result<T, E>) -> Result<(Session, T), E>
    where
        E: Failure + From<DatabaseError>,
    {
        let idle = lock(&self.idle).take();
        if let Some(session) = idle {
            match timeout(CONNECT_TIMEOUT, query(&session.client)).await {
                Ok(Err(error)) if error.name() == FailureName::DatabaseUnavailable => {}
                Err(_) => {}
                Ok(result) => return result.map(|result| (session, result)),
            }
            debug!("the idle database session is broken, opening another");
        }
        // Boxed: an async SDK call inside makes a future too large to be nested by value.
        let mut session = Box::pin(self.connect()).await?;
        migrations::apply(session.client.unprepared()).await?;
        let result = query(&session.client).await?;
        Ok((session, result))
    }

    /// Keeps a session, whose transaction has ended, for the next invocation.
    pub fn keep(&self, session: Session) {
        *lock(&self.idle) = Some(session);
    }

    async fn connect(&self) -> Result<Session, DatabaseError> {
        let known = lock(&self.credentials).clone();
        let was_known = known.is_some();
        let credentials = match known {
            Some(known) => known,
            None => self.read_credentials().await?,
        };
        match self.open(&credentials).await {
            // The password may have been rotated since it was read.
            Err(OpenError::Postgres(error)) if was_known && is_rejected_password(&error) => {
                let credentials = self.read_credentials().await?;
                self.open(&credentials).await
            }
            opened => opened,
        }
        .map_err(|error| error.at(&credentials.config))
    }

    async fn read_credentials(&self) -> Result<Credentials, DatabaseError> {
        let text = match &self.address {
            DatabaseAddress::Url(url) => url.clone(),
            DatabaseAddress::Secret(arn) => self.read_secret(arn).await?,
        };
        let credentials: Credentials = text.parse().map_err(|error| {
            DatabaseError::Misconfigured(match &self.address {
                DatabaseAddress::Url(_) => format!("DATABASE_URL: {error}"),
                DatabaseAddress::Secret(arn) => format!("secret {arn}: {error}"),
            })
        })?;
        *lock(&self.credentials) = Some(credentials.clone());
        Ok(credentials)
    }

    async fn read_secret(&self, arn: &str) -> Result<String, DatabaseError> {
        let response = self.secrets.get_secret_value().secret_id(arn).send().await;
        let secret = response.map_err(|error| match error.as_service_error() {
            Some(error) if !error.is_internal_service_error() => {
                DatabaseError::Misconfigured(format!("secret {arn}: {}", error_chain(error)))
            }
            _ => DatabaseError::Unavailable(format!("secret {arn} is not available: {}", error_chain(&error))),
        })?;
        let text = secret.secret_string();
        text.map(str::to_owned).ok_or_else(|| DatabaseError::Misconfigured(format!("secret {arn} is not text")))
    }

    async fn open(&self, credentials: &Credentials) -> Result<Session, OpenError> {
        let mut config = credentials.config.clone();
        config.connect_timeout(CONNECT_TIMEOUT);
        // Fail before Lambda's time-out if the network drops packets.
        config.tcp_user_timeout(Duration::from_secs(30));
        config
            .keepalives_idle(Duration::from_secs(15))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3);
        if config.get_application_name().is_none() {
            config.application_name(self.application_name);
        }
        let opened = match transport(&config) {
            Transport::Plain => {
                config.ssl_mode(SslMode::Disable);
                timeout(CONNECT_TIMEOUT, open_with(&config, NoTls)).await
            }
            Transport::Verified => {
                config.ssl_mode(SslMode::Require);
                let connector = tls::connector(credentials.ca.as_deref()).map_err(OpenError::Other)?;
                timeout(CONNECT_TIMEOUT, open_with(&config, connector)).await
            }
            Transport::Refused => {
                let reason = format!("{}: sslmode=disable is allowed for loopback only", host_and_port(&config));
                return Err(OpenError::Other(DatabaseError::Misconfigured(reason)));
            }
        };
        opened.map_err(|_| OpenError::TimedOut)?.map_err(OpenError::Postgres)
    }
}

enum OpenError {
    Postgres(tokio_postgres::Error),
    TimedOut,
    Other(DatabaseError),
}

impl OpenError {
    fn at(self, config: &Config) -> DatabaseError {
        let place = host_and_port(config);
        match self {
            Self::Other(error) => error,
            Self::TimedOut => {
                DatabaseError::Unavailable(format!("{place}: no session within {} s", CONNECT_TIMEOUT.as_secs()))
            }
            Self::Postgres(error) => match tls::tls_rejection(&error) {
                Some(reason) => DatabaseError::Misconfigured(format!("{place}: {reason}")),
                None => match DatabaseError::from(error) {
                    DatabaseError::Unavailable(reason) => DatabaseError::Unavailable(format!("{place}: {reason}")),
                    DatabaseError::Refused(reason) => DatabaseError::Refused(format!("{place}: {reason}")),
                    other => other,
                },
            },
        }
    }
}

async fn open_with<T>(config: &Config, tls: T) -> Result<Session, tokio_postgres::Error>
where
    T: MakeTlsConnect<Socket, Stream: Send + 'static>,
{
    let (client, connection) = config.connect(tls).await?;
    Ok(Session { client: Client::new(client), connection: tokio::spawn(drive(connection)) })
}

/// Drives the connection, and logs the notices of PostgreSQL.
async fn drive<S, T>(mut connection: Connection<S, T>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match poll_fn(|context| connection.poll_message(context)).await {
            Some(Ok(AsyncMessage::Notice(notice))) => {
                debug!(severity = notice.severity(), notice = notice.message(), "PostgreSQL notice");
            }
            Some(Ok(_)) => {}
            // The text of a `DbError` has a detail, which may quote a row. Log the code only.
            Some(Err(error)) => {
                warn!(sqlstate = error.code().map(SqlState::code), "the database session failed");
                return;
            }
            None => return,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Transport {
    Plain,
    Verified,
    Refused,
}

/// Requires verified TLS for every host except loopback. No setting allows less.
fn transport(config: &Config) -> Transport {
    let requested = config.get_ssl_mode();
    match (is_local(config), requested == SslMode::Require, requested == SslMode::Disable) {
        (true, false, _) => Transport::Plain,
        (false, _, true) => Transport::Refused,
        (true, true, _) | (false, _, false) => Transport::Verified,
    }
}

fn is_local(config: &Config) -> bool {
    let addresses = config.get_hostaddrs();
    if addresses.is_empty() {
        config.get_hosts().iter().all(|host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()),
        })
    } else {
        addresses.iter().all(IpAddr::is_loopback)
    }
}

/// Returns the host and port, for messages.
fn host_and_port(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        Some(Host::Unix(folder)) => folder.display().to_string(),
        None => config.get_hostaddrs().first().map_or_else(|| "localhost".to_owned(), ToString::to_string),
    };
    format!("{host}:{}", config.get_ports().first().unwrap_or(&5432))
}

fn is_rejected_password(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| {
        *code == SqlState::INVALID_PASSWORD || *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION
    })
}

/// Ignores poisoning: these values are only replaced as a whole, so a panic leaves no partial change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remote_hosts_require_verified_tls() {
        let check = |url: &str, expected: Transport| {
            let credentials: Credentials = url.parse().unwrap();
            assert_eq!(transport(&credentials.config), expected, "{url}");
        };
        check("postgres://u@127.0.0.1/d", Transport::Plain);
        check("postgres://u@127.8.0.1/d", Transport::Plain);
        check("postgres://u@[::1]/d", Transport::Plain);
        check("postgres://u@localhost/d", Transport::Plain);
        check("postgres://u@%2Fvar%2Frun/d", Transport::Plain);
        check("postgres://u@localhost/d?sslmode=disable", Transport::Plain);
        check("postgres://u@localhost/d?sslmode=require", Transport::Verified);
        check("postgres://u@localhost,db.example/d", Transport::Verified);
        check("host=localhost hostaddr=10.0.0.1 user=u", Transport::Verified);
        check("postgres://u@10.0.0.1/d", Transport::Verified);
        check("postgres://u@db.example/d", Transport::Verified);
        check("postgres://u@db.example/d?sslmode=prefer", Transport::Verified);
        check("postgres://u@db.example/d?sslmode=verify-full", Transport::Verified);
        check("postgres://u@localhost.evil.example/d", Transport::Verified);
        check("postgres://u@db.example/d?sslmode=disable", Transport::Refused);
    }
}
