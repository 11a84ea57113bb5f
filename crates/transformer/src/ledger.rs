//! `penstock.run` and what hangs on it: what is known of a run, who has claimed it, and what came of it.

use futures_util::future::join;
use postgres::Client;
use protocol::{ExportReport, RunInput, RunOutcome, RunRef, TransformReport};
use tokio_postgres::Row;

use crate::error::TransformError;

#[derive(Debug)]
pub(crate) enum Claim {
    /// Nobody else has it. `is_transformed` when an earlier try of ours committed its transforms.
    Granted {
        is_transformed: bool,
    },
    Settled(RunOutcome),
}

pub(crate) async fn find(client: &Client, run_id: i64) -> Result<RunRef, TransformError> {
    let found = client.query_opt("select pipeline, logical_at from penstock.run where run_id = $1", &[&run_id]).await?;
    found
        .map(|row| RunRef { run_id, pipeline: row.get(0), logical_at: row.get(1) })
        .ok_or_else(|| TransformError::InvalidInput(format!("there is no run {run_id}")))
}

/// Claims a run for an execution: once, and again when that execution tries again.
pub(crate) async fn claim(
    client: &Client,
    run: &RunRef,
    execution: &str,
    definition_hash: &str,
) -> Result<Claim, TransformError> {
    let claimed = client
        .query_opt(
            "update penstock.run
             set state = 'Running', claimed_at = clock_timestamp(), execution_arn = $2,
                 definition_hash = case when transformed_at is null then $3 else definition_hash end
             where run_id = $1 and (state = 'Ready' or (state = 'Running' and execution_arn = $2))
             returning transformed_at is not null",
            &[&run.run_id, &execution, &definition_hash],
        )
        .await?;
    if let Some(row) = claimed {
        return Ok(Claim::Granted { is_transformed: row.get(0) });
    }
    let row = client
        .query_one(
            "select state, coalesce(execution_arn = $2, false) from penstock.run where run_id = $1",
            &[&run.run_id, &execution],
        )
        .await?;
    match (row.get(0), row.get(1)) {
        ("Waiting", _) => {
            Err(TransformError::InvalidInput(format!("{} waits for datasets and cannot run yet", label(run))))
        }
        // The reply to our own success was lost.
        ("Succeeded", true) => Ok(Claim::Settled(RunOutcome::Succeeded)),
        _ => Ok(Claim::Settled(RunOutcome::AlreadyClaimed)),
    }
}

/// Remembers that the transforms are done, in their own transaction, unless the run is not ours any more.
pub(crate) async fn record_transforms(
    client: &Client,
    run: &RunRef,
    execution: &str,
    transforms: &[TransformReport],
) -> Result<(), TransformError> {
    let recorded = client
        .execute(
            "update penstock.run set transformed_at = clock_timestamp()
             where run_id = $1 and state = 'Running' and execution_arn = $2 and transformed_at is null",
            &[&run.run_id, &execution],
        )
        .await?;
    if recorded != 1 {
        return Err(lost(run));
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

/// The run has succeeded, with these exports.
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
    let row = client
        .query_one(
            "with succeeded as (
                 update penstock.run set state = 'Succeeded', ended_at = clock_timestamp()
                 where run_id = $1 and state = 'Running' and execution_arn = $2
                 returning run_id),
             written as (
                 insert into penstock.run_export (run_id, bucket, key, rows, bytes)
                 select run_id, export.* from succeeded, unnest($3::text[], $4::text[], $5::bigint[], $6::bigint[])
                     as export (bucket, key, rows, bytes))
             select count(*) from succeeded",
            &[&run.run_id, &execution, &buckets, &keys, &rows, &bytes],
        )
        .await?;
    if row.get::<_, i64>(0) == 1 { Ok(()) } else { Err(lost(run)) }
}

/// What each dataset brought.
pub(crate) async fn inputs(client: &Client, run_id: i64) -> Result<Vec<RunInput>, TransformError> {
    let found = client
        .query(
            "select input.dataset, count(*), sum(load.rows_loaded)::bigint, sum(load.rows_rejected)::bigint
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

/// What the run did, as far as it is recorded.
pub(crate) async fn done(
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

/// A run, for messages.
pub(crate) fn label(run: &RunRef) -> String {
    format!("{} {} (run {})", run.pipeline, run.logical_at.format("%Y-%m-%dT%H:%M:%SZ"), run.run_id)
}

fn lost(run: &RunRef) -> TransformError {
    TransformError::RunInProgress(format!("{}: this execution does not hold it any more", label(run)))
}

/// PostgreSQL has no unsigned integers; nothing that is counted here comes near the difference.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
