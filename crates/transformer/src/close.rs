//! Closes failed runs.

use postgres::Client;
use protocol::{RunFailure, RunRef, RunState};

use crate::error::TransformError;
use crate::failures;

/// Records the failure of a run. Returns the failure with the remedy of this run.
///
/// Changes nothing when the run has ended, or when another execution has claimed it.
pub(crate) async fn close(
    client: &Client,
    run: &RunRef,
    execution: &str,
    failure: &RunFailure,
) -> Result<RunFailure, TransformError> {
    let message = failures::run_message(run, &failure.message);
    let close = failures::recording(&format!(
        "update penstock.run
         set state = '{failed}', failure = $3, failure_message = $4, execution_arn = $2, ended_at = clock_timestamp()
         where run_id = $1 and (state = '{ready}' or (state = '{running}' and execution_arn = $2))
         returning run_id, pipeline, failure, failure_message, execution_arn",
        failed = RunState::Failed,
        ready = RunState::Ready,
        running = RunState::Running,
    ));
    client.execute(&close, &[&run.run_id, &execution, &failure.name, &message]).await?;
    Ok(RunFailure { name: failure.name.clone(), message })
}
