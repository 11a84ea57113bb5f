//! Reads the columns of an existing table from the catalogs of PostgreSQL.

use std::collections::HashMap;

use pipeline::{Column, ColumnName, ColumnType, Dataset, RESCUED_COLUMN, TableName};
use postgres::Client;

use crate::error::LoadError;

/// A table of the database.
#[derive(Debug)]
pub(crate) struct ExistingTable {
    /// `pg_class.relkind`
    pub(crate) kind: char,
    pub(crate) columns: Vec<ExistingColumn>,
}

#[derive(Debug)]
pub(crate) struct ExistingColumn {
    pub(crate) name: String,
    /// The type, in the format of `format_type`.
    pub(crate) kind: String,
    /// The type without its length or precision.
    pub(crate) base_kind: String,
    pub(crate) is_not_null: bool,
    pub(crate) has_default: bool,
    /// PostgreSQL refuses to update the column: `generated always as identity`.
    pub(crate) is_identity: bool,
    pub(crate) is_generated: bool,
}

impl ExistingTable {
    /// Returns the table, or `None` if it does not exist.
    pub(crate) async fn find(client: &Client, table: &TableName) -> Result<Option<Self>, LoadError> {
        let found = client
            .query(
                "select c.relkind::text, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                        a.atthasdef or a.attidentity <> '', a.attgenerated <> '', format_type(a.atttypid, -1),
                        a.attidentity = 'a'
                 from pg_class c left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                 where c.oid = to_regclass($1)
                 order by a.attnum",
                &[&table.quoted()],
            )
            .await?;
        let Some(first) = found.first() else { return Ok(None) };
        let kind = first.get::<_, &str>(0).chars().next().unwrap_or_default();
        // A table without columns gives one row of nulls.
        let with_column = found.iter().filter(|row| row.get::<_, Option<&str>>(1).is_some());
        let columns = with_column
            .map(|row| ExistingColumn {
                name: row.get(1),
                kind: row.get(2),
                base_kind: row.get(6),
                is_not_null: row.get(3),
                has_default: row.get(4),
                is_identity: row.get(7),
                is_generated: row.get(5),
            })
            .collect();
        Ok(Some(Self { kind, columns }))
    }

    pub(crate) fn column(&self, name: &str) -> Option<&ExistingColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Returns true if PostgreSQL fills the column when a file lacks it.
    pub(crate) fn has_default(&self, column: &Column) -> bool {
        self.column(column.name.as_str()).is_some_and(|existing| existing.has_default)
    }

    /// Returns the columns that a file may fill and the dataset does not declare, in the order of the table. `headers` has
    /// the names in the files, where they differ.
    pub(crate) fn undeclared(&self, dataset: &Dataset, headers: &HashMap<String, String>) -> Vec<Column> {
        let is_declared = |name: &ColumnName| dataset.columns.iter().any(|declared| declared.name == *name);
        let column = |existing: &ExistingColumn| {
            let name = ColumnName::parse(&existing.name).ok()?;
            // PostgreSQL converts the text to a type that Penstock does not know.
            let known = ColumnType::parse(&existing.kind).or_else(|_| ColumnType::parse(&existing.base_kind));
            let kind = known.map_or(ColumnType::Text, |(kind, _)| kind);
            let is_filled = existing.is_generated || existing.name == RESCUED_COLUMN;
            let header = headers.get(&existing.name).unwrap_or(&existing.name).clone();
            let column = Column { header, ..Column::new(name, kind, existing.is_not_null) };
            (!is_filled && !is_declared(&column.name)).then_some(column)
        };
        self.columns.iter().filter_map(column).collect()
    }
}

/// Returns true if PostgreSQL converts the values to the type of the column, because Penstock does not know this type: any
/// type from text, and a type with a precision from the same type without one.
pub(crate) fn converts(existing: &ExistingColumn, declared: &ColumnType) -> bool {
    let is_known = existing.kind == "character varying" || ColumnType::parse(&existing.kind).is_ok();
    let is_text = matches!(declared, ColumnType::Text | ColumnType::Varchar(_));
    !is_known && (is_text || existing.base_kind == declared.sql())
}

/// Returns true if a column of type `existing` accepts the binary format of type `declared` and stores every value unchanged.
pub(crate) fn accepts(existing: &str, declared: &ColumnType) -> bool {
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
