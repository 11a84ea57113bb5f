//! Advisory locks on table names. A lock lasts until the transaction ends, and readers never wait for it.

use std::time::Duration;

use pipeline::TableName;
use postgres::Client;
use tokio_postgres::error::SqlState;

use crate::error::LoadError;
use crate::limits::{LOCK_TIMEOUT, TABLE_LOCK_TIMEOUT};

/// Locks a table before its rows are replaced or merged. Such loads run one after the other, from here to COMMIT.
pub(crate) async fn lock_to_write(client: &Client, table: &TableName) -> Result<(), LoadError> {
    set_lock_timeout(client, TABLE_LOCK_TIMEOUT).await?;
    lock(client, table).await.map_err(|error| {
        busy(table, error, || format!("other loads locked the table for {} s", TABLE_LOCK_TIMEOUT.as_secs()))
    })?;
    set_lock_timeout(client, LOCK_TIMEOUT).await
}

/// Converts a lock time-out into `TableBusy`.
pub(crate) fn busy(table: &TableName, error: tokio_postgres::Error, reason: impl FnOnce() -> String) -> LoadError {
    match error.code() {
        Some(&SqlState::LOCK_NOT_AVAILABLE) => LoadError::TableBusy { table: table.to_string(), reason: reason() },
        _ => error.into(),
    }
}

/// Locks a table before it is created, altered, replaced or merged into.
pub(crate) async fn lock(client: &Client, table: &TableName) -> Result<(), tokio_postgres::Error> {
    lock_name(client, &format!("table {table}")).await
}

pub(crate) async fn lock_name(client: &Client, name: &str) -> Result<(), tokio_postgres::Error> {
    let statement = "select pg_advisory_xact_lock(hashtextextended(jsonb_build_array('penstock', $1::text)::text, 0))";
    client.execute(statement, &[&name]).await.map(|_| ())
}

async fn set_lock_timeout(client: &Client, timeout: Duration) -> Result<(), LoadError> {
    Ok(client.batch_execute(&format!("set local lock_timeout = {}", timeout.as_millis())).await?)
}
