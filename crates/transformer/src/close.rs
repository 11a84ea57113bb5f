//! Closes failed runs.

use postgres::Client;
use protocol::{RunFailure, RunState};

use crate::error::TransformError;

/// Records the failure of a run.
///
/// Changes nothing when the run has ended, or when another execution has claimed it.
pub(crate) async fn close(
    client: &Client,
    run_id: i64,
    execution: &str,
    failure: &RunFailure,
) -> Result<(), TransformError> {
    let close = format!(
        "update penstock.run
         set state = '{failed}', failure = $3, failure_message = $4, execution_arn = $2, ended_at = clock_timestamp()
         where run_id = $1 and (state = '{ready}' or (state = '{running}' and execution_arn = $2))",
        failed = RunState::Failed,
        ready = RunState::Ready,
        running = RunState::Running,
    );
    client.execute(&close, &[&run_id, &execution, &failure.name, &failure.message]).await?;
    Ok(())
}
