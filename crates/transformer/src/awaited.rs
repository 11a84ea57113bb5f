//! Data files that a trigger announced and that do not exist yet. The view `penstock.missing` shows them.

use postgres::Client;
use protocol::AwaitedFile;

use crate::error::TransformError;

/// Records an awaited file, unless it is recorded already.
pub(crate) async fn record(client: &Client, execution: &str, awaited: &AwaitedFile) -> Result<(), TransformError> {
    let AwaitedFile { pipeline, dataset, source, trigger } = awaited;
    client
        .execute(
            "insert into penstock.awaited (pipeline, dataset, bucket, key, trigger_key, execution_arn)
             values ($1, $2, $3, $4, $5, $6)
             on conflict do nothing",
            &[pipeline, dataset, &source.bucket, &source.key, &trigger.key, &execution],
        )
        .await?;
    Ok(())
}
