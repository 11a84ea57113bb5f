//! Writes the rows of a load into the table, and deletes the rows that they replace.
//!
//! `append` and `replace` copy into the table. Upserted rows, and rows with new columns, are staged in a temporary table
//! without an index and merged at the end. Only then the table is locked: against other loads that merge, and against
//! readers while a column is added.
//!
//! The merge is a `MERGE`, not an `INSERT … ON CONFLICT`, because `MERGE` needs no unique index on the key. The table's
//! lock prevents that other loads insert the same key at the same time.

use pipeline::version::{self, ReplacedRows};
use pipeline::{Column, ColumnName, Dataset, WriteMode};
use postgres::{Client, DatabaseError};
use protocol::{LoadOutcome, LoadRequest};
use tokio_postgres::types::ToSql;

use crate::copy::rows_dropped;
use crate::error::LoadError;
use crate::existing_table::{ExistingTable, accepts};
use crate::inferred_columns;
use crate::ledger::{self, Predecessors};
use crate::limits::LOCK_TIMEOUT;
use crate::locks::{busy, lock_to_write};
use crate::target_table::{LINEAGE, STAGED, STAGED_ROW, TargetTable, same_key};

/// Writes the rows of one load, between its claim and its COMMIT.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TableWriter<'a> {
    pub(crate) client: &'a Client,
    pub(crate) load_id: i64,
    pub(crate) dataset: &'a Dataset,
    pub(crate) target: &'a TargetTable,
    pub(crate) predecessors: &'a Predecessors,
    /// The predecessors with a newer version of the file.
    pub(crate) newer: &'a [i64],
    pub(crate) request: &'a LoadRequest,
}

