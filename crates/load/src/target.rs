//! The table that rows go to: there, and of the shape that the dataset declares, before the first row is sent.

use pipeline::{Column, ColumnName, ColumnType, Dataset, Extra, OnNewVersion, RESCUED_COLUMN, TableName, WriteMode};
use postgres::Client;

use crate::error::LoadError;
use crate::limits::{DIFFERENCES_SHOWN_MAX, LOCK_TIMEOUT};
use crate::locks;
use crate::relation::{ExistingColumn, Relation, holds};
use crate::shape::{self, Shape};

/// The column that says which load a row came with.
pub(crate) const LINEAGE: &str = "_load_id";

/// Where rows wait to be merged: a table of the session's own, gone at COMMIT.
pub(crate) const STAGED: &str = "pg_temp.penstock_staged";
/// The order in which the staged rows came.
pub(crate) const STAGED_ROW: &str = "_load_row";

/// A table that can take the dataset's rows, or can once columns have been added to it.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) table: TableName,
    /// Of a row, in the order in which they come, lineage last.
    fields: Vec<Field>,
    pub(crate) has_lineage: bool,
    /// Quoted; empty unless rows are upserted.
    pub(crate) key: Vec<String>,
    /// What the file brought and the table does not have yet.
    pub(crate) to_add: Vec<Column>,
}

#[derive(Debug)]
struct Field {
    /// Quoted.
    name: String,
    kind: String,
}

impl Target {
    /// Creates the table when it was not found, and checks it when it was.
    ///
    /// A transaction of its own: first loads of one table wait for its creation, and not for one another's rows.
    pub(crate) async fn prepare(client: &Client, shape: &Shape, found: Option<Relation>) -> Result<Self, LoadError> {
        let dataset = &*shape.dataset;
        let relation = match found {
            Some(relation) => relation,
            None => create(client, shape).await?,
        };
        let mut differences = differences(&relation, shape);
        if differences.is_empty() {
            return Ok(Self::of(shape, &relation));
        }
        if differences.len() > DIFFERENCES_SHOWN_MAX {
            let more = differences.len() - DIFFERENCES_SHOWN_MAX;
            differences.truncate(DIFFERENCES_SHOWN_MAX);
            differences.push(format!("and {more} more"));
        }
        Err(LoadError::TableMismatch { table: dataset.table.to_string(), differences })
    }

    fn of(Shape { dataset, inferred }: &Shape, relation: &Relation) -> Self {
        let field = |name: &str, kind: String| Field { name: name.to_owned(), kind };
        let mut fields: Vec<Field> =
            dataset.columns.iter().map(|column| field(&column.name.quoted(), column.kind.sql())).collect();
        if dataset.extra == Extra::Rescue {
            fields.push(field(RESCUED_COLUMN, ColumnType::Jsonb.sql()));
        }
        let has_lineage = relation.column(LINEAGE).is_some();
        if has_lineage {
            fields.push(field(LINEAGE, ColumnType::BigInt.sql()));
        }
        let key = match &dataset.write {
            WriteMode::Upsert { key } => key.iter().map(ColumnName::quoted).collect(),
            WriteMode::Append | WriteMode::Replace => Vec::new(),
        };
        let is_missing = |column: &&Column| relation.column(column.name.as_str()).is_none();
        let to_add = inferred.iter().filter(is_missing).cloned().collect();
        Self { table: dataset.table.clone(), fields, has_lineage, key, to_add }
    }

    /// Whether rows wait in [`STAGED`] until all have come.
    pub(crate) fn is_staged(&self) -> bool {
        !self.key.is_empty() || !self.to_add.is_empty()
    }

    /// Quoted, in the order in which a row's fields come.
    pub(crate) fn field_names(&self) -> Vec<String> {
        self.fields.iter().map(|field| field.name.clone()).collect()
    }

    pub(crate) fn copy_statement(&self) -> String {
        let table = if self.is_staged() { STAGED.to_owned() } else { self.table.quoted() };
        format!("copy {table} ({}) from stdin (format binary)", self.field_names().join(", "))
    }

    /// What makes [`STAGED`]: no index, and nothing in the log of the database.
    pub(crate) fn staging_statement(&self) -> String {
        let fields: Vec<String> = self.fields.iter().map(|field| format!("{} {}", field.name, field.kind)).collect();
        format!(
            "create temporary table {STAGED} \
             ({}, {STAGED_ROW} bigint generated always as identity (cache 1000)) on commit drop",
            fields.join(", ")
        )
    }

    /// Takes the rows of earlier loads out of the table.
    pub(crate) async fn delete(&self, client: &Client, load_ids: &[i64]) -> Result<u64, LoadError> {
        if load_ids.is_empty() {
            return Ok(0);
        }
        let statement = format!("delete from {} where {LINEAGE} = any($1)", self.table.quoted());
        Ok(client.execute(&statement, &[&load_ids]).await?)
    }
}

/// Everything about the table that keeps the dataset's rows out of it; empty when they fit.
fn differences(relation: &Relation, Shape { dataset, inferred }: &Shape) -> Vec<String> {
    // Ordinary, partitioned, foreign.
    if !matches!(relation.kind, 'r' | 'p' | 'f') {
        return vec!["is not a table".to_owned()];
    }
    let will_be_added = |column: &Column| relation.column(column.name.as_str()).is_none() && inferred.contains(column);
    let declared = dataset.columns.iter().filter(|column| !will_be_added(column));
    let mut differences: Vec<String> = declared.filter_map(|declared| difference(relation, declared)).collect();
    differences.extend(relation.columns.iter().filter_map(|existing| undeclared(existing, dataset)));
    if dataset.extra == Extra::Rescue {
        differences.extend(own_column(relation, RESCUED_COLUMN, "jsonb", Some("extra = \"rescue\"")));
    }
    differences.extend(own_column(relation, LINEAGE, "bigint", needs_lineage(dataset)));
    differences
}

