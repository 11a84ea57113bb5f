//! Runs that nobody else would tell of: past their deadline, left by a dead execution, or complete and claimed by
//! nobody.

use chrono::{DateTime, Utc};
use postgres::{Client, Mode, Transaction};
use protocol::{FailureName, RunFailure, RunRef};
use tokio_postgres::Row;

use crate::error::TransformError;
use crate::ledger;
use crate::limits::{CLAIM_AGE_MAX, LEDGER_LOCK_TIMEOUT, READY_AGE_MAX, SWEPT_MAX};
use crate::time::Time;

#[derive(Debug)]
pub(crate) struct Swept {
    pub(crate) failed: Vec<(RunRef, RunFailure)>,
    pub(crate) unclaimed: Vec<RunRef>,
}

/// Fails what is to be failed, and remembers by which execution: tried again, it gives the same runs once more.
pub(crate) async fn sweep(client: &Client, execution: &str, time: Time) -> Result<Swept, TransformError> {
    let time = time.left();
    let transaction =
        Transaction { mode: Mode::ReadWrite, lock_timeout: LEDGER_LOCK_TIMEOUT, statement_timeout: Some(time), time };
    client.batch_execute(&transaction.begin()).await?;
    let mut failed = failed_before(client, execution).await?;
    if failed.is_empty() {
        fail_overdue(client, execution).await?;
        fail_interrupted(client, execution).await?;
        failed = failed_before(client, execution).await?;
    }
    let unclaimed = unclaimed(client).await?;
    client.batch_execute("commit").await?;
    Ok(Swept { failed, unclaimed })
}

async fn failed_before(client: &Client, execution: &str) -> Result<Vec<(RunRef, RunFailure)>, TransformError> {
    let found = client
        .query(
            "select run_id, pipeline, logical_at, failure, failure_message from penstock.run
             where state = 'Failed' and execution_arn = $1 order by run_id",
            &[&execution],
        )
        .await?;
    let failed = |row: &Row| (run(row), RunFailure { name: row.get(3), message: row.get(4) });
    Ok(found.iter().map(failed).collect())
}

/// Loads decide about a period with its first attempt locked, and so do we; a period that is locked now is left to
/// the next sweep.
async fn fail_overdue(client: &Client, execution: &str) -> Result<(), TransformError> {
    let overdue = client
        .query(
            "select run.run_id, run.pipeline, run.logical_at,
                    run.deadline_at,
                    array(select needed.name from unnest(run.datasets) with ordinality as needed (name, number)
                          where not exists (
                              select from penstock.run_input as input join penstock.run as attempt using (run_id)
                              where attempt.pipeline = run.pipeline and attempt.logical_at = run.logical_at
                                and attempt.attempt is not null and input.dataset = needed.name)
                          order by needed.number)
             from penstock.run
             join penstock.run as first
               on first.pipeline = run.pipeline and first.logical_at = run.logical_at and first.attempt = 1
             where run.state = 'Waiting' and run.deadline_at < clock_timestamp()
             order by run.run_id limit $1
             for update of run, first skip locked",
            &[&SWEPT_MAX],
        )
        .await?;
    for row in &overdue {
        let (run, deadline, missing) = (run(row), row.get::<_, DateTime<Utc>>(3), row.get::<_, Vec<String>>(4));
        let deadline = deadline.format("%Y-%m-%dT%H:%M:%SZ");
        let missing = match missing.as_slice() {
            [] => "a dataset that was declared after its first load".to_owned(),
            names => names.join(", "),
        };
        let reason = format!("{}: not loaded by {deadline}: {missing}", ledger::label(&run));
        fail(client, execution, &run, FailureName::RunIncomplete, &reason).await?;
    }
    Ok(())
}

/// An old claim is no proof: whoever still works holds the run's lock.
async fn fail_interrupted(client: &Client, execution: &str) -> Result<(), TransformError> {
    let claim_age_s = CLAIM_AGE_MAX.as_secs_f64();
    let claimed_long_ago = client
        .query(
            "select run_id, pipeline, logical_at, execution_arn from penstock.run
             where state = 'Running' and claimed_at < clock_timestamp() - make_interval(secs => $2)
             order by run_id limit $1
             for update skip locked",
            &[&SWEPT_MAX, &claim_age_s],
        )
        .await?;
    for row in &claimed_long_ago {
        let (run, last) = (run(row), row.get::<_, Option<String>>(3).unwrap_or_default());
        let lock = "select pg_try_advisory_xact_lock(hashtextextended('penstock run', $1))";
        if client.query_one(lock, &[&run.run_id]).await?.get(0) {
            let reason = format!("{}: the execution {last} has left it", ledger::label(&run));
            fail(client, execution, &run, FailureName::RunInterrupted, &reason).await?;
        }
    }
    Ok(())
}

async fn fail(
    client: &Client,
    execution: &str,
    run: &RunRef,
    name: FailureName,
    reason: &str,
) -> Result<(), TransformError> {
    // As every failure's message is, see `lambda_shell`.
    let message = format!("{reason}\nWhat to do: {}", name.what_to_do());
    let fail = "update penstock.run
                set state = 'Failed', failure = $2, failure_message = $3, execution_arn = $4,
                    ended_at = clock_timestamp()
                where run_id = $1";
    client.execute(fail, &[&run.run_id, &name.as_str(), &message, &execution]).await?;
    Ok(())
}

/// A run is complete when the last of its loads is.
async fn unclaimed(client: &Client) -> Result<Vec<RunRef>, TransformError> {
    let ready_age_s = READY_AGE_MAX.as_secs_f64();
    let found = client
        .query(
            "select run_id, pipeline, logical_at from penstock.run
             where state = 'Ready'
               and greatest(started_at, (
                       select max(load.committed_at) from penstock.run_input as input
                       join penstock.load using (load_id) where input.run_id = run.run_id))
                   < clock_timestamp() - make_interval(secs => $2)
             order by run_id limit $1",
            &[&SWEPT_MAX, &ready_age_s],
        )
        .await?;
    Ok(found.iter().map(run).collect())
}

fn run(row: &Row) -> RunRef {
    RunRef { run_id: row.get(0), pipeline: row.get(1), logical_at: row.get(2) }
}
