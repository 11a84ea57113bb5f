//! Forgets a file: deletes its rows, those of its repairs, and their rejects. The ledger rows stay, and say so.

use pipeline::TableName;
use postgres::Client;
use protocol::ObjectRef;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use crate::error::LoadError;
use crate::existing_table::ExistingTable;
use crate::integers::unsigned;
use crate::key_lock::key_lock;
use crate::limits::LOCK_TIMEOUT;
use crate::target_table::LINEAGE;

/// One load of a file, or of one of its repairs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLoad {
    pub load_id: i64,
    pub pipeline: String,
    pub dataset: String,
    /// The object of the load. A repair has its own.
    pub object: ObjectRef,
    pub table: String,
    /// Rows in the table, and records in `penstock.reject`.
    pub rows: u64,
    pub rejects: u64,
    pub is_repair: bool,
}

/// Returns all loads of a key and of its repairs, with the rows and rejects that [`forget`] deletes.
///
/// # Errors
/// Fails with `TableMismatch` for a table without `_load_id`: it has no record of which rows are of which file.
pub async fn find(client: &Client, file: &ObjectRef) -> Result<Vec<FileLoad>, LoadError> {
    let found = client.query(LOADS, &[&file.bucket, &file.key]).await?;
    let mut loads: Vec<FileLoad> = found.iter().map(FileLoad::new).collect();
    for table in tables(client, &loads).await? {
        let ids = ids(&loads, &table);
        let count = format!("select {LINEAGE}, count(*) from {} where {LINEAGE} = any($1) group by 1", table.quoted());
        for row in client.query(&count, &[&ids]).await? {
            set_rows(&mut loads, row.get(0), row.get(1));
        }
    }
    Ok(loads)
}

/// Deletes everything that [`find`] returns, in one transaction, and records who did it. Repeating it does no harm.
pub async fn forget(client: &Client, file: &ObjectRef, by: &str) -> Result<Vec<FileLoad>, LoadError> {
    let begin = format!("begin isolation level read committed; set local lock_timeout = {}", LOCK_TIMEOUT.as_millis());
    client.batch_execute(&begin).await?;
    let forgotten = delete(client, file, by).await;
    client.batch_execute(if forgotten.is_ok() { "commit" } else { "rollback" }).await?;
    forgotten
}

async fn delete(client: &Client, file: &ObjectRef, by: &str) -> Result<Vec<FileLoad>, LoadError> {
    // A load of the key, a repair or a reload would add rows that nobody deletes.
    for row in client.query(DATASETS, &[&file.bucket, &file.key]).await? {
        let lock = format!("select pg_advisory_xact_lock({})", key_lock(row.get(0), row.get(1), file));
        client.batch_execute(&lock).await.map_err(|error| match error.code() {
            Some(&SqlState::LOCK_NOT_AVAILABLE) => LoadError::LoadInProgress { object: file.to_string() },
            _ => error.into(),
        })?;
    }
    let found = client.query(LOADS, &[&file.bucket, &file.key]).await?;
    let mut loads: Vec<FileLoad> = found.iter().map(FileLoad::new).collect();
    for table in tables(client, &loads).await? {
        let ids = ids(&loads, &table);
        let delete = format!(
            "with deleted as (delete from {} where {LINEAGE} = any($1) returning {LINEAGE})
             select {LINEAGE}, count(*) from deleted group by 1",
            table.quoted()
        );
        for row in client.query(&delete, &[&ids]).await? {
            set_rows(&mut loads, row.get(0), row.get(1));
        }
    }
    let all: Vec<i64> = loads.iter().map(|load| load.load_id).collect();
    client.execute("delete from penstock.reject where load_id = any($1)", &[&all]).await?;
    client
        .execute(
            "update penstock.load set header = null, forgotten_at = clock_timestamp(), forgotten_by = $2 || ' as ' || session_user
             where load_id = any($1) and forgotten_at is null",
            &[&all, &by],
        )
        .await?;
    // The message of a failure may quote values of the file.
    client
        .execute(
            "update penstock.failure set message = 'the file was forgotten' where bucket = $1 and key = $2",
            &[&file.bucket, &file.key],
        )
        .await?;
    Ok(loads)
}

/// The loads of a key, their repairs, the repairs of those, and so on.
const LOADS: &str = "
    with recursive family as (
        select * from penstock.load where bucket = $1 and key = $2
        union all
        select repair.* from penstock.load as repair join family on repair.repairs = family.load_id)
    select load_id, pipeline, dataset, bucket, key, version_id, table_name, repairs is not null as is_repair,
           (select count(*) from penstock.reject where reject.load_id = family.load_id) as rejects
    from family order by load_id";

const DATASETS: &str =
    "select distinct pipeline, dataset from penstock.load where bucket = $1 and key = $2 order by pipeline, dataset";

impl FileLoad {
    fn new(row: &Row) -> Self {
        let object = ObjectRef {
            version_id: row.get("version_id"),
            ..ObjectRef::new(row.get::<_, String>("bucket"), row.get::<_, String>("key"))
        };
        Self {
            load_id: row.get("load_id"),
            pipeline: row.get("pipeline"),
            dataset: row.get("dataset"),
            object,
            table: row.get("table_name"),
            rows: 0,
            rejects: unsigned(row.get("rejects")),
            is_repair: row.get("is_repair"),
        }
    }
}

/// Returns the tables of the loads that exist.
async fn tables(client: &Client, loads: &[FileLoad]) -> Result<Vec<TableName>, LoadError> {
    let mut names: Vec<&str> = loads.iter().map(|load| load.table.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let mut tables = Vec::new();
    for name in names {
        let table = TableName::parse(name).map_err(|error| LoadError::Internal(format!("table {name:?}: {error}")))?;
        let Some(existing) = ExistingTable::find(client, &table).await? else { continue };
        if existing.column(LINEAGE).is_none() {
            let differences = vec![format!("column {LINEAGE} is missing, so the rows of a file cannot be found")];
            return Err(LoadError::TableMismatch { table: name.to_owned(), differences });
        }
        tables.push(table);
    }
    Ok(tables)
}

fn ids(loads: &[FileLoad], table: &TableName) -> Vec<i64> {
    let name = table.to_string();
    loads.iter().filter(|load| load.table == name).map(|load| load.load_id).collect()
}

fn set_rows(loads: &mut [FileLoad], load_id: i64, rows: i64) {
    if let Some(load) = loads.iter_mut().find(|load| load.load_id == load_id) {
        load.rows = unsigned(rows);
    }
}
