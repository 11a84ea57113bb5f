//! Runs a run again: a new attempt with the same inputs.

use postgres::Client;
use protocol::{OpenedRun, RunRef, RunState};

use crate::error::TransformError;
use crate::ledger;
use crate::open_decision::EarlierRun;
use crate::period_runs::{OpenRequest, PeriodRuns, RunInputs};

/// Opens a new attempt of a run that has ended. A retry of the same execution gets the same attempt.
pub(crate) async fn rerun(client: &Client, request: OpenRequest<'_>, run_id: i64) -> Result<OpenedRun, TransformError> {
    let earlier = ledger::find(client, run_id).await?;
    if earlier.pipeline != request.start.pipeline {
        let reason = format!("run {run_id} is a run of {}, not of {}", earlier.pipeline, request.start.pipeline);
        return Err(TransformError::InvalidInput(reason));
    }
    let period = PeriodRuns { client, request, logical_at: earlier.logical_at };
    period.lock().await?;
    let history = period.history().await?;
    let state = history.iter().find(|run| run.run_id == run_id).map(|run| run.state);
    let opened = match (state, open_rerun(&period, run_id).await?) {
        (Some(RunState::Waiting), _) => {
            let missing = period.missing(&period.loaded().await?);
            return Err(TransformError::RunIncomplete { run: ledger::label(&earlier), missing });
        }
        (_, Some((open, RunState::Ready, _) | (open, _, true))) => OpenedRun::Run { run: period.run(open) },
        (_, Some((open, ..))) => {
            let reason = format!("run {open} is already running with the same inputs");
            OpenedRun::Skipped { run: period.run(open), reason }
        }
        (_, None) => OpenedRun::Run { run: add(&period, &earlier, &history).await? },
    };
    client.batch_execute("commit").await?;
    Ok(opened)
}

async fn add(period: &PeriodRuns<'_>, earlier: &RunRef, history: &[EarlierRun]) -> Result<RunRef, TransformError> {
    let inputs = ledger::inputs(period.client, earlier.run_id).await?;
    if inputs.is_empty() && !period.request.definition.run.follows() {
        return Err(TransformError::NoRunInput { run: ledger::label(earlier) });
    }
    period.add_attempt(history, RunInputs::Run(earlier.run_id)).await
}

/// Returns the newest run with the same inputs that has not ended: its state, and true if this execution has opened it.
async fn open_rerun(period: &PeriodRuns<'_>, run_id: i64) -> Result<Option<(i64, RunState, bool)>, TransformError> {
    let select = format!(
        "with inputs as (
             select run.run_id, array(select load_id from penstock.run_input as input
                                      where input.run_id = run.run_id order by load_id) as load_ids
             from penstock.run where pipeline = $1 and logical_at = $2)
         select run.run_id, run.state, coalesce(run.execution_arn = $4, false)
         from penstock.run join inputs using (run_id)
         where run.state in ('{ready}', '{running}')
           and inputs.load_ids = (select load_ids from inputs as earlier where earlier.run_id = $3)
         order by run.run_id desc limit 1",
        ready = RunState::Ready,
        running = RunState::Running,
    );
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
        [&period.request.start.pipeline, &period.logical_at, &run_id, &period.request.execution];
    let Some(row) = period.client.query_opt(&select, &parameters).await? else { return Ok(None) };
    let state = row.get::<_, &str>(1).parse();
    let state = state.map_err(|unknown| TransformError::Internal(format!("penstock.run.state: {unknown}")))?;
    Ok(Some((row.get(0), state, row.get(2))))
}
