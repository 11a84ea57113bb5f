//! `penstock.load`, as far as it tells what became of objects.

use contracts::ObjectRef;
use database::{DatabaseAddress, Session};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::required;
use crate::local::StackEnv;
use crate::{Error, Result, history};

/// One object version that the loader has dealt with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) load_id: i64,
    pub(super) pipeline: String,
    pub(super) dataset: String,
    pub(super) object: ObjectRef,
    /// As the loader wrote it: `Loaded`, `AlreadyLoaded`, `Superseded` or `Ignored`.
    pub(super) outcome: String,
    pub(super) rows_read: i64,
    pub(super) execution: Option<String>,
    /// Whether something was loaded into its table after it, repairs left out.
    pub(super) is_overtaken: bool,
}

#[derive(Debug)]
pub(super) struct Ledger(Session);

impl Ledger {
    pub(super) async fn open(env: &StackEnv) -> Result<Self> {
        let url = required(env.database_url.as_ref(), "DATABASE_URL")?;
        history::session(DatabaseAddress::Url(url.to_owned())).await.map(Self)
    }

    /// What was done with the objects of a bucket, in the order of the claims.
    pub(super) async fn of_bucket(&self, bucket: &str) -> Result<Vec<Entry>> {
        self.read("bucket = $1", &[&bucket]).await
    }

    /// What was done with these keys, all their versions, in the order of the claims.
    pub(super) async fn of_keys(&self, objects: impl Iterator<Item = &ObjectRef>) -> Result<Vec<Entry>> {
        let (buckets, keys): (Vec<&str>, Vec<&str>) = objects.map(|it| (it.bucket.as_str(), it.key.as_str())).unzip();
        let of_keys = "(bucket, key) in (select * from unnest($1::text[], $2::text[]))";
        self.read(of_keys, &[&buckets, &keys]).await
    }

    async fn read(&self, which: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Entry>> {
        let query = format!(
            "with entry as (
                 select *,
                        coalesce(max(load_id) filter (where outcome = 'Loaded' and repairs is null) over of_table > load_id
                                 or max(committed_at) filter (where outcome = 'Loaded' and repairs is null) over of_table > committed_at,
                                 false) as is_overtaken
                 from penstock.load
                 window of_table as (partition by pipeline, dataset, table_name))
             select load_id, pipeline, dataset, bucket, key, version_id, etag, bytes, outcome, rows_read,
                    execution_arn, is_overtaken
             from entry where {which} order by load_id"
        );
        let rows = self.0.client.query(&query, parameters).await;
        let rows = rows.map_err(|error| Error::database("reading the ledger")(error.into()))?;
        Ok(rows.iter().map(entry).collect())
    }
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
