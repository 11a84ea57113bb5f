//! Finds runs that need attention and have no execution: past their deadline, left by an execution that died, or
//! complete and never started.

use chrono::{DateTime, Utc};
use postgres::{Client, Mode, Transaction};
use protocol::{FailureName, REMEDY_MARK, RunFailure, RunRef, RunState};
use tokio_postgres::Row;

use crate::error::TransformError;
use crate::failures;
use crate::ledger;
use crate::limits::{CLAIM_AGE_MAX, LEDGER_LOCK_TIMEOUT, READY_AGE_MAX, SWEPT_MAX};
use crate::time_limit::TimeLimit;

#[derive(Debug)]
pub(crate) struct Swept {
    pub(crate) failed: Vec<(RunRef, RunFailure)>,
    pub(crate) unclaimed: Vec<RunRef>,
}

/// Fails runs and finds unclaimed ones. A retry of the same execution returns the same failed runs.
pub(crate) async fn sweep(client: &Client, execution: &str, time: TimeLimit) -> Result<Swept, TransformError> {
    let time = time.left();
    let transaction =
        Transaction { mode: Mode::ReadWrite, lock_timeout: LEDGER_LOCK_TIMEOUT, statement_timeout: Some(time), time };
    client.batch_execute(&transaction.begin()).await?;
    let mut failed = failed_by(client, execution).await?;
    if failed.is_empty() {
        fail_overdue(client, execution).await?;
        fail_interrupted(client, execution).await?;
        failed = failed_by(client, execution).await?;
    }
    let unclaimed = unclaimed(client).await?;
    client.batch_execute("commit").await?;
    Ok(Swept { failed, unclaimed })
}

async fn failed_by(client: &Client, execution: &str) -> Result<Vec<(RunRef, RunFailure)>, TransformError> {
    let select = format!(
        "select run_id, pipeline, logical_at, failure, failure_message from penstock.run
         where state = '{failed}' and execution_arn = $1 order by run_id",
        failed = RunState::Failed
    );
    let found = client.query(&select, &[&execution]).await?;
    let failed = |row: &Row| (run(row), RunFailure { name: row.get(3), message: row.get(4) });
    Ok(found.iter().map(failed).collect())
}

/// Fails runs past their deadline.
///
/// Loads lock the first attempt of a period before they decide about it, and so does the sweep. It leaves a locked
/// period to the next sweep.
async fn fail_overdue(client: &Client, execution: &str) -> Result<(), TransformError> {
    let select = format!(
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
         where run.state = '{waiting}' and run.deadline_at < clock_timestamp()
         order by run.run_id limit $1
         for update of run, first skip locked",
        waiting = RunState::Waiting
    );
    for row in &client.query(&select, &[&SWEPT_MAX]).await? {
        let (run, deadline, missing) = (run(row), row.get::<_, DateTime<Utc>>(3), row.get::<_, Vec<String>>(4));
        let deadline = deadline.format("%Y-%m-%dT%H:%M:%SZ");
        let missing = match missing.as_slice() {
            [] => "a dataset that was added to the pipeline after the first load of the period".to_owned(),
            names => names.join(", "),
        };
        let label = ledger::label(&run);
        let reason = format!("{label}: datasets not loaded before the deadline {deadline}: {missing}");
        fail(client, execution, &run, FailureName::RunIncomplete, &reason).await?;
    }
    Ok(())
}

/// Fails runs that were claimed long ago, unless a session still holds the run's lock.
async fn fail_interrupted(client: &Client, execution: &str) -> Result<(), TransformError> {
    let claim_age_s = CLAIM_AGE_MAX.as_secs_f64();
    let select = format!(
        "select run_id, pipeline, logical_at, execution_arn from penstock.run
         where state = '{running}' and claimed_at < clock_timestamp() - make_interval(secs => $2)
         order by run_id limit $1
         for update skip locked",
        running = RunState::Running
    );
    for row in &client.query(&select, &[&SWEPT_MAX, &claim_age_s]).await? {
        let (run, claimed_by) = (run(row), row.get::<_, Option<String>>(3).unwrap_or_default());
        let lock = "select pg_try_advisory_xact_lock(hashtextextended('penstock run', $1))";
        if client.query_one(lock, &[&run.run_id]).await?.get(0) {
            let reason = format!("{}: the execution {claimed_by} ended without closing the run", ledger::label(&run));
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
    // The form of every failure message; see the crate `function`.
    let message = failures::run_message(run, &format!("{reason}{REMEDY_MARK}{}", name.what_to_do()));
    let update = failures::recording(&format!(
        "update penstock.run
         set state = '{failed}', failure = $2, failure_message = $3, execution_arn = $4, ended_at = clock_timestamp()
         where run_id = $1
         returning run_id, pipeline, failure, failure_message, execution_arn",
        failed = RunState::Failed
    ));
    client.execute(&update, &[&run.run_id, &name.as_str(), &message, &execution]).await?;
    Ok(())
}

/// Returns complete runs that no execution has claimed. A run is complete from the commit of its last load.
async fn unclaimed(client: &Client) -> Result<Vec<RunRef>, TransformError> {
    let ready_age_s = READY_AGE_MAX.as_secs_f64();
    let select = format!(
        "select run_id, pipeline, logical_at from penstock.run
         where state = '{ready}'
           and greatest(started_at, (
                   select max(load.committed_at) from penstock.run_input as input
                   join penstock.load using (load_id) where input.run_id = run.run_id))
               < clock_timestamp() - make_interval(secs => $2)
         order by run_id limit $1",
        ready = RunState::Ready
    );
    let found = client.query(&select, &[&SWEPT_MAX, &ready_age_s]).await?;
    Ok(found.iter().map(run).collect())
}

fn run(row: &Row) -> RunRef {
    RunRef { run_id: row.get(0), pipeline: row.get(1), logical_at: row.get(2) }
}
