//! The runs in the ledger: `penstock.run` and the tables that refer to it.

use futures_util::future::join;
use postgres::Client;
use protocol::{ExportReport, RunInput, RunOutcome, RunRef, RunState, TransformReport};
use tokio_postgres::Row;

use crate::error::TransformError;

/// The result of [`claim`].
#[derive(Debug)]
pub(crate) enum RunClaim {
    /// This execution has the run. `is_transformed` when an earlier attempt of it committed the transforms.
    Granted { is_transformed: bool },
    /// There is nothing to do.
    Ended(RunOutcome),
}

/// Returns a run by its number.
pub(crate) async fn find(client: &Client, run_id: i64) -> Result<RunRef, TransformError> {
    let found = client.query_opt("select pipeline, logical_at from penstock.run where run_id = $1", &[&run_id]).await?;
    found
        .map(|row| RunRef { run_id, pipeline: row.get(0), logical_at: row.get(1) })
        .ok_or_else(|| TransformError::InvalidInput(format!("run {run_id} does not exist")))
}

/// Claims a run for an execution. A retry of the same execution claims it again.
pub(crate) async fn claim(
    client: &Client,
    run: &RunRef,
    execution: &str,
    definition_hash: &str,
) -> Result<RunClaim, TransformError> {
    let claim = format!(
        "update penstock.run
         set state = '{running}', claimed_at = clock_timestamp(), execution_arn = $2,
             definition_hash = case when transformed_at is null then $3 else definition_hash end
         where run_id = $1 and (state = '{ready}' or (state = '{running}' and execution_arn = $2))
         returning transformed_at is not null",
        ready = RunState::Ready,
        running = RunState::Running,
    );
    let claimed = client.query_opt(&claim, &[&run.run_id, &execution, &definition_hash]).await?;
    if let Some(row) = claimed {
        return Ok(RunClaim::Granted { is_transformed: row.get(0) });
    }
    let row = client
        .query_one(
            "select state, coalesce(execution_arn = $2, false) from penstock.run where run_id = $1",
            &[&run.run_id, &execution],
        )
        .await?;
    match (row.get::<_, &str>(0).parse(), row.get(1)) {
        (Ok(RunState::Waiting), _) => {
            Err(TransformError::InvalidInput(format!("{} is waiting for datasets", label(run))))
        }
        // This execution has succeeded before, and its answer was lost.
        (Ok(RunState::Succeeded), true) => Ok(RunClaim::Ended(RunOutcome::Succeeded)),
        _ => Ok(RunClaim::Ended(RunOutcome::AlreadyClaimed)),
    }
}

/// Records the transforms, in their own transaction. Fails when another execution has claimed the run.
pub(crate) async fn record_transforms(
    client: &Client,
    run: &RunRef,
    execution: &str,
    transforms: &[TransformReport],
) -> Result<(), TransformError> {
    let record = format!(
        "update penstock.run set transformed_at = clock_timestamp()
         where run_id = $1 and state = '{running}' and execution_arn = $2 and transformed_at is null",
        running = RunState::Running
    );
    if client.execute(&record, &[&run.run_id, &execution]).await? != 1 {
        return Err(claim_lost(run));
    }
    for (transform, number) in transforms.iter().zip(1_i32..) {
        let TransformReport { sql, statements, rows, duration_ms } = transform;
        let insert = "insert into penstock.run_transform (run_id, number, sql, statements, rows, duration_ms)
                      values ($1, $2, $3, $4, $5, $6)";
        let (statements, rows, duration_ms) = (signed(*statements), signed(*rows), signed(*duration_ms));
        client.execute(insert, &[&run.run_id, &number, sql, &statements, &rows, &duration_ms]).await?;
    }
    Ok(())
}

