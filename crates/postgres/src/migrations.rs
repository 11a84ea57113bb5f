use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, GenericClient};
use tracing::info;

use crate::error::DatabaseError;
use crate::limits::MIGRATION_LOCK_TIMEOUT;

/// Each migration runs once, in this order. A change of the schema is a new file.
const MIGRATIONS: [&str; 9] = [
    include_str!("migrations/0001_ledger.sql"),
    include_str!("migrations/0002_inferred_column.sql"),
    include_str!("migrations/0003_runs.sql"),
    include_str!("migrations/0004_repairs.sql"),
    include_str!("migrations/0005_kept_plans.sql"),
    include_str!("migrations/0006_comments.sql"),
    include_str!("migrations/0007_replacements.sql"),
    include_str!("migrations/0008_failures.sql"),
    include_str!("migrations/0009_changes.sql"),
];
const BOOTSTRAP: &str = include_str!("migrations/bootstrap.sql");

/// Applies the missing migrations to the schema `penstock`. If none is missing, this costs one cheap query.
///
/// A newer schema stays as it is, because old and new functions run at the same time during a deployment.
pub(crate) async fn apply(client: &mut Client) -> Result<(), DatabaseError> {
    if version(client).await? >= MIGRATIONS.len() {
        return Ok(());
    }
    let transaction = client.transaction().await?;
    let lock = format!(
        "set local lock_timeout = {}; select pg_advisory_xact_lock(hashtextextended('penstock migration', 0))",
        MIGRATION_LOCK_TIMEOUT.as_millis()
    );
    transaction.batch_execute(&lock).await?;
    transaction.batch_execute(BOOTSTRAP).await?;
    // Another session may have migrated while this one waited.
    let done = version(&transaction).await?;
    for (sql, number) in MIGRATIONS.iter().zip(1_i32..).skip(done) {
        transaction.batch_execute(sql).await?;
        transaction.execute("insert into penstock.migration (version) values ($1)", &[&number]).await?;
        info!(migration = number, "schema penstock migrated");
    }
    Ok(transaction.commit().await?)
}

async fn version(client: &impl GenericClient) -> Result<usize, DatabaseError> {
    let counted = client.query_one("select count(*) from penstock.migration", &[]).await;
    match counted {
        Ok(row) => Ok(usize::try_from(row.get::<_, i64>(0)).unwrap_or(0)),
        Err(error) if is_missing(&error) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

fn is_missing(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| *code == SqlState::UNDEFINED_TABLE || *code == SqlState::INVALID_SCHEMA_NAME)
}
