//! A claimed run and its transactions.

use chrono::NaiveDate;
use postgres::{Client, DatabaseError, Mode, Transaction};
use protocol::RunRef;
use tokio::time::timeout;

use crate::error::TransformError;
use crate::ledger;
use crate::limits::{COMMIT_TIMEOUT, LOCK_TIMEOUT};
use crate::time_limit::TimeLimit;

/// A run that this execution has claimed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClaimedRun<'a> {
    pub(crate) run: &'a RunRef,
    /// The ARN of the execution.
    pub(crate) execution: &'a str,
    /// The day of the period in the pipeline's time zone.
    pub(crate) run_date: NaiveDate,
    /// The name of the period in the pipeline's time zone.
    pub(crate) period: &'a str,
    pub(crate) time: TimeLimit,
}

impl ClaimedRun<'_> {
    /// Begins a transaction that sets the parameters of the SQL files and locks the run.
    ///
    /// Parameters are settings of the transaction, not text in a statement. So they work in every kind of statement,
    /// and cannot change its meaning.
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
        let reason = format!("{}: another database session is working on the run", ledger::label(self.run));
        Err(TransformError::RunInProgress(reason))
    }
}

/// Commits. The inner result is the answer of PostgreSQL.
pub(crate) async fn commit(client: &Client) -> Result<Result<(), tokio_postgres::Error>, TransformError> {
    timeout(COMMIT_TIMEOUT, client.batch_execute("commit")).await.map_err(|_| {
        let seconds = COMMIT_TIMEOUT.as_secs();
        DatabaseError::Unavailable(format!("no response to COMMIT within {seconds} s")).into()
    })
}
