//! Opens runs that no load has started: by hand, or after a run of another pipeline.

use chrono::{DateTime, Utc};
use postgres::Client;
use protocol::{OpenedRun, RunRef, RunState};

use crate::error::TransformError;
use crate::open_decision::{OpenDecision, decide};
use crate::period_runs::{OpenRequest, PeriodRuns, RunInputs};
use crate::rerun::rerun;

/// Opens a run. A retry of the same execution gets the same run.
pub(crate) async fn open(client: &Client, request: OpenRequest<'_>) -> Result<OpenedRun, TransformError> {
    let OpenRequest { definition, start, .. } = request;
    if !definition.has_runs() {
        let reason = "has no [run], [[transforms]] or [[exports]], so the pipeline has no runs";
        return Err(TransformError::InvalidInput(format!("pipelines/{}/pipeline.toml {reason}", start.pipeline)));
    }
    if let Some(run_id) = start.rerun {
        return rerun(client, request, run_id).await;
    }
    let logical_at = match (start.logical_at, start.at) {
        (Some(instant), _) => instant,
        (None, Some(local)) => definition.instant(local),
        (None, None) => client.query_one("select clock_timestamp()", &[]).await?.get(0),
    };
    match start.after_run_id {
        Some(followed) => open_follower(client, request, logical_at, followed).await,
        None => open_by_hand(client, request, definition.period(logical_at)).await,
    }
}

/// Opens the run that follows run `followed`. The unique index on `after_run_id` allows one.
async fn open_follower(
    client: &Client,
    OpenRequest { execution, start, .. }: OpenRequest<'_>,
    logical_at: DateTime<Utc>,
    followed: i64,
) -> Result<OpenedRun, TransformError> {
    let insert = format!(
        "insert into penstock.run (pipeline, logical_at, state, after_run_id, execution_arn)
         values ($1, $2, '{ready}', $3, $4)
         on conflict (pipeline, after_run_id) do nothing
         returning run_id",
        ready = RunState::Ready
    );
    let opened = client.query_opt(&insert, &[&start.pipeline, &logical_at, &followed, &execution]).await?;
    let run = |run_id, logical_at| RunRef { run_id, pipeline: start.pipeline.clone(), logical_at };
    if let Some(row) = opened {
        return Ok(OpenedRun::Run { run: run(row.get(0), logical_at) });
    }
    let select = format!(
        "select run_id, logical_at, state in ('{ready}', '{running}') and execution_arn = $3
         from penstock.run where pipeline = $1 and after_run_id = $2",
        ready = RunState::Ready,
        running = RunState::Running,
    );
    let row = client.query_one(&select, &[&start.pipeline, &followed, &execution]).await?;
    let run = run(row.get(0), row.get(1));
    if row.get::<_, Option<bool>>(2) == Some(true) {
        return Ok(OpenedRun::Run { run });
    }
    Ok(OpenedRun::Skipped { run, reason: format!("this run already follows run {followed}") })
}

async fn open_by_hand(
    client: &Client,
    request: OpenRequest<'_>,
    logical_at: DateTime<Utc>,
) -> Result<OpenedRun, TransformError> {
    let period = PeriodRuns { client, request, logical_at };
    period.lock().await?;
    let history = period.history().await?;
    let loaded = period.loaded().await?;
    let missing = period.missing(&loaded);
    let opened = match decide(&history, missing.is_empty(), request.start.force) {
        OpenDecision::Existing(run_id) => OpenedRun::Run { run: period.run(run_id) },
        OpenDecision::StartWaiting(run_id) => OpenedRun::Run { run: period.start_waiting(run_id).await? },
        // A run without input would succeed, and hide that the period has no loads.
        OpenDecision::NewAttempt if loaded.is_empty() && !request.definition.run.follows() => {
            let run = format!("{} {}", request.start.pipeline, logical_at.format("%Y-%m-%dT%H:%M:%S%.fZ"));
            return Err(TransformError::NoRunInput { run });
        }
        OpenDecision::NewAttempt => OpenedRun::Run { run: period.add_attempt(&history, RunInputs::Period).await? },
        OpenDecision::Skip(run_id, reason) => OpenedRun::Skipped { run: period.run(run_id), reason: reason.to_owned() },
        OpenDecision::Incomplete => {
            let run = format!("{} {}", request.start.pipeline, logical_at.format("%Y-%m-%dT%H:%M:%SZ"));
            return Err(TransformError::RunIncomplete { run, missing });
        }
    };
    client.batch_execute("commit").await?;
    Ok(opened)
}
