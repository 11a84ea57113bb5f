//! A run's SQL files, statement by statement, in one transaction.

use std::fmt;
use std::time::Instant;

use definitions::TransformScript;
use futures_util::future::join;
use pipeline::sql::Statement;
use postgres::{Client, Mode};
use protocol::TransformReport;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;

use crate::error::{Refusal, TransformError};
use crate::ledger;
use crate::limits::{ANSWER_OVERTIME, LOCK_TIMEOUT, TURN_DIVISOR};
use crate::running::{Running, commit};
use crate::time::{Time, milliseconds};

/// Executes the files and commits. After an error nothing of them is committed, but for a `DatabaseUnavailable` at
/// COMMIT: whoever claims the run again finds out.
///
/// The session is not fit for anything else: the files may have changed its settings.
pub(crate) async fn execute(
    running: &Running<'_>,
    client: &Client,
    transforms: &[TransformScript],
) -> Result<Vec<TransformReport>, TransformError> {
    running.begin(client, Mode::ReadWrite).await?;
    take_turn(client, &running.run.pipeline, running.time).await?;
    let mut reports = Vec::with_capacity(transforms.len());
    for transform in transforms {
        reports.push(execute_file(client, transform, running.time).await?);
    }
    ledger::record_transforms(client, running.run, running.execution, &reports).await?;
    let at = || format!("pipelines/{}: COMMIT", running.run.pipeline);
    // Deferred constraints are checked only now.
    commit(client).await?.map_err(|error| failed(at(), Refusal::of(&error), running.time))?;
    Ok(reports)
}

/// Runs of one pipeline change the same tables: one after the other is what their SQL is written for.
async fn take_turn(client: &Client, pipeline: &str, time: Time) -> Result<(), TransformError> {
    let lock_timeout = |ms: u128| format!("set local lock_timeout = {}", ms.max(1));
    client.batch_execute(&lock_timeout((time.left() / TURN_DIVISOR).as_millis())).await?;
    let lock = "select pg_advisory_xact_lock(hashtextextended('penstock transforms ' || $1::text, 0))";
    client.execute(lock, &[&pipeline]).await.map_err(|error| match error.code() {
        Some(&SqlState::LOCK_NOT_AVAILABLE) => {
            TransformError::RunInProgress(format!("{pipeline}: other runs of this pipeline have not ended yet"))
        }
        _ => error.into(),
    })?;
    Ok(client.batch_execute(&lock_timeout(LOCK_TIMEOUT.as_millis())).await?)
}

async fn execute_file(
    client: &Client,
    transform: &TransformScript,
    time: Time,
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
    time: Time,
) -> Result<u64, TransformError> {
    let left = time.left();
    let limit = format!("set local statement_timeout = {}", left.as_millis().max(1));
    let executed = async {
        // One wait for both: what is polled first is sent first.
        let (limited, prepared) = join(client.batch_execute(&limit), client.prepare_once(&statement.sql)).await;
        limited?;
        let prepared = prepared?;
        let rows = client.execute_prepared(&prepared, &[]).await?;
        Ok(if prepared.columns().is_empty() || changes_rows(&statement.sql) { rows } else { 0 })
    };
    let place = |line| Place { file, statement, line };
    match timeout(left + ANSWER_OVERTIME, executed).await {
        Ok(Ok(rows)) => Ok(rows),
        Ok(Err(error)) => {
            let refusal = Refusal::of(&error);
            let line = match refusal {
                Refusal::Lasting { position: Some(position), .. } => statement.line_at(position),
                _ => statement.line,
            };
            Err(failed(place(line), refusal, time))
        }
        Err(_) => Err(time.exceeded(&place(statement.line))),
    }
}

/// Whether a statement that gives rows gives those that it changed.
fn changes_rows(sql: &str) -> bool {
    let word: String = sql.chars().take_while(char::is_ascii_alphabetic).collect();
    ["insert", "update", "delete", "merge"].iter().any(|known| word.eq_ignore_ascii_case(known))
}

fn failed(at: impl fmt::Display, refusal: Refusal, time: Time) -> TransformError {
    match refusal {
        Refusal::Busy(reason) => TransformError::RunInProgress(format!("{at}: {reason}")),
        Refusal::Passing(reason) => TransformError::DatabaseUnavailable(format!("{at}: {reason}")),
        Refusal::Cancelled(_) if time.left().is_zero() => time.exceeded(&at),
        Refusal::Cancelled(reason) | Refusal::Lasting { reason, .. } => {
            TransformError::TransformFailed { at: at.to_string(), reason }
        }
    }
}

/// Where a statement stands, or something in it.
struct Place<'a> {
    file: &'a str,
    statement: &'a Statement,
    line: usize,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: statement {}, line {}", self.file, self.statement.number, self.line)
    }
}