impl TableWriter<'_> {
    /// Prepares the destination of COPY. Deletes old rows first, because a unique constraint may forbid both.
    pub(crate) async fn prepare(&self) -> Result<(), LoadError> {
        if self.target.is_staged() {
            return Ok(self.client.batch_execute(&self.target.staging_statement()).await?);
        }
        if self.dataset.write == WriteMode::Replace {
            lock_to_write(self.client, &self.target.table).await?;
        }
        self.delete_replaced_rows().await
    }

    /// Moves staged rows into the table.
    pub(crate) async fn finish(&self, rows_staged: u64) -> Result<LostRows, LoadError> {
        if !self.target.is_staged() {
            return Ok(LostRows::default());
        }
        self.convert().await?;
        lock_to_write(self.client, &self.target.table).await?;
        self.add_columns().await?;
        if !self.target.key.is_empty() {
            // The planner needs to know how many rows and keys are staged.
            let key = self.target.key.join(", ");
            self.client.batch_execute(&format!("analyze {STAGED} ({key})")).await?;
        }
        self.delete_replaced_rows().await?;
        if self.target.key.is_empty() {
            self.insert(rows_staged).await?;
            return Ok(LostRows::default());
        }
        let duplicates = self.client.execute(&drop_duplicates(&self.target.key, self.newer_by()), &[]).await?;
        let older = self.drop_older().await?;
        let merged = self.client.execute(&merge_statement(self.target), &[]).await?;
        check_taken(merged, rows_staged - duplicates - older)?;
        Ok(LostRows { duplicates, older })
    }

    /// Returns the quoted column of `newer_by`.
    fn newer_by(&self) -> Option<String> {
        self.dataset.newer_by.as_ref().map(ColumnName::quoted)
    }

    /// Deletes the staged rows that lose to the row of the table with the same key. Returns their number.
    ///
    /// In this order: the row of a version that this load replaces loses; the row with the higher value of `newer_by`
    /// stays; the row of a newer version of the same file stays; the row of a file with a later logical time stays.
    /// Otherwise the row of this load stays.
    async fn drop_older(&self) -> Result<u64, LoadError> {
        let Self { client, dataset, target, predecessors, newer, request, .. } = *self;
        let is_by_time = target.has_lineage && dataset.logical_time.is_some() && self.has_later_load().await?;
        let newer_by = self.newer_by();
        if newer_by.is_none() && newer.is_empty() && !is_by_time {
            return Ok(0);
        }
        if !target.has_lineage {
            let statement = drop_older_statement(target, newer_by.as_deref(), "false");
            return Ok(client.execute(&statement, &[]).await?);
        }
        let replaced = match version::replaced_rows(dataset) {
            ReplacedRows::Key => predecessors.with_rows.as_slice(),
            ReplacedRows::Table | ReplacedRows::None => &[],
        };
        let is_later = format!(
            "(kept.{LINEAGE} = any($2::bigint[])
              or exists (select from penstock.load where load.load_id = kept.{LINEAGE} and load.logical_at > $3
                                                     and load.pipeline = $4 and load.dataset = $5))"
        );
        let statement = drop_older_statement(target, newer_by.as_deref(), &is_later);
        let statement = format!("{statement} and coalesce(kept.{LINEAGE} <> all($1::bigint[]), true)");
        let logical_at = Some(request.logical_at).filter(|_| is_by_time);
        let parameters: [&(dyn ToSql + Sync); 5] =
            [&replaced, &newer, &logical_at, &request.pipeline, &request.dataset];
        Ok(client.execute(&statement, &parameters).await?)
    }

    /// Returns true if a file with a later logical time was loaded into the table. The table is locked, so every later
    /// load is committed, or it merges after this load.
    async fn has_later_load(&self) -> Result<bool, LoadError> {
        let statement = format!(
            "select exists (select from penstock.load
                            where table_name = $1 and outcome = '{}' and replaced_by is null and logical_at > $2
                              and pipeline = $3 and dataset = $4)",
            LoadOutcome::Loaded
        );
        let Self { request, target, .. } = *self;
        let table = target.table.to_string();
        let parameters: [&(dyn ToSql + Sync); 4] = [&table, &request.logical_at, &request.pipeline, &request.dataset];
        Ok(self.client.query_one(&statement, &parameters).await?.get(0))
    }

    /// Uses `DELETE`, because `TRUNCATE` would block readers until COMMIT.
    async fn delete_replaced_rows(&self) -> Result<(), LoadError> {
        let Self { client, load_id, dataset, target, predecessors, .. } = *self;
        match version::replaced_rows(dataset) {
            ReplacedRows::Table => ledger::replace_table(client, load_id, &target.table).await,
            ReplacedRows::Key => {
                target.delete(client, &predecessors.with_rows).await?;
                ledger::mark_replaced(client, load_id, &predecessors.all).await
            }
            ReplacedRows::None => Ok(()),
        }
    }

    /// Converts staged values to types that Penstock does not know.
    async fn convert(&self) -> Result<(), LoadError> {
        for (column, statement) in self.target.conversions() {
            self.client.batch_execute(&statement).await.map_err(|error| match DatabaseError::from(error) {
                DatabaseError::Refused(reason) => DatabaseError::Refused(format!("column {column}: {reason}")),
                other => other,
            })?;
        }
        Ok(())
    }

    async fn add_columns(&self) -> Result<(), LoadError> {
        let Self { client, target: TargetTable { table, to_add, .. }, .. } = *self;
        if to_add.is_empty() {
            return Ok(());
        }
        // Another load may have added some of the columns while the rows were staged.
        let existing = ExistingTable::find(client, table).await?;
        let mut missing: Vec<&Column> = Vec::new();
        for column in to_add {
            match existing.as_ref().and_then(|existing| existing.column(column.name.as_str())) {
                None => missing.push(column),
                Some(existing) if accepts(&existing.kind, &column.kind) => {}
                Some(existing) => {
                    let (name, needed) = (&column.name, column.kind.sql());
                    let reason =
                        format!("another load added column {name} as {}, this file needs {needed}", existing.kind);
                    return Err(LoadError::TableBusy { table: table.to_string(), reason });
                }
            }
        }
        if !missing.is_empty() {
            let add = |column: &&Column| format!("add column {} {}", column.name.quoted(), column.kind.sql());
            let actions: Vec<String> = missing.iter().map(add).collect();
            let statement = format!("alter table {} {}", table.quoted(), actions.join(", "));
            let altered = client.batch_execute(&statement).await;
            altered.map_err(|error| {
                busy(table, error, || {
                    format!("a query used the table for {} s, so columns could not be added", LOCK_TIMEOUT.as_secs())
                })
            })?;
            tracing::info!(table = %table, columns = missing.len(), "columns added");
        }
        inferred_columns::store(client, table, to_add).await
    }

    async fn insert(&self, rows_staged: u64) -> Result<(), LoadError> {
        let TargetTable { table, .. } = self.target;
        let fields = self.target.field_names().join(", ");
        let statement =
            format!("insert into {} ({fields}) overriding system value select {fields} from {STAGED}", table.quoted());
        let taken = self.client.execute(&statement, &[]).await?;
        check_taken(taken, rows_staged)
    }
}

