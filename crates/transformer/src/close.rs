//! A run that failed, whatever failed in it.

use postgres::Client;
use protocol::RunFailure;

use crate::error::TransformError;

/// Records the failure, once. A run that has ended, or that another execution has claimed, stays as it is.
pub(crate) async fn close(
    client: &Client,
    run_id: i64,
    execution: &str,
    failure: &RunFailure,
) -> Result<(), TransformError> {
    client
        .execute(
            "update penstock.run
             set state = 'Failed', failure = $3, failure_message = $4, execution_arn = $2, ended_at = clock_timestamp()
             where run_id = $1 and (state = 'Ready' or (state = 'Running' and execution_arn = $2))",
            &[&run_id, &execution, &failure.name, &failure.message],
        )
        .await?;
    Ok(())
}
