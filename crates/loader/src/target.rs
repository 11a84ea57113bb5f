//! The table that rows go to: there, and of the shape that the dataset declares, before the first row is sent.

use pipeline::{ColumnType, Dataset, OnNewVersion, TableName};
use tokio_postgres::Client;

use crate::error::LoadError;
use crate::limits::{DIFFERENCES_SHOWN_MAX, LOCK_TIMEOUT};

/// The column that says which load a row came with.
pub(crate) const LINEAGE: &str = "_load_id";

/// A table that can take the dataset's rows.
#[derive(Debug)]
pub(crate) struct Target {
    table: TableName,
    /// Quoted, in the dataset's order.
    columns: Vec<String>,
    pub(crate) has_lineage: bool,
}

impl Target {
    /// Creates the table when it is missing, and checks it when it is not.
    ///
    /// A transaction of its own: first loads of one table wait for its creation, and not for one another's rows.
    pub(crate) async fn prepare(client: &Client, dataset: &Dataset) -> Result<Self, LoadError> {
        let relation = match Relation::look_up(client, &dataset.table).await? {
            Some(relation) => relation,
            None => create(client, dataset).await?,
        };
        let mut differences = relation.differences(dataset);
        if differences.is_empty() {
            let columns = dataset.columns.iter().map(|column| column.name.quoted()).collect();
            let has_lineage = relation.column(LINEAGE).is_some();
            return Ok(Self { table: dataset.table.clone(), columns, has_lineage });
        }
        if differences.len() > DIFFERENCES_SHOWN_MAX {
            let more = differences.len() - DIFFERENCES_SHOWN_MAX;
            differences.truncate(DIFFERENCES_SHOWN_MAX);
            differences.push(format!("and {more} more"));
        }
        Err(LoadError::TableMismatch { table: dataset.table.to_string(), differences })
    }

