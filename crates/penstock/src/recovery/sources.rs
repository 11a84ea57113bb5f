//! The facts that `replay` and `reconcile` decide by: deployed definitions, ledger and dead-letter queue.

use definitions::DefinitionsBucket;
use local_stack::{AwsClients, StackEnv};
use pipeline::Catalog;
use postgres::{DatabaseAddress, Session};
use protocol::ObjectRef;
use reconciliation::dead_letters::DeadLetterQueue;

use crate::context::required;
use crate::error::{Error, Result};
use crate::history;
use crate::recovery::interruptible::interruptible;

/// Reads the definitions in the bucket, which the functions use. Fails if one of them is invalid.
pub(crate) async fn deployed_definitions(clients: &AwsClients, env: &StackEnv) -> Result<Catalog> {
    let bucket = required(env.definitions_bucket.as_ref(), "DEFINITIONS_BUCKET")?;
    let bucket = DefinitionsBucket::new(clients.s3.clone(), bucket.to_owned());
    let definitions = interruptible(bucket.all()).await?;
    if definitions.invalid.is_empty() {
        return Ok(definitions.catalog.clone());
    }
    let reasons: Vec<&str> = definitions.invalid.iter().map(|invalid| invalid.reason.as_str()).collect();
    Err(Error::Definitions(reasons.join("\n")))
}

/// Opens a session that reads the ledger.
pub(crate) async fn ledger_session(env: &StackEnv) -> Result<Session> {
    let url = required(env.database_url.as_ref(), "DATABASE_URL")?;
    history::session(DatabaseAddress::Url(url.to_owned())).await
}

/// Returns the objects whose events are in the dead-letter queue, each with its event. The events stay in the queue.
pub(crate) async fn dead_letter_objects(clients: &AwsClients, env: &StackEnv) -> Result<Vec<(ObjectRef, String)>> {
    let Some(url) = &env.dead_letter_queue_url else { return Ok(Vec::new()) };
    interruptible(DeadLetterQueue { sqs: &clients.sqs, url }.objects()).await
}
