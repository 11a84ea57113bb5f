//! The failures of files and runs, `penstock.failure`.

use postgres::Client;
use protocol::{
    FailureKind, RecordedFailure, RunRef, UnrecordedFailure, file_remedy, pipeline_remedy, run_remedy, split_message,
};

use crate::error::TransformError;

/// Records the failure of a file, or of a run that could not be opened. A retry of the same execution changes nothing.
pub(crate) async fn record(
    client: &Client,
    execution: &str,
    failed: &UnrecordedFailure,
) -> Result<RecordedFailure, TransformError> {
    let UnrecordedFailure { kind, pipeline, dataset, bucket, key, version_id, name, message } = failed;
    let message = storable(message);
    let (message, remedy) = split_message(&message);
    let key = key.as_deref().map(storable);
    let what_to_do = match kind {
        FailureKind::File => file_remedy(remedy, key.as_deref()),
        FailureKind::Run => pipeline_remedy(remedy, pipeline.as_deref()),
    };
    let insert = "insert into penstock.failure
                      (kind, pipeline, dataset, bucket, key, version_id, name, message, remedy, execution_arn)
                  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                  on conflict do nothing";
    client
        .execute(
            insert,
            &[&kind.as_str(), pipeline, dataset, bucket, &key, version_id, name, &message, &what_to_do, &execution],
        )
        .await?;
    Ok(RecordedFailure { what_to_do })
}

/// PostgreSQL's text has no NUL.
fn storable(text: impl AsRef<str>) -> String {
    text.as_ref().replace('\0', "\\x00")
}

/// Returns the message of a failed run, with the pipeline and the period in the commands of its remedy.
pub(crate) fn run_message(run: &RunRef, message: &str) -> String {
    let message = storable(message);
    let (reason, remedy) = split_message(&message);
    format!("{reason}{}{}", protocol::REMEDY_MARK, run_remedy(remedy, &run.pipeline, run.logical_at, run.run_id))
}

/// Records a run in state Failed as a failure, in the same statement that closes it. `closed` is an `update … returning
/// run_id, pipeline, failure, failure_message, execution_arn`.
pub(crate) fn recording(closed: &str) -> String {
    format!(
        "with closed as ({closed})
         insert into penstock.failure (kind, pipeline, run_id, name, message, remedy, execution_arn)
         select 'run', pipeline, run_id, failure, split_part(failure_message, E'{mark}', 1),
                split_part(failure_message, E'{mark}', 2), execution_arn
         from closed
         on conflict do nothing",
        mark = protocol::REMEDY_MARK.replace('\n', "\\n"),
    )
}