/// Records the success of a run with its exports. Fails when another execution has claimed the run.
pub(crate) async fn succeed(
    client: &Client,
    run: &RunRef,
    execution: &str,
    exports: &[ExportReport],
) -> Result<(), TransformError> {
    let buckets: Vec<&str> = exports.iter().map(|export| export.bucket.as_str()).collect();
    let keys: Vec<&str> = exports.iter().map(|export| export.key.as_str()).collect();
    let rows: Vec<i64> = exports.iter().map(|export| signed(export.rows)).collect();
    let bytes: Vec<i64> = exports.iter().map(|export| signed(export.bytes)).collect();
    let succeed = format!(
        "with succeeded as (
             update penstock.run set state = '{succeeded}', ended_at = clock_timestamp()
             where run_id = $1 and state = '{running}' and execution_arn = $2
             returning run_id),
         written as (
             insert into penstock.run_export (run_id, bucket, key, rows, bytes)
             select run_id, export.* from succeeded, unnest($3::text[], $4::text[], $5::bigint[], $6::bigint[])
                 as export (bucket, key, rows, bytes))
         select count(*) from succeeded",
        running = RunState::Running,
        succeeded = RunState::Succeeded,
    );
    let row = client.query_one(&succeed, &[&run.run_id, &execution, &buckets, &keys, &rows, &bytes]).await?;
    if row.get::<_, i64>(0) == 1 { Ok(()) } else { Err(claim_lost(run)) }
}

/// Returns the loads of a run, added up by dataset. The rows of loads that were replaced since do not count.
pub(crate) async fn inputs(client: &Client, run_id: i64) -> Result<Vec<RunInput>, TransformError> {
    let found = client
        .query(
            "select input.dataset, count(*),
                    coalesce(sum(load.rows_loaded) filter (where load.replaced_by is null), 0)::bigint,
                    coalesce(sum(load.rows_rejected) filter (where load.replaced_by is null), 0)::bigint
             from penstock.run_input as input join penstock.load using (load_id)
             where input.run_id = $1
             group by input.dataset order by input.dataset",
            &[&run_id],
        )
        .await?;
    let input = |row: &Row| RunInput {
        dataset: row.get(0),
        loads: unsigned(row.get(1)),
        rows_loaded: unsigned(row.get(2)),
        rows_rejected: unsigned(row.get(3)),
    };
    Ok(found.iter().map(input).collect())
}

/// Returns the recorded transforms and exports of a run.
pub(crate) async fn results(
    client: &Client,
    run_id: i64,
) -> Result<(Vec<TransformReport>, Vec<ExportReport>), TransformError> {
    let of_run: &[&(dyn tokio_postgres::types::ToSql + Sync)] = &[&run_id];
    let (transforms, exports) = join(
        client.query(
            "select sql, statements, rows, duration_ms from penstock.run_transform where run_id = $1 order by number",
            of_run,
        ),
        client.query(
            "select bucket, key, rows, bytes from penstock.run_export where run_id = $1 order by written_at, key",
            of_run,
        ),
    )
    .await;
    let transform = |row: &Row| TransformReport {
        sql: row.get(0),
        statements: unsigned(row.get(1)),
        rows: unsigned(row.get(2)),
        duration_ms: unsigned(row.get(3)),
    };
    let export = |row: &Row| ExportReport {
        bucket: row.get(0),
        key: row.get(1),
        rows: unsigned(row.get(2)),
        bytes: unsigned(row.get(3)),
    };
    Ok((transforms?.iter().map(transform).collect(), exports?.iter().map(export).collect()))
}

/// Names a run in messages: `retail 2024-05-01T00:00:00Z (run 7)`.
pub(crate) fn label(run: &RunRef) -> String {
    format!("{} {} (run {})", run.pipeline, run.logical_at.format("%Y-%m-%dT%H:%M:%SZ"), run.run_id)
}

fn claim_lost(run: &RunRef) -> TransformError {
    TransformError::RunInProgress(format!("{}: another execution has claimed the run", label(run)))
}

/// PostgreSQL has no unsigned integers. No count here comes near the limit.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
