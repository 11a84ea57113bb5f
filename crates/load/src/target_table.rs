//! Prepares the table of a load: creates it if it is missing, and compares it with the dataset before the first row.

use pipeline::{Column, ColumnName, ColumnType, Dataset, Extra, OnNewVersion, RESCUED_COLUMN, TableName, WriteMode};
use postgres::Client;

use crate::columns::ResolvedColumns;
use crate::error::LoadError;
use crate::existing_table::{ExistingColumn, ExistingTable, accepts, converts};
use crate::limits::{DIFFERENCES_SHOWN_MAX, LOCK_TIMEOUT};
use crate::{inferred_columns, locks};

/// The column with the load of a row.
pub(crate) const LINEAGE: &str = "_load_id";

/// The temporary table for rows that are merged at the end. PostgreSQL drops it at COMMIT.
pub(crate) const STAGED: &str = "pg_temp.penstock_staged";
/// The column with the order of the staged rows.
pub(crate) const STAGED_ROW: &str = "_load_row";

/// The table of a load. It accepts the rows of the dataset after `to_add` is added.
#[derive(Debug)]
pub(crate) struct TargetTable {
    pub(crate) table: TableName,
    /// The columns of a row in the order of COPY, lineage last.
    fields: Vec<TargetField>,
    pub(crate) has_lineage: bool,
    /// The quoted key columns; empty unless `write = "upsert"`.
    pub(crate) key: Vec<String>,
    /// The inferred columns that the table does not have.
    pub(crate) to_add: Vec<Column>,
}

#[derive(Debug)]
struct TargetField {
    /// The quoted name.
    name: String,
    kind: String,
    /// The type of the table, if PostgreSQL converts the values to it.
    conversion: Option<Conversion>,
    is_identity: bool,
}

/// A type that Penstock does not know.
#[derive(Debug)]
struct Conversion {
    kind: String,
    /// The type without its length, which an explicit cast would cut values to.
    base_kind: String,
}

impl TargetField {
    fn new(column: &Column, existing: &ExistingTable) -> Self {
        let existing = existing.column(column.name.as_str());
        let conversion = existing
            .filter(|existing| converts(existing, &column.kind))
            .map(|existing| Conversion { kind: existing.kind.clone(), base_kind: existing.base_kind.clone() });
        let is_identity = existing.is_some_and(|existing| existing.is_identity);
        Self { name: column.name.quoted(), kind: column.kind.sql(), conversion, is_identity }
    }
}

impl TargetTable {
    /// Creates the table if `existing` is `None`, and compares it with the dataset.
    ///
    /// The creation is a separate transaction. So concurrent first loads wait for the table, but not for the rows.
    pub(crate) async fn prepare(
        client: &Client,
        columns: &ResolvedColumns,
        existing: Option<ExistingTable>,
    ) -> Result<Self, LoadError> {
        let existing = match existing {
            Some(existing) => existing,
            None => create(client, columns).await?,
        };
        let mut differences = differences(&existing, columns);
        if differences.is_empty() {
            return Ok(Self::new(columns, &existing));
        }
        if differences.len() > DIFFERENCES_SHOWN_MAX {
            let more = differences.len() - DIFFERENCES_SHOWN_MAX;
            differences.truncate(DIFFERENCES_SHOWN_MAX);
            differences.push(format!("and {more} more"));
        }
        Err(LoadError::TableMismatch { table: columns.dataset.table.to_string(), differences })
    }

    fn new(ResolvedColumns { dataset, inferred }: &ResolvedColumns, existing: &ExistingTable) -> Self {
        let field = |name: &str, kind: String| TargetField {
            name: name.to_owned(),
            kind,
            conversion: None,
            is_identity: false,
        };
        let declared = |is_in_records: bool| {
            let columns = dataset.columns.iter().filter(move |column| column.source.is_in_records() == is_in_records);
            columns.map(|column| TargetField::new(column, existing))
        };
        let mut fields: Vec<TargetField> = declared(true).collect();
        if dataset.extra == Extra::Rescue {
            fields.push(field(RESCUED_COLUMN, ColumnType::Jsonb.sql()));
        }
        fields.extend(declared(false));
        let has_lineage = existing.column(LINEAGE).is_some();
        if has_lineage {
            fields.push(field(LINEAGE, ColumnType::BigInt.sql()));
        }
        let key = match &dataset.write {
            WriteMode::Upsert { key } => key.iter().map(ColumnName::quoted).collect(),
            WriteMode::Append | WriteMode::Replace => Vec::new(),
        };
        let is_missing = |column: &&Column| existing.column(column.name.as_str()).is_none();
        let to_add = inferred.iter().filter(is_missing).cloned().collect();
        Self { table: dataset.table.clone(), fields, has_lineage, key, to_add }
    }

