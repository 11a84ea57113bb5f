//! Repairs: files of corrected records. Their rows stand and fall with those of the load that had refused them.
//!
//! All repairs that go back to one file are claimed under that file's lock, so that a newer version of it takes out the
//! rows of every repair there is, and no repair comes after it unseen.

use chrono::{DateTime, Utc};
use pipeline::{OnNewVersion, TableName, WriteMode};
use postgres::Client;
use protocol::{LoadRequest, ObjectRef};
use tokio_postgres::Row;

use crate::error::LoadError;
use crate::locks::lock_to_write;

/// The load that is repaired. Nothing that is told here ever changes.
#[derive(Clone, Debug)]
pub(crate) struct Repaired {
    load_id: i64,
    /// The file that the load goes back to: its own, or the first one where the load is a repair too.
    pub(crate) file: ObjectRef,
}

/// How the dataset's whole files are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Declared<'a> {
    pub(crate) write: &'a WriteMode,
    pub(crate) on_new_version: OnNewVersion,
}

/// The load, and what it repairs, and what that repairs. Each with what is asked of it: joined to the ledger again, all
/// of that would be read.
const WAY: &str = "
    with recursive way as (
        select * from penstock.load where load_id = $1 and pipeline = $2 and dataset = $3
        union all
        select load.* from penstock.load join way on load.load_id = way.repairs)";

impl Repaired {
    /// `None` when the request is no repair.
    pub(crate) async fn look_up(client: &Client, request: &LoadRequest) -> Result<Option<Self>, LoadError> {
        let Some(load_id) = request.repairs else { return Ok(None) };
        let (pipeline, dataset) = (&request.pipeline, &request.dataset);
        let found = client
            .query_opt(
                &format!("{WAY} select bucket, key, sequencer from way where repairs is null"),
                &[&load_id, pipeline, dataset],
            )
            .await?;
        let Some(row) = found else {
            let reason = format!("{pipeline}/{dataset} has no such load");
            return Err(not_repairable(&request.object, load_id, reason));
        };
        let file =
            ObjectRef { sequencer: row.get(2), ..ObjectRef::new(row.get::<_, String>(0), row.get::<_, String>(1)) };
        Ok(Some(Self { load_id, file }))
    }

    /// Refuses what would bring rows back, or in twice. Asked behind the file's lock, so that it stays true until COMMIT.
    pub(crate) async fn check(
        &self,
        client: &Client,
        request: &LoadRequest,
        table: &TableName,
        declared: Declared<'_>,
    ) -> Result<(), LoadError> {
        if *declared.write == WriteMode::Replace {
            // No other file becomes the table between here and COMMIT.
            lock_to_write(client, table).await?;
        }
        let found =
            client.query(&format!("{WAY}{STANDING}"), &[&self.load_id, &request.pipeline, &request.dataset]).await?;
        let standings: Vec<Standing> = found.iter().map(Standing::of).collect();
        let reason = standings.iter().find_map(|standing| standing.fallen(declared));
        let reason = reason.or_else(|| standings.first()?.unfit(request, &table.to_string()));
        reason.map_or(Ok(()), |reason| Err(not_repairable(&request.object, self.load_id, reason)))
    }
}

fn not_repairable(object: &ObjectRef, load_id: i64, reason: String) -> LoadError {
    LoadError::NotRepairable { object: object.to_string(), load_id, reason }
}

/// The load itself comes first. Of loads of different files the later claim need not be the later writer, so both are
/// looked at.
const STANDING: &str = "
    select load.load_id, load.repairs is null as is_first, load.table_name, load.rows_rejected, load.logical_at,
           (select max(later.load_id) from penstock.load as later
            where later.pipeline = load.pipeline and later.dataset = load.dataset
              and later.bucket = load.bucket and later.key = load.key
              and later.outcome = 'Loaded' and later.load_id > load.load_id) as later_version,
           (select max(other.load_id) from penstock.load as other
            where other.pipeline = load.pipeline and other.dataset = load.dataset
              and other.table_name = load.table_name and other.outcome = 'Loaded' and other.repairs is null
              and (other.bucket, other.key) <> (load.bucket, load.key)
              and (other.load_id > load.load_id or other.committed_at >= load.committed_at)) as other_file
    from way as load
    order by load.load_id desc";

/// One load on the way from the repaired one to the first file.
struct Standing {
    load_id: i64,
    is_first: bool,
    table: String,
    rows_rejected: i64,
    logical_at: Option<DateTime<Utc>>,
    later_version: Option<i64>,
    other_file: Option<i64>,
}

impl Standing {
    fn of(row: &Row) -> Self {
        Self {
            load_id: row.get("load_id"),
            is_first: row.get("is_first"),
            table: row.get("table_name"),
            rows_rejected: row.get("rows_rejected"),
            logical_at: row.get("logical_at"),
            later_version: row.get("later_version"),
            other_file: row.get("other_file"),
        }
    }

    /// Why the load's rows are not in the table any more.
    fn fallen(&self, Declared { write, on_new_version }: Declared<'_>) -> Option<String> {
        let is_table = self.is_first && *write == WriteMode::Replace;
        let replaced_by = self.later_version.filter(|_| is_table || on_new_version == OnNewVersion::Replace);
        let rows = format!("the rows of load {}", self.load_id);
        match (replaced_by, self.other_file.filter(|_| is_table)) {
            (Some(later), _) => Some(format!("{rows} were replaced by load {later}, a newer version of its file")),
            (None, Some(other)) => Some(format!("{rows} were replaced by load {other}, which the table is now")),
            (None, None) => None,
        }
    }

    /// Why the load is none that this request could repair.
    fn unfit(&self, request: &LoadRequest, table: &str) -> Option<String> {
        let logical_at = self.logical_at.unwrap_or(request.logical_at);
        if self.rows_rejected == 0 {
            Some("it refused no rows".to_owned())
        } else if self.table != table {
            Some(format!("its rows are in {}, and the dataset's table is {table}", self.table))
        } else if logical_at != request.logical_at {
            Some(format!("it is about {logical_at}, and the key says {}", request.logical_at))
        } else {
            None
        }
    }
}
