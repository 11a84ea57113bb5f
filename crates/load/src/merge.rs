//! What a load does to the rows that the table has already.
//!
//! `append` and `replace` copy into the table. Upserted rows, and rows with columns that the table does not have yet,
//! are staged in a temporary table without an index, and brought over at the end: that is the only time for which the
//! table is locked against other loads of its kind, or against readers, who must wait while a column is added.
//!
//! The merge is a `MERGE` and no `INSERT … ON CONFLICT`: it is right without a unique index on the key, so it works on a
//! table of the user's own too. Behind the table's lock no rival's rows come between its looking and its writing.

use pipeline::version::{self, ReplacedRows};
use pipeline::{Column, Dataset, WriteMode};
use postgres::Client;

use crate::error::LoadError;
use crate::limits::LOCK_TIMEOUT;
use crate::locks::{busy, lock_to_write};
use crate::relation::{Relation, holds};
use crate::shape;
use crate::target::{LINEAGE, STAGED, STAGED_ROW, Target};

/// One load's writing, from its claim to its COMMIT.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writing<'a> {
    pub(crate) client: &'a Client,
    pub(crate) dataset: &'a Dataset,
    pub(crate) target: &'a Target,
    /// The earlier loads of the same key.
    pub(crate) predecessors: &'a [i64],
    /// Those of them that are of newer versions than this one.
    pub(crate) newer: &'a [i64],
}

impl Writing<'_> {
    /// Makes the place that the rows are copied to. Old rows go first: a unique constraint must not meet both.
    pub(crate) async fn prepare(&self) -> Result<(), LoadError> {
        if self.target.is_staged() {
            return Ok(self.client.batch_execute(&self.target.staging_statement()).await?);
        }
        if self.dataset.write == WriteMode::Replace {
            lock_to_write(self.client, &self.target.table).await?;
        }
        self.make_room().await
    }

    /// Brings staged rows into the table. Gives the number of those that a later row of the same key replaced.
    pub(crate) async fn finish(&self, rows_staged: u64) -> Result<u64, LoadError> {
        if !self.target.is_staged() {
            return Ok(0);
        }
        lock_to_write(self.client, &self.target.table).await?;
        self.add_columns().await?;
        self.make_room().await?;
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

    /// With `DELETE`, never `TRUNCATE`: readers go on seeing the old rows until COMMIT, and do not wait for it.
    async fn make_room(&self) -> Result<(), LoadError> {
        let Self { client, dataset, target, .. } = *self;
        match version::replaced_rows(dataset) {
            ReplacedRows::Table => {
                client.execute(&format!("delete from {}", target.table.quoted()), &[]).await?;
            }
            ReplacedRows::Key => {
                target.delete(client, self.predecessors).await?;
            }
            ReplacedRows::None => {}
        }
        Ok(())
    }

    async fn add_columns(&self) -> Result<(), LoadError> {
        let Self { client, target: Target { table, to_add, .. }, .. } = *self;
        if to_add.is_empty() {
            return Ok(());
        }
        // A rival may have added some of them while the rows were staged.
        let relation = Relation::look_up(client, table).await?;
        let mut missing: Vec<&Column> = Vec::new();
        for column in to_add {
            match relation.as_ref().and_then(|relation| relation.column(column.name.as_str())) {
                None => missing.push(column),
                Some(existing) if holds(&existing.kind, &column.kind) => {}
                Some(existing) => {
                    let (name, needed) = (&column.name, column.kind.sql());
                    let reason = format!("another load added column {name} as {}, here it is {needed}", existing.kind);
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
                busy(table, error, || format!("in use for {} s, and columns are to be added", LOCK_TIMEOUT.as_secs()))
            })?;
            tracing::info!(table = %table, columns = missing.len(), "columns added");
        }
        shape::record(client, table, to_add).await
    }

    async fn insert(&self, rows_staged: u64) -> Result<(), LoadError> {
        let Target { table, .. } = self.target;
        let fields = self.target.field_names().join(", ");
        let statement = format!("insert into {} ({fields}) select {fields} from {STAGED}", table.quoted());
        let taken = self.client.execute(&statement, &[]).await?;
        check_taken(taken, rows_staged)
    }

    async fn merge(&self, rows_staged: u64) -> Result<(), LoadError> {
        let merged = if self.target.has_lineage {
            // What a newer version of this key brought stays.
            let is_ours = format!("kept.{LINEAGE} is null or kept.{LINEAGE} <> all($1::bigint[])");
            self.client.execute(&merge_statement(self.target, &format!(" and ({is_ours})")), &[&self.newer]).await?
        } else {
            self.client.execute(&merge_statement(self.target, ""), &[]).await?
        };
        if self.newer.is_empty() { check_taken(merged, rows_staged) } else { Ok(()) }
    }
}

/// Of several rows with one key the last one stays.
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

fn merge_statement(target: &Target, only: &str) -> String {
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
    if rows_taken >= rows_sent {
        return Ok(());
    }
    Err(LoadError::DatabaseRefused(format!(
        "the table took {rows_taken} of {rows_sent} rows: one of its triggers drops rows"
    )))
}
