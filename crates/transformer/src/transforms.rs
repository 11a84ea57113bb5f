//! Runs the SQL files of a run, statement by statement, in one transaction.

use std::fmt;
use std::time::Instant;

use definitions::TransformScript;
use futures_util::future::join;
use pipeline::sql::Statement;
use postgres::{Client, DatabaseError, Mode};
use protocol::TransformReport;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;

use crate::claimed_run::{ClaimedRun, commit};
use crate::error::{StatementError, TransformError};
use crate::ledger;
use crate::limits::{ANSWER_OVERTIME, LOCK_TIMEOUT, TURN_DIVISOR};
use crate::time_limit::{TimeLimit, milliseconds};

/// Executes the files and commits. After an error nothing is committed, except that the result of a failed COMMIT is
/// unknown: `DatabaseUnavailable`. The next claim of the run finds out.
///
/// The caller drops the session, because the files may have changed its settings.
pub(crate) async fn execute(
    claimed: &ClaimedRun<'_>,
    client: &Client,
    transforms: &[TransformScript],
) -> Result<Vec<TransformReport>, TransformError> {
    claimed.begin(client, Mode::ReadWrite).await?;
    take_turn(client, &claimed.run.pipeline, claimed.time).await?;
    let mut reports = Vec::with_capacity(transforms.len());
    for transform in transforms {
        reports.push(execute_file(client, transform, claimed.time).await?);
    }
    ledger::record_transforms(client, claimed.run, claimed.execution, &reports).await?;
    let at = || format!("pipelines/{}: COMMIT", claimed.run.pipeline);
    // COMMIT checks the deferred constraints.
    commit(client).await?.map_err(|error| failed(at(), StatementError::from(&error), claimed.time))?;
    Ok(reports)
}

/// Waits for the other runs of the pipeline. They change the same tables, and their SQL expects no concurrent run.
async fn take_turn(client: &Client, pipeline: &str, time: TimeLimit) -> Result<(), TransformError> {
    let lock_timeout = |ms: u128| format!("set local lock_timeout = {}", ms.max(1));
    client.batch_execute(&lock_timeout((time.left() / TURN_DIVISOR).as_millis())).await?;
    let lock = "select pg_advisory_xact_lock(hashtextextended('penstock transforms ' || $1::text, 0))";
    client.execute(lock, &[&pipeline]).await.map_err(|error| match error.code() {
        Some(&SqlState::LOCK_NOT_AVAILABLE) => {
            TransformError::RunInProgress(format!("{pipeline}: another run of this pipeline is still running"))
        }
        _ => error.into(),
    })?;
    Ok(client.batch_execute(&lock_timeout(LOCK_TIMEOUT.as_millis())).await?)
}

async fn execute_file(
    client: &Client,
    transform: &TransformScript,
    time: TimeLimit,
) -> Result<TransformReport, TransformError> {
    let started = Instant::now();
    let mut rows = 0;
    for statement in &transform.script.statements {
        rows += execute_statement(client, &transform.script.file, statement, time).await?;
    }
    Ok(TransformReport {
        sql: transform.sql.clone(),
        statements: transform.script.statements.len() as u64,
        rows,
        duration_ms: milliseconds(started.elapsed()),
    })
}

async fn execute_statement(
    client: &Client,
    file: &str,
    statement: &Statement,
    time: TimeLimit,
) -> Result<u64, TransformError> {
    let left = time.left();
    let limit = format!("set local statement_timeout = {}", left.as_millis().max(1));
    let executed = async {
        // Both are sent before the first answer. `join` sends them in this order.
        let (limited, prepared) = join(client.batch_execute(&limit), client.prepare_once(&statement.sql)).await;
        limited?;
        let prepared = prepared?;
        let rows = client.execute_prepared(&prepared, &[]).await?;
        Ok(if prepared.columns().is_empty() || changes_rows(&statement.sql) { rows } else { 0 })
    };
    let position = |line| StatementPosition { file, statement, line };
    match timeout(left + ANSWER_OVERTIME, executed).await {
        Ok(Ok(rows)) => Ok(rows),
        Ok(Err(error)) => {
            let error = StatementError::from(&error);
            let line = match error {
                StatementError::Permanent { position: Some(offset), .. } => statement.line_at(offset),
                _ => statement.line,
            };
            Err(failed(position(line), error, time))
        }
        Err(_) => Err(time.exceeded(&position(statement.line))),
    }
}

/// Returns true if the rows that a statement returns are rows that it changed.
fn changes_rows(sql: &str) -> bool {
    let word: String = sql.chars().take_while(char::is_ascii_alphabetic).collect();
    ["insert", "update", "delete", "merge"].iter().any(|known| word.eq_ignore_ascii_case(known))
}

fn failed(at: impl fmt::Display, error: StatementError, time: TimeLimit) -> TransformError {
    match error {
        StatementError::Busy(reason) => TransformError::RunInProgress(format!("{at}: {reason}")),
        StatementError::Transient(reason) => DatabaseError::Unavailable(format!("{at}: {reason}")).into(),
        StatementError::Cancelled(_) if time.left().is_zero() => time.exceeded(&at),
        StatementError::Cancelled(reason) | StatementError::Permanent { reason, .. } => {
            TransformError::TransformFailed { at: at.to_string(), reason }
        }
    }
}

/// A position in a SQL file, for messages.
struct StatementPosition<'a> {
    file: &'a str,
    statement: &'a Statement,
    line: usize,
}

impl fmt::Display for StatementPosition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: statement {}, line {}", self.file, self.statement.number, self.line)
    }
}