/// The rows of a file that are not in the table, because another row has their key.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LostRows {
    /// They lost to a row of the same file.
    pub(crate) duplicates: u64,
    /// They lost to a row of the table.
    pub(crate) older: u64,
}

/// Returns the statement that deletes all staged rows of a key except the newest: the last one, or that with the highest
/// value of `newer_by`.
fn drop_duplicates(key: &[String], newer_by: Option<String>) -> String {
    if let Some(newer_by) = newer_by {
        let key = key.join(", ");
        return format!(
            "delete from {STAGED} where {STAGED_ROW} in (
                 select {STAGED_ROW} from (
                     select {STAGED_ROW}, row_number() over (partition by {key}
                                                             order by {newer_by} desc nulls last, {STAGED_ROW} desc) as rank
                     from {STAGED}) as ranked
                 where rank > 1)"
        );
    }
    let (names, on) = (key.join(", "), same_key("staged", "repeated", key));
    format!(
        "delete from {STAGED} as staged
         using (select {names}, max({STAGED_ROW}) as last from {STAGED} group by {names} having count(*) > 1) as repeated
         where {on} and staged.{STAGED_ROW} < repeated.last"
    )
}

/// Returns the statement that deletes the staged rows that lose to a row of the table. `is_later` decides between rows
/// without `newer_by`, or with the same value of it.
fn drop_older_statement(target: &TargetTable, newer_by: Option<&str>, is_later: &str) -> String {
    let stays = match newer_by {
        // A row without a value is older than every row with one.
        Some(column) => format!(
            "(kept.{column} > staged.{column} or (kept.{column} is not null and staged.{column} is null)
              or (kept.{column} is not distinct from staged.{column} and {is_later}))"
        ),
        None => is_later.to_owned(),
    };
    let on = same_key("kept", "staged", &target.key);
    format!("delete from {STAGED} as staged using {} as kept where {on} and {stays}", target.table.quoted())
}

fn merge_statement(target: &TargetTable) -> String {
    let list = |one: &dyn Fn(&String) -> String, of: &[String]| of.iter().map(one).collect::<Vec<_>>().join(", ");
    let fields = target.field_names();
    let on = same_key("kept", "staged", &target.key);
    let set = list(&|name| format!("{name} = staged.{name}"), &target.updatable_names());
    let matched = if set.is_empty() { "do nothing".to_owned() } else { format!("update set {set}") };
    let values = list(&|name| format!("staged.{name}"), &fields);
    format!(
        "merge into {} as kept using {STAGED} as staged on {on}
         when matched then {matched}
         when not matched then insert ({}) overriding system value values ({values})",
        target.table.quoted(),
        fields.join(", ")
    )
}

fn check_taken(rows_taken: u64, rows_sent: u64) -> Result<(), LoadError> {
    if rows_taken >= rows_sent { Ok(()) } else { Err(rows_dropped(rows_taken, rows_sent)) }
}