    pub(crate) fn copy_statement(&self) -> String {
        let lineage = if self.has_lineage { format!(", {LINEAGE}") } else { String::new() };
        format!("copy {} ({}{lineage}) from stdin (format binary)", self.table.quoted(), self.columns.join(", "))
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

/// A table as PostgreSQL's catalogue has it.
#[derive(Debug)]
struct Relation {
    /// `pg_class.relkind`
    kind: char,
    columns: Vec<ExistingColumn>,
}

#[derive(Debug)]
struct ExistingColumn {
    name: String,
    /// As `format_type` prints it.
    kind: String,
    is_not_null: bool,
    has_default: bool,
    is_generated: bool,
}

impl Relation {
    async fn look_up(client: &Client, table: &TableName) -> Result<Option<Self>, LoadError> {
        let found = client
            .query(
                "select c.relkind::text, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                        a.atthasdef or a.attidentity <> '', a.attgenerated <> ''
                 from pg_class c left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                 where c.oid = to_regclass($1)
                 order by a.attnum",
                &[&table.quoted()],
            )
            .await?;
        let Some(first) = found.first() else { return Ok(None) };
        let kind = first.get::<_, &str>(0).chars().next().unwrap_or_default();
        // A table may have no columns at all.
        let with_column = found.iter().filter(|row| row.get::<_, Option<&str>>(1).is_some());
        let columns = with_column
            .map(|row| ExistingColumn {
                name: row.get(1),
                kind: row.get(2),
                is_not_null: row.get(3),
                has_default: row.get(4),
                is_generated: row.get(5),
            })
            .collect();
        Ok(Some(Self { kind, columns }))
    }

    fn column(&self, name: &str) -> Option<&ExistingColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Everything about this table that keeps the dataset's rows out of it; empty when they fit.
    fn differences(&self, dataset: &Dataset) -> Vec<String> {
        // Ordinary, partitioned, foreign.
        if !matches!(self.kind, 'r' | 'p' | 'f') {
            return vec!["is not a table".to_owned()];
        }
        let mut differences: Vec<String> =
            dataset.columns.iter().filter_map(|declared| self.difference(declared)).collect();
        differences.extend(self.columns.iter().filter_map(|existing| undeclared(existing, dataset)));
        match self.column(LINEAGE) {
            None if dataset.on_new_version == OnNewVersion::Replace => {
                differences.push(format!("on_new_version = \"replace\" needs the column {LINEAGE} bigint"));
            }
            Some(lineage) if lineage.kind != "bigint" => {
                differences.push(format!("column {LINEAGE} is {}, and must be bigint", lineage.kind));
            }
            None | Some(_) => {}
        }
        differences
    }

    fn difference(&self, declared: &pipeline::Column) -> Option<String> {
        let name = &declared.name;
        let Some(existing) = self.column(name.as_str()) else {
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
}

/// A column that the dataset does not fill must be able to stay empty.
fn undeclared(existing: &ExistingColumn, dataset: &Dataset) -> Option<String> {
    let is_declared = dataset.columns.iter().any(|declared| declared.name.as_str() == existing.name);
    let may_stay_empty = !existing.is_not_null || existing.has_default || existing.is_generated;
    let is_fine = is_declared || may_stay_empty || existing.name == LINEAGE;
    (!is_fine).then(|| format!("column {} is not null, has no default, and is not declared", existing.name))
}

/// Whether a column of type `existing` takes the binary form of `declared` and keeps every value as it is.
fn holds(existing: &str, declared: &ColumnType) -> bool {
    let varchar_length =
        existing.strip_prefix("character varying(").and_then(|rest| rest.strip_suffix(')')?.parse::<u32>().ok());
    match declared {
        ColumnType::Text => matches!(existing, "text" | "character varying"),
        ColumnType::Varchar(length) => {
            matches!(existing, "text" | "character varying")
                || varchar_length.is_some_and(|existing| existing >= *length)
        }
        exact => existing == exact.sql(),
    }
}

async fn create(client: &Client, dataset: &Dataset) -> Result<Relation, LoadError> {
    let table = &dataset.table;
    client
        .batch_execute(&format!(
            "begin isolation level read committed; set local lock_timeout = {}",
            LOCK_TIMEOUT.as_millis()
        ))
        .await?;
    // `if not exists` alone is not safe: two sessions both see nothing, and one of them fails on an index of the
    // catalogue. The schema's lock comes first, so that two tables of a new schema do not meet there.
    for locked in [format!("schema {}", table.schema()), format!("table {table}")] {
        client
            .execute(
                "select pg_advisory_xact_lock(hashtextextended(jsonb_build_array('penstock', $1::text)::text, 0))",
                &[&locked],
            )
            .await?;
    }
    if Relation::look_up(client, table).await?.is_none() {
        create_schema(client, table.schema()).await?;
        client.batch_execute(&create_statement(dataset)).await?;
        tracing::info!(table = %table, "table created");
    }
    client.batch_execute("commit").await?;
    let created = Relation::look_up(client, table).await?;
    created
        .ok_or_else(|| LoadError::TableMismatch { table: table.to_string(), differences: vec!["is gone".to_owned()] })
}

/// Only when missing: `if not exists` asks for the right to create even when there is nothing to do.
async fn create_schema(client: &Client, schema: &str) -> Result<(), LoadError> {
    let exists = client.query_opt("select from pg_namespace where nspname = $1", &[&schema]).await?.is_some();
    if !exists {
        let quoted = format!("\"{}\"", schema.replace('"', "\"\""));
        client.batch_execute(&format!("create schema {quoted}")).await?;
    }
    Ok(())
}

fn create_statement(dataset: &Dataset) -> String {
    let mut columns: Vec<String> = dataset
        .columns
        .iter()
        .map(|column| {
            let not_null = if column.not_null { " not null" } else { "" };
            format!("{} {}{not_null}", column.name.quoted(), column.kind.sql())
        })
        .collect();
    columns.push(format!("{LINEAGE} bigint not null"));
    let table = dataset.table.quoted();
    format!(
        "create table {table} ({}); comment on column {table}.{LINEAGE} is 'the load of penstock.load that brought the row'",
        columns.join(", ")
    )
}
