//! Writes the rows of a load into the table, and deletes the rows that they replace.
//!
//! `append` and `replace` copy into the table. Upserted rows, and rows with new columns, are staged in a temporary table
//! without an index and merged at the end. Only then the table is locked: against other loads that merge, and against
//! readers while a column is added.
//!
//! The merge is a `MERGE`, not an `INSERT … ON CONFLICT`, because `MERGE` needs no unique index on the key. The table's
//! lock prevents that other loads insert the same key at the same time.

use pipeline::version::{self, ReplacedRows};
use pipeline::{Column, Dataset, WriteMode};
use postgres::Client;

use crate::copy::rows_dropped;
use crate::error::LoadError;
use crate::existing_table::{ExistingTable, accepts};
use crate::inferred_columns;
use crate::ledger::{self, Predecessors};
use crate::limits::LOCK_TIMEOUT;
use crate::locks::{busy, lock_to_write};
use crate::target_table::{LINEAGE, STAGED, STAGED_ROW, TargetTable};

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

    /// Moves staged rows into the table. Returns the number of rows that a later row of the same key replaced.
    pub(crate) async fn finish(&self, rows_staged: u64) -> Result<u64, LoadError> {
        if !self.target.is_staged() {
            return Ok(0);
        }
        lock_to_write(self.client, &self.target.table).await?;
        self.add_columns().await?;
        self.delete_replaced_rows().await?;
        if self.target.key.is_empty() {
            self.insert(rows_staged).await?;
            return Ok(0);
        }
        let key = &self.target.key;
        self.client.batch_execute(&format!("analyze {STAGED} ({})", key.join(", "))).await?;
        let duplicates = self.client.execute(&drop_duplicates(key), &[]).await?;
        self.merge(rows_staged - duplicates).await?;
        Ok(duplicates)
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
        let statement = format!("insert into {} ({fields}) select {fields} from {STAGED}", table.quoted());
        let taken = self.client.execute(&statement, &[]).await?;
        check_taken(taken, rows_staged)
    }

    async fn merge(&self, rows_staged: u64) -> Result<(), LoadError> {
        let merged = if self.target.has_lineage {
            // The rows of newer versions of the file stay.
            let is_ours = format!("kept.{LINEAGE} is null or kept.{LINEAGE} <> all($1::bigint[])");
            self.client.execute(&merge_statement(self.target, &format!(" and ({is_ours})")), &[&self.newer]).await?
        } else {
            self.client.execute(&merge_statement(self.target, ""), &[]).await?
        };
        if self.newer.is_empty() { check_taken(merged, rows_staged) } else { Ok(()) }
    }
}

/// Returns the statement that deletes all staged rows of a key except the last one.
fn drop_duplicates(key: &[String]) -> String {
    let (names, on) = (key.join(", "), same_key("staged", "repeated", key));
    format!(
        "delete from {STAGED} as staged
         using (select {names}, max({STAGED_ROW}) as last from {STAGED} group by {names} having count(*) > 1) as repeated
         where {on} and staged.{STAGED_ROW} < repeated.last"
    )
}

fn same_key(left: &str, right: &str, key: &[String]) -> String {
    let pairs: Vec<String> = key.iter().map(|name| format!("{left}.{name} = {right}.{name}")).collect();
    pairs.join(" and ")
}

fn merge_statement(target: &TargetTable, only: &str) -> String {
    let list = |one: &dyn Fn(&String) -> String, of: &[String]| of.iter().map(one).collect::<Vec<_>>().join(", ");
    let fields = target.field_names();
    let on = same_key("kept", "staged", &target.key);
    let set = list(&|name| format!("{name} = staged.{name}"), &fields);
    let values = list(&|name| format!("staged.{name}"), &fields);
    format!(
        "merge into {} as kept using {STAGED} as staged on {on}
         when matched{only} then update set {set}
         when not matched then insert ({}) values ({values})",
        target.table.quoted(),
        fields.join(", ")
    )
}

fn check_taken(rows_taken: u64, rows_sent: u64) -> Result<(), LoadError> {
    if rows_taken >= rows_sent { Ok(()) } else { Err(rows_dropped(rows_taken, rows_sent)) }
}
