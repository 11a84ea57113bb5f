//! The loads of the ledger, `penstock.load`.

use postgres::{Client, DatabaseError};
use protocol::{LoadOutcome, ObjectRef};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// One object version in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    pub load_id: i64,
    pub pipeline: String,
    pub dataset: String,
    pub object: ObjectRef,
    pub outcome: LoadOutcome,
    pub rows_read: i64,
    pub execution: Option<String>,
    /// The definition that the load used.
    pub definition_hash: String,
    /// Another file was loaded into the table after this load. Repairs do not count.
    pub is_overtaken: bool,
    /// `penstock forget` deleted the rows of this load.
    pub is_forgotten: bool,
}

/// Reads the entries of a bucket, in the order of their claims.
pub async fn of_bucket(client: &Client, bucket: &str) -> Result<Vec<LedgerEntry>, DatabaseError> {
    read(client, "bucket = $1", &[&bucket]).await
}

/// Reads the entries of some keys with all their versions, in the order of their claims. A reload has the place of its first
/// load.
pub async fn of_keys(
    client: &Client,
    objects: impl Iterator<Item = &ObjectRef>,
) -> Result<Vec<LedgerEntry>, DatabaseError> {
    let (buckets, keys): (Vec<&str>, Vec<&str>) = objects.map(|it| (it.bucket.as_str(), it.key.as_str())).unzip();
    let of_keys = "(bucket, key) in (select * from unnest($1::text[], $2::text[]))";
    read(client, of_keys, &[&buckets, &keys]).await
}

async fn read(
    client: &Client,
    condition: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<LedgerEntry>, DatabaseError> {
    let loaded = LoadOutcome::Loaded;
    let query = format!(
        "with latest as (
             select pipeline, dataset, table_name, max(load_id) as load_id, max(committed_at) as committed_at
             from penstock.load where outcome = '{loaded}' and repairs is null
             group by pipeline, dataset, table_name)
         select load.load_id, pipeline, dataset, bucket, key, version_id, etag, bytes, outcome, rows_read, execution_arn,
                definition_hash, forgotten_at is not null as is_forgotten,
                coalesce(latest.load_id > load.load_id or latest.committed_at > load.committed_at, false)
                    as is_overtaken
         from penstock.load left join latest using (pipeline, dataset, table_name)
         where {condition} order by coalesce(load.first_load_id, load.load_id), load.load_id"
    );
    client.query(&query, parameters).await?.iter().map(entry).collect()
}

fn entry(row: &Row) -> Result<LedgerEntry, DatabaseError> {
    let object = ObjectRef {
        version_id: row.get("version_id"),
        etag: row.get("etag"),
        size_bytes: u64::try_from(row.get::<_, i64>("bytes")).ok(),
        ..ObjectRef::new(row.get::<_, String>("bucket"), row.get::<_, String>("key"))
    };
    let outcome = row.get::<_, &str>("outcome").parse();
    Ok(LedgerEntry {
        load_id: row.get("load_id"),
        pipeline: row.get("pipeline"),
        dataset: row.get("dataset"),
        object,
        outcome: outcome.map_err(|unknown| DatabaseError::Internal(format!("penstock.load.outcome: {unknown}")))?,
        rows_read: row.get("rows_read"),
        execution: row.get("execution_arn"),
        definition_hash: row.get("definition_hash"),
        is_overtaken: row.get("is_overtaken"),
        is_forgotten: row.get("is_forgotten"),
    })
}