/// A column that Penstock fills by itself; `needed_by` says what cannot do without it.
fn own_column(relation: &Relation, name: &str, kind: &str, needed_by: Option<&str>) -> Option<String> {
    match (relation.column(name), needed_by) {
        (None, Some(needed_by)) => Some(format!("{needed_by} needs the column {name} {kind}")),
        (Some(existing), _) if existing.kind != kind => {
            Some(format!("column {name} is {}, and must be {kind}", existing.kind))
        }
        (None, None) | (Some(_), _) => None,
    }
}

fn difference(relation: &Relation, declared: &Column) -> Option<String> {
    let name = &declared.name;
    let Some(existing) = relation.column(name.as_str()) else {
        return Some(format!("column {name} is missing, declared as {}", declared.kind.sql()));
    };
    if existing.is_generated {
        Some(format!("column {name} is generated, and takes no values"))
    } else if !holds(&existing.kind, &declared.kind) {
        Some(format!("column {name} is {}, declared as {}", existing.kind, declared.kind.sql()))
    } else if existing.is_not_null && !declared.not_null {
        Some(format!("column {name} is not null, and not declared so"))
    } else {
        None
    }
}

/// What of the dataset cannot be done without knowing which load a row came with.
fn needs_lineage(dataset: &Dataset) -> Option<&'static str> {
    match (&dataset.write, dataset.on_new_version) {
        // All rows go, whosever they are.
        (WriteMode::Replace, _) | (_, OnNewVersion::Ignore) | (WriteMode::Append, OnNewVersion::Append) => None,
        (WriteMode::Append | WriteMode::Upsert { .. }, OnNewVersion::Replace) => Some("on_new_version = \"replace\""),
        (WriteMode::Upsert { .. }, OnNewVersion::Append) => Some("write = \"upsert\" with on_new_version = \"append\""),
    }
}

/// A column that the dataset does not fill must be able to stay empty.
fn undeclared(existing: &ExistingColumn, dataset: &Dataset) -> Option<String> {
    let is_declared = dataset.columns.iter().any(|declared| declared.name.as_str() == existing.name);
    let may_stay_empty = !existing.is_not_null || existing.has_default || existing.is_generated;
    let is_fine = is_declared || may_stay_empty || existing.name == LINEAGE;
    (!is_fine).then(|| format!("column {} is not null, has no default, and is not declared", existing.name))
}

async fn create(client: &Client, shape: &Shape) -> Result<Relation, LoadError> {
    let table = &shape.dataset.table;
    client
        .batch_execute(&format!(
            "begin isolation level read committed; set local lock_timeout = {}",
            LOCK_TIMEOUT.as_millis()
        ))
        .await?;
    // `if not exists` alone is not safe: two sessions both see nothing, and one of them fails on an index of the
    // catalogue. The schema's lock comes first, so that two tables of a new schema do not meet there.
    locks::lock_name(client, &format!("schema {}", table.schema())).await?;
    locks::lock(client, table).await?;
    let is_missing = Relation::look_up(client, table).await?.is_none();
    if is_missing {
        create_schema(client, table).await?;
        client.batch_execute(&create_statement(&shape.dataset)).await?;
        shape::record(client, table, &shape.inferred).await?;
        tracing::info!(table = %table, "table created");
    }
    client.batch_execute("commit").await?;
    if !is_missing && !shape.inferred.is_empty() {
        // Its columns are the declaration now, and not what this file suggests.
        let reason = "another load created it meanwhile".to_owned();
        return Err(LoadError::TableBusy { table: table.to_string(), reason });
    }
    let created = Relation::look_up(client, table).await?;
    created
        .ok_or_else(|| LoadError::TableMismatch { table: table.to_string(), differences: vec!["is gone".to_owned()] })
}

/// Only when missing: `if not exists` asks for the right to create even when there is nothing to do.
async fn create_schema(client: &Client, table: &TableName) -> Result<(), LoadError> {
    let exists = client.query_opt("select from pg_namespace where nspname = $1", &[&table.schema()]).await?.is_some();
    if !exists {
        client.batch_execute(&format!("create schema {}", table.quoted_schema())).await?;
    }
    Ok(())
}

fn create_statement(dataset: &Dataset) -> String {
    let column = |column: &Column| {
        let not_null = if column.not_null { " not null" } else { "" };
        format!("{} {}{not_null}", column.name.quoted(), column.kind.sql())
    };
    let mut parts: Vec<String> = dataset.columns.iter().map(column).collect();
    if dataset.extra == Extra::Rescue {
        parts.push(format!("{RESCUED_COLUMN} jsonb"));
    }
    parts.push(format!("{LINEAGE} bigint not null"));
    if let WriteMode::Upsert { key } = &dataset.write {
        // Not needed to be right, but to find a few rows among many.
        parts.push(format!("primary key ({})", key.iter().map(ColumnName::quoted).collect::<Vec<_>>().join(", ")));
    }
    let table = dataset.table.quoted();
    let mut statement = format!(
        "create table {table} ({}); comment on column {table}.{LINEAGE} is 'the load of penstock.load that brought the row'",
        parts.join(", ")
    );
    if dataset.extra == Extra::Rescue {
        statement.push_str(&format!(
            "; comment on column {table}.{RESCUED_COLUMN} is 'what the file had beyond the declared columns'"
        ));
    }
    statement
}
