use std::collections::HashMap;
use std::iter;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use tokio_postgres::types::ToSql;
use tokio_postgres::{CopyInSink, CopyOutStream, Error, Row, RowStream, Statement};

use crate::limits::STATEMENTS_KEPT_MAX;

/// A client that keeps prepared statements. A repeated statement costs one round trip and no planning.
///
/// A future sends its statement at its first poll, and PostgreSQL executes in the order of sending. An unprepared
/// statement is sent one round trip later. Where the order matters, call [`Client::prepare`] first.
pub struct Client {
    inner: tokio_postgres::Client,
    prepared: Mutex<HashMap<String, Statement>>,
}

type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Client {
    pub(crate) fn new(inner: tokio_postgres::Client) -> Self {
        Self { inner, prepared: Mutex::default() }
    }

    /// Returns the plain client, for statements that run once per session.
    pub(crate) fn unprepared(&mut self) -> &mut tokio_postgres::Client {
        &mut self.inner
    }

    /// Prepares a statement, or returns the one that was prepared before.
    pub async fn prepare(&self, sql: &str) -> Result<Statement, Error> {
        let known = self.prepared().get(sql).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.inner.prepare(sql).await?;
        let mut prepared = self.prepared();
        if prepared.len() >= STATEMENTS_KEPT_MAX {
            prepared.clear();
        }
        prepared.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// Prepares a statement that runs once. The client does not keep it.
    pub async fn prepare_once(&self, sql: &str) -> Result<Statement, Error> {
        self.inner.prepare(sql).await
    }

    pub async fn query(&self, sql: &str, parameters: Parameters<'_>) -> Result<Vec<Row>, Error> {
        self.inner.query(&self.prepare(sql).await?, parameters).await
    }

    pub async fn query_one(&self, sql: &str, parameters: Parameters<'_>) -> Result<Row, Error> {
        self.inner.query_one(&self.prepare(sql).await?, parameters).await
    }

    pub async fn query_opt(&self, sql: &str, parameters: Parameters<'_>) -> Result<Option<Row>, Error> {
        self.inner.query_opt(&self.prepare(sql).await?, parameters).await
    }

    pub async fn execute(&self, sql: &str, parameters: Parameters<'_>) -> Result<u64, Error> {
        self.inner.execute(&self.prepare(sql).await?, parameters).await
    }

    pub async fn execute_prepared(&self, sql: &Statement, parameters: Parameters<'_>) -> Result<u64, Error> {
        self.inner.execute(sql, parameters).await
    }

    pub async fn query_prepared(&self, sql: &Statement, parameters: Parameters<'_>) -> Result<Vec<Row>, Error> {
        self.inner.query(sql, parameters).await
    }

    /// Returns the rows as a stream.
    pub async fn query_raw(&self, sql: &Statement) -> Result<RowStream, Error> {
        self.inner.query_raw(sql, iter::empty::<&(dyn ToSql + Sync)>()).await
    }

    pub async fn copy_in(&self, sql: &str) -> Result<CopyInSink<Bytes>, Error> {
        self.inner.copy_in(&self.prepare(sql).await?).await
    }

    pub async fn copy_out(&self, sql: &str) -> Result<CopyOutStream, Error> {
        self.inner.copy_out(sql).await
    }

    /// Executes several statements as one simple query.
    pub async fn batch_execute(&self, sql: &str) -> Result<(), Error> {
        self.inner.batch_execute(sql).await
    }

    fn prepared(&self) -> std::sync::MutexGuard<'_, HashMap<String, Statement>> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}
