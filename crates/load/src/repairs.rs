//! Repairs: files of corrected records. A newer version of the original file replaces their rows too.
//!
//! All repairs of one original file are claimed under the lock of that file's key. So a newer version of it deletes the
//! rows of every repair, and later repairs see the newer version.

use chrono::{DateTime, Utc};
use pipeline::version::{ReplacedRows, replaced_rows};
use pipeline::{Dataset, TableName, WriteMode};
use postgres::Client;
use protocol::{LoadOutcome, LoadRequest, ObjectRef};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::error::LoadError;
use crate::locks::lock_to_write;

/// The load that a repair corrects.
#[derive(Clone, Debug)]
pub(crate) struct RepairedLoad {
    load_id: i64,
    /// The original file: that of the load, or of its first ancestor if the load is a repair too.
    pub(crate) file: ObjectRef,
}

/// The load $1, the load that it repairs, and so on to the original file. The planner cannot use an index if this is
/// joined to the ledger again, so it selects all columns.
const ANCESTORS: &str = "
    with recursive ancestor as (
        select * from penstock.load where load_id = $1 and pipeline = $2 and dataset = $3
        union all
        select load.* from penstock.load join ancestor on load.load_id = ancestor.repairs)";

impl RepairedLoad {
    /// Finds the load. Returns `None` if the request is no repair.
    pub(crate) async fn find(client: &Client, request: &LoadRequest) -> Result<Option<Self>, LoadError> {
        let Some(load_id) = request.repairs else { return Ok(None) };
        let (pipeline, dataset) = (&request.pipeline, &request.dataset);
        let found = client
            .query_opt(
                &format!("{ANCESTORS} select bucket, key, sequencer from ancestor where repairs is null"),
                &[&load_id, pipeline, dataset],
            )
            .await?;
        let Some(row) = found else {
            let reason = format!("dataset {pipeline}/{dataset} has no load with this number");
            return Err(not_repairable(&request.object, load_id, reason));
        };
        let file =
            ObjectRef { sequencer: row.get(2), ..ObjectRef::new(row.get::<_, String>(0), row.get::<_, String>(1)) };
        Ok(Some(Self { load_id, file }))
    }

    /// Rejects a repair of rows that were replaced, or of another table. `declared` is the dataset in `pipeline.toml`.
    ///
    /// The caller holds the lock of the original file, so the result is valid until COMMIT.
    pub(crate) async fn check(
        &self,
        client: &Client,
        request: &LoadRequest,
        table: &TableName,
        declared: &Dataset,
    ) -> Result<(), LoadError> {
        if declared.write == WriteMode::Replace {
            // No other file may replace the table before COMMIT.
            lock_to_write(client, table).await?;
        }
        let parameters: [&(dyn ToSql + Sync); 3] = [&self.load_id, &request.pipeline, &request.dataset];
        let found = client.query(&ancestors_statement(), &parameters).await?;
        let ancestors: Vec<AncestorLoad> = found.iter().map(AncestorLoad::new).collect();
        let reason = ancestors.iter().find_map(|ancestor| ancestor.replaced(declared));
        let reason = reason.or_else(|| ancestors.first()?.unrepairable(request, &table.to_string()));
        reason.map_or(Ok(()), |reason| Err(not_repairable(&request.object, self.load_id, reason)))
    }
}

fn not_repairable(object: &ObjectRef, load_id: i64, reason: String) -> LoadError {
    LoadError::NotRepairable { object: object.to_string(), load_id, reason }
}

/// Returns the query for all ancestors, the load itself first. A load with a later claim may have committed earlier, so
/// the query compares both for other files.
fn ancestors_statement() -> String {
    const LOADED: &str = LoadOutcome::Loaded.as_str();
    format!(
        "{ANCESTORS}
         select load.load_id, load.repairs is null as is_original, load.table_name, load.rows_rejected, load.logical_at,
                (select max(later.load_id) from penstock.load as later
                 where later.pipeline = load.pipeline and later.dataset = load.dataset
                   and later.bucket = load.bucket and later.key = load.key
                   and later.outcome = '{LOADED}' and later.load_id > load.load_id) as later_version,
                (select reload.load_id from penstock.load as reload where reload.reloads = load.load_id) as reload,
                load.forgotten_at is not null as is_forgotten,
                (select max(other.load_id) from penstock.load as other
                 where other.pipeline = load.pipeline and other.dataset = load.dataset
                   and other.table_name = load.table_name and other.outcome = '{LOADED}' and other.repairs is null
                   and (other.bucket, other.key) <> (load.bucket, load.key)
                   and (other.load_id > load.load_id or other.committed_at >= load.committed_at)) as other_file
         from ancestor as load
         order by load.load_id desc"
    )
}

/// One load between the repaired load and the original file, both included.
struct AncestorLoad {
    load_id: i64,
    is_original: bool,
    table: String,
    rows_rejected: i64,
    logical_at: Option<DateTime<Utc>>,
    /// The latest load of a later version of the same key.
    later_version: Option<i64>,
    /// The load that loaded this version again.
    reload: Option<i64>,
    is_forgotten: bool,
    /// The latest load of another file after this load.
    other_file: Option<i64>,
}

impl AncestorLoad {
    fn new(row: &Row) -> Self {
        Self {
            load_id: row.get("load_id"),
            is_original: row.get("is_original"),
            table: row.get("table_name"),
            rows_rejected: row.get("rows_rejected"),
            logical_at: row.get("logical_at"),
            later_version: row.get("later_version"),
            reload: row.get("reload"),
            is_forgotten: row.get("is_forgotten"),
            other_file: row.get("other_file"),
        }
    }

    /// Returns the reason if the load's rows are not in the table any more.
    fn replaced(&self, declared: &Dataset) -> Option<String> {
        let replaces = if self.is_original { replaced_rows(declared) } else { replaced_rows(&declared.for_repairs()) };
        let later_version = self.later_version.filter(|_| replaces != ReplacedRows::None);
        let other_file = self.other_file.filter(|_| replaces == ReplacedRows::Table);
        let rows = format!("the rows of load {}", self.load_id);
        if self.is_forgotten {
            return Some(format!("{rows} were deleted by `penstock forget`"));
        }
        if let Some(reload) = self.reload {
            return Some(format!("{rows} were replaced by load {reload}, a reload of its file"));
        }
        match (later_version, other_file) {
            (Some(later), _) => Some(format!("{rows} were replaced by load {later}, a newer version of its file")),
            (None, Some(other)) => Some(format!("{rows} were replaced by load {other}, another file of the table")),
            (None, None) => None,
        }
    }

    /// Returns the reason if this request cannot repair the load.
    fn unrepairable(&self, request: &LoadRequest, table: &str) -> Option<String> {
        let logical_at = self.logical_at.unwrap_or(request.logical_at);
        if self.rows_rejected == 0 {
            Some("the load has no rejects".to_owned())
        } else if self.table != table {
            Some(format!("its rows are in table {}, the table of the dataset is {table}", self.table))
        } else if logical_at != request.logical_at {
            Some(format!("its logical time is {logical_at}, the key of the repair has {}", request.logical_at))
        } else {
            None
        }
    }
}