    /// Returns true if COPY writes to [`STAGED`] and the rows are merged at the end.
    pub(crate) fn is_staged(&self) -> bool {
        !self.key.is_empty() || !self.to_add.is_empty() || self.has_conversions()
    }

    fn has_conversions(&self) -> bool {
        self.fields.iter().any(|field| field.conversion.is_some())
    }

    /// Returns the column and the statement of each conversion of staged values to the type of the table. PostgreSQL reads
    /// texts as COPY does.
    pub(crate) fn conversions(&self) -> impl Iterator<Item = (&str, String)> {
        self.fields.iter().filter_map(|TargetField { name, conversion, .. }| {
            let Conversion { kind, base_kind } = conversion.as_ref()?;
            Some((
                name.as_str(),
                format!("alter table {STAGED} alter column {name} type {kind} using {name}::{base_kind}"),
            ))
        })
    }

    /// Returns the quoted names of the columns that an update may set.
    pub(crate) fn updatable_names(&self) -> Vec<String> {
        self.fields.iter().filter(|field| !field.is_identity).map(|field| field.name.clone()).collect()
    }

    /// Returns the quoted column names in the order of COPY.
    pub(crate) fn field_names(&self) -> Vec<String> {
        self.fields.iter().map(|field| field.name.clone()).collect()
    }

    pub(crate) fn copy_statement(&self) -> String {
        let table = if self.is_staged() { STAGED.to_owned() } else { self.table.quoted() };
        format!("copy {table} ({}) from stdin (format binary)", self.field_names().join(", "))
    }

    /// Returns the statement that creates [`STAGED`]. The table has no index and writes no WAL.
    pub(crate) fn staging_statement(&self) -> String {
        let fields: Vec<String> = self.fields.iter().map(|field| format!("{} {}", field.name, field.kind)).collect();
        format!(
            "create temporary table {STAGED} \
             ({}, {STAGED_ROW} bigint generated always as identity (cache 1000)) on commit drop",
            fields.join(", ")
        )
    }

    /// Deletes the rows of earlier loads. An upsert keeps rows with a staged key, because the merge updates them.
    pub(crate) async fn delete(&self, client: &Client, load_ids: &[i64]) -> Result<u64, LoadError> {
        if load_ids.is_empty() {
            return Ok(0);
        }
        let kept = if self.key.is_empty() {
            String::new()
        } else {
            format!(" and not exists (select from {STAGED} as staged where {})", same_key("old", "staged", &self.key))
        };
        let statement = format!("delete from {} as old where old.{LINEAGE} = any($1){kept}", self.table.quoted());
        Ok(client.execute(&statement, &[&load_ids]).await?)
    }
}

/// Returns the condition that two rows have the same key.
pub(crate) fn same_key(left: &str, right: &str, key: &[String]) -> String {
    let pairs: Vec<String> = key.iter().map(|name| format!("{left}.{name} = {right}.{name}")).collect();
    pairs.join(" and ")
}

/// Returns the differences because of which the table does not accept the rows of the dataset.
fn differences(table: &ExistingTable, ResolvedColumns { dataset, inferred }: &ResolvedColumns) -> Vec<String> {
    // Ordinary, partitioned or foreign table.
    if !matches!(table.kind, 'r' | 'p' | 'f') {
        return vec!["the relation is not a table".to_owned()];
    }
    let will_be_added = |column: &Column| table.column(column.name.as_str()).is_none() && inferred.contains(column);
    let declared = dataset.columns.iter().filter(|column| !will_be_added(column));
    let mut differences: Vec<String> = declared.filter_map(|declared| difference(table, declared)).collect();
    differences.extend(table.columns.iter().filter_map(|existing| undeclared(existing, dataset)));
    if dataset.extra == Extra::Rescue {
        differences.extend(system_column(table, RESCUED_COLUMN, "jsonb", Some("extra = \"rescue\"")));
    }
    differences.extend(system_column(table, LINEAGE, "bigint", needs_lineage(dataset)));
    differences
}

