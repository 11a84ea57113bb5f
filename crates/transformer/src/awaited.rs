//! Data files that a trigger announced and that are not there yet; `penstock.missing` shows them.

use postgres::Client;
use protocol::AwaitedFile;

use crate::error::TransformError;

/// Remembers one, from the first time on that it was looked for in vain.
pub(crate) async fn remember(client: &Client, execution: &str, awaited: &AwaitedFile) -> Result<(), TransformError> {
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
