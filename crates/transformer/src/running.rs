//! A claimed run, and the transactions that are made for it.

use chrono::NaiveDate;
use postgres::{Client, Mode, Transaction};
use protocol::RunRef;
use tokio::time::timeout;

use crate::error::TransformError;
use crate::ledger;
use crate::limits::{COMMIT_TIMEOUT, LOCK_TIMEOUT};
use crate::time::Time;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Running<'a> {
    pub(crate) run: &'a RunRef,
    pub(crate) execution: &'a str,
    pub(crate) run_date: NaiveDate,
    pub(crate) period: &'a str,
    pub(crate) time: Time,
}

impl Running<'_> {
    /// Begins a transaction in which the parameters have their values and nobody else works on this run.
    ///
    /// The values are settings of the transaction, not text of a statement: so they hold in every kind of statement,
    /// and can be nothing but values.
    pub(crate) async fn begin(&self, client: &Client, mode: Mode) -> Result<(), TransformError> {
        let time = self.time.left();
        let transaction = Transaction { mode, lock_timeout: LOCK_TIMEOUT, statement_timeout: Some(time), time };
        client.batch_execute(&transaction.begin()).await?;
        let row = client
            .query_one(
                "select pg_try_advisory_xact_lock(hashtextextended('penstock run', $1)),
                        set_config('penstock.run_date', $2, true), set_config('penstock.run_id', $3, true)",
                &[&self.run.run_id, &self.run_date.to_string(), &self.run.run_id.to_string()],
            )
            .await?;
        if row.get(0) {
            return Ok(());
        }
        Err(TransformError::RunInProgress(format!("{}: another session works on it", ledger::label(self.run))))
    }
}

/// Commits, within a time.
pub(crate) async fn commit(client: &Client) -> Result<Result<(), tokio_postgres::Error>, TransformError> {
    timeout(COMMIT_TIMEOUT, client.batch_execute("commit")).await.map_err(|_| {
        let seconds = COMMIT_TIMEOUT.as_secs();
        TransformError::DatabaseUnavailable(format!("PostgreSQL did not answer COMMIT within {seconds} s"))
    })
}
