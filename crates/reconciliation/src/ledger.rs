//! `penstock.load`, as far as it tells what became of objects.

use postgres::{Client, DatabaseError};
use protocol::ObjectRef;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// One object version that the loader has dealt with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub load_id: i64,
    pub pipeline: String,
    pub dataset: String,
    pub object: ObjectRef,
    /// As the loader wrote it: `Loaded`, `AlreadyLoaded`, `Superseded` or `Ignored`.
    pub outcome: String,
    pub rows_read: i64,
    pub execution: Option<String>,
    /// Whether something was loaded into its table after it, repairs left out.
    pub is_overtaken: bool,
}

/// What was done with the objects of a bucket, in the order of the claims.
pub async fn of_bucket(client: &Client, bucket: &str) -> Result<Vec<Entry>, DatabaseError> {
    read(client, "bucket = $1", &[&bucket]).await
}

/// What was done with these keys, all their versions, in the order of the claims.
pub async fn of_keys(client: &Client, objects: impl Iterator<Item = &ObjectRef>) -> Result<Vec<Entry>, DatabaseError> {
    let (buckets, keys): (Vec<&str>, Vec<&str>) = objects.map(|it| (it.bucket.as_str(), it.key.as_str())).unzip();
    let of_keys = "(bucket, key) in (select * from unnest($1::text[], $2::text[]))";
    read(client, of_keys, &[&buckets, &keys]).await
}

async fn read(client: &Client, which: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Entry>, DatabaseError> {
    let query = format!(
        "with latest as (
             select pipeline, dataset, table_name, max(load_id) as load_id, max(committed_at) as committed_at
             from penstock.load where outcome = 'Loaded' and repairs is null
             group by pipeline, dataset, table_name)
         select load.load_id, pipeline, dataset, bucket, key, version_id, etag, bytes, outcome, rows_read, execution_arn,
                coalesce(latest.load_id > load.load_id or latest.committed_at > load.committed_at, false)
                    as is_overtaken
         from penstock.load left join latest using (pipeline, dataset, table_name)
         where {which} order by load.load_id"
    );
    Ok(client.query(&query, parameters).await?.iter().map(entry).collect())
}

fn entry(row: &Row) -> Entry {
    let object = ObjectRef {
        version_id: row.get("version_id"),
        etag: row.get("etag"),
        size_bytes: u64::try_from(row.get::<_, i64>("bytes")).ok(),
        ..ObjectRef::new(row.get::<_, String>("bucket"), row.get::<_, String>("key"))
    };
    Entry {
        load_id: row.get("load_id"),
        pipeline: row.get("pipeline"),
        dataset: row.get("dataset"),
        object,
        outcome: row.get("outcome"),
        rows_read: row.get("rows_read"),
        execution: row.get("execution_arn"),
        is_overtaken: row.get("is_overtaken"),
    }
}
