//! One session of PostgreSQL for a warm function: opened when first needed, replaced when it broke.

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

/// A function's way to its database; made once, at cold start.
#[derive(Debug)]
pub struct Database {
    function: &'static str,
    address: DatabaseAddress,
    secrets: aws_sdk_secretsmanager::Client,
    /// Read once; again when the database refuses them.
    credentials: Mutex<Option<Credentials>>,
    idle: Mutex<Option<Session>>,
}

/// Dropping a session closes its socket at once, whatever is under way: PostgreSQL rolls back.
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
    /// Builds clients and speaks to nobody yet. `function` is what the server's own views call our sessions.
    pub fn new(function: &'static str, address: DatabaseAddress, sdk: &SdkConfig) -> Self {
        let secrets = aws_sdk_secretsmanager::Client::new(sdk);
        Self { function, address, secrets, credentials: Mutex::default(), idle: Mutex::default() }
    }

    /// A session, in a database whose schema `penstock` is as new as this function, and its answer to a first question.
    ///
    /// An idle session may have died while the function was frozen, without a word to us; then a new one is asked. So
    /// the question must be one that can be asked twice.
    pub async fn session<T, E>(&self, ask: impl AsyncFn(&Client) -> Result<T, E>) -> Result<(Session, T), E>
    where
        E: Failure + From<DatabaseError>,
    {
        let idle = lock(&self.idle).take();
        if let Some(session) = idle {
            match timeout(CONNECT_TIMEOUT, ask(&session.client)).await {
                Ok(Err(error)) if error.name() == FailureName::DatabaseUnavailable => {}
                Err(_) => {}
                Ok(answer) => return answer.map(|answer| (session, answer)),
            }
            debug!("the idle database session is gone, opening another");
        }
        // Boxed: an async SDK call inside makes a future too large to be nested by value.
        let mut session = Box::pin(self.connect()).await?;
        migrations::apply(session.client.unprepared()).await?;
        let answer = ask(&session.client).await?;
        Ok((session, answer))
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
            Err(OpenError::Postgres(refusal)) if was_known && is_refused_password(&refusal) => {
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
        let answer = self.secrets.get_secret_value().secret_id(arn).send().await;
        let secret = answer.map_err(|error| match error.as_service_error() {
            Some(refusal) if !refusal.is_internal_service_error() => {
                DatabaseError::Misconfigured(format!("secret {arn}: {}", error_chain(refusal)))
            }
            _ => DatabaseError::Unavailable(format!("secret {arn} cannot be read now: {}", error_chain(&error))),
        })?;
        let text = secret.secret_string();
        text.map(str::to_owned).ok_or_else(|| DatabaseError::Misconfigured(format!("secret {arn} is not text")))
    }

    async fn open(&self, credentials: &Credentials) -> Result<Session, OpenError> {
        let mut config = credentials.config.clone();
        config.connect_timeout(CONNECT_TIMEOUT);
        // A network that swallows packets must not hold us until Lambda's own end.
        config.tcp_user_timeout(Duration::from_secs(30));
        config
            .keepalives_idle(Duration::from_secs(15))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3);
        if config.get_application_name().is_none() {
            config.application_name(self.function);
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
                let reason = format!("{}: sslmode=disable is for loopback only", place(&config));
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
        let place = place(config);
        match self {
            Self::Other(error) => error,
            Self::TimedOut => {
                DatabaseError::Unavailable(format!("{place}: no session within {} s", CONNECT_TIMEOUT.as_secs()))
            }
            Self::Postgres(error) => match tls::distrust(&error) {
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
    Ok(Session { client: Client::new(client), connection: tokio::spawn(serve(connection)) })
}

/// Does the session's work, and tells what PostgreSQL says beside its answers.
async fn serve<S, T>(mut connection: Connection<S, T>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match poll_fn(|context| connection.poll_message(context)).await {
            Some(Ok(AsyncMessage::Notice(notice))) => {
                debug!(severity = notice.severity(), notice = notice.message(), "PostgreSQL says");
            }
            Some(Ok(_)) => {}
            // A `DbError` shows its detail, which may quote a row: its code alone goes into the log.
            Some(Err(error)) => {
                warn!(sqlstate = error.code().map(SqlState::code), "the database session broke");
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

/// TLS is verified wherever packets leave the machine; there is no way to ask for less.
fn transport(config: &Config) -> Transport {
    let asked = config.get_ssl_mode();
    match (is_local(config), asked == SslMode::Require, asked == SslMode::Disable) {
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

/// The host and its port, for messages.
fn place(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        Some(Host::Unix(folder)) => folder.display().to_string(),
        None => config.get_hostaddrs().first().map_or_else(|| "localhost".to_owned(), ToString::to_string),
    };
    format!("{host}:{}", config.get_ports().first().unwrap_or(&5432))
}

fn is_refused_password(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| {
        *code == SqlState::INVALID_PASSWORD || *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION
    })
}

/// What is behind these locks is replaced whole, so a panic leaves nothing half done in it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_leave_the_machine_under_verified_tls_only() {
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