/// Checks a column that Penstock fills. `needed_by` is the setting that requires the column.
fn system_column(table: &ExistingTable, name: &str, kind: &str, needed_by: Option<&str>) -> Option<String> {
    match (table.column(name), needed_by) {
        (None, Some(needed_by)) => Some(format!("column {name} {kind} is missing, which {needed_by} requires")),
        (Some(existing), _) if existing.kind != kind => {
            Some(format!("column {name} is {}, expected {kind}", existing.kind))
        }
        (None, None) | (Some(_), _) => None,
    }
}

fn difference(table: &ExistingTable, declared: &Column) -> Option<String> {
    let name = &declared.name;
    let Some(existing) = table.column(name.as_str()) else {
        return Some(format!("column {name} {} is missing", declared.kind.sql()));
    };
    if existing.is_generated {
        Some(format!("column {name} is generated, so it accepts no values"))
    } else if !accepts(&existing.kind, &declared.kind) && !converts(existing, &declared.kind) {
        Some(format!("column {name} is {}, expected {}", existing.kind, declared.kind.sql()))
    } else if existing.is_not_null && !declared.not_null {
        Some(format!("column {name} is not null in the table, but nullable in the dataset"))
    } else {
        None
    }
}

/// Returns the setting that requires the lineage column.
fn needs_lineage(dataset: &Dataset) -> Option<&'static str> {
    match (&dataset.write, dataset.on_new_version) {
        // These loads delete all rows or none.
        (WriteMode::Replace, _) | (_, OnNewVersion::Ignore) | (WriteMode::Append, OnNewVersion::Append) => None,
        (WriteMode::Append | WriteMode::Upsert { .. }, OnNewVersion::Replace) => {
            Some("on_new_version = \"replace\" or a reload")
        }
        (WriteMode::Upsert { .. }, OnNewVersion::Append) => Some("write = \"upsert\" with on_new_version = \"append\""),
    }
}

/// Checks a column that the dataset does not fill: it must be nullable or have a default.
fn undeclared(existing: &ExistingColumn, dataset: &Dataset) -> Option<String> {
    let is_declared = dataset.columns.iter().any(|declared| declared.name.as_str() == existing.name);
    let may_stay_empty = !existing.is_not_null || existing.has_default || existing.is_generated;
    let is_fine = is_declared || may_stay_empty || existing.name == LINEAGE;
    (!is_fine).then(|| format!("column {} is not in the dataset, but it is not null and has no default", existing.name))
}

async fn create(client: &Client, columns: &ResolvedColumns) -> Result<ExistingTable, LoadError> {
    let table = &columns.dataset.table;
    client
        .batch_execute(&format!(
            "begin isolation level read committed; set local lock_timeout = {}",
            LOCK_TIMEOUT.as_millis()
        ))
        .await?;
    // `if not exists` is not enough: two sessions may both see no table, and one then fails on a unique index of the
    // catalog. Lock the schema first, because two new tables may create the same schema.
    locks::lock_name(client, &format!("schema {}", table.schema())).await?;
    locks::lock(client, table).await?;
    let is_missing = ExistingTable::find(client, table).await?.is_none();
    if is_missing {
        create_schema(client, table).await?;
        client.batch_execute(&create_statement(&columns.dataset)).await?;
        inferred_columns::store(client, table, &columns.inferred).await?;
        tracing::info!(table = %table, "table created");
    }
    client.batch_execute("commit").await?;
    if !is_missing && !columns.inferred.is_empty() {
        // The columns of the table are the declaration now, so infer again.
        let reason = "another load created the table at the same time".to_owned();
        return Err(LoadError::TableBusy { table: table.to_string(), reason });
    }
    let created = ExistingTable::find(client, table).await?;
    created.ok_or_else(|| LoadError::TableMismatch {
        table: table.to_string(),
        differences: vec!["the table was dropped".to_owned()],
    })
}

/// Creates the schema if it is missing. `if not exists` would require the right to create even if the schema exists.
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
        // The merge is correct without this index. The index makes it fast if the table is large.
        parts.push(format!("primary key ({})", key.iter().map(ColumnName::quoted).collect::<Vec<_>>().join(", ")));
    }
    let table = dataset.table.quoted();
    let mut statement = format!(
        "create table {table} ({}); comment on column {table}.{LINEAGE} is 'the load of the row, in penstock.load'",
        parts.join(", ")
    );
    if dataset.extra == Extra::Rescue {
        statement.push_str(&format!(
            "; comment on column {table}.{RESCUED_COLUMN} is 'the fields of the file that are no declared columns'"
        ));
    }
    statement
}
