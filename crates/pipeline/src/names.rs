use std::fmt;

use crate::limits::{IDENTIFIER_BYTES_MAX, LABEL_BYTES_MAX};

/// <https://www.postgresql.org/docs/current/ddl-system-columns.html>
const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

/// Why a name cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("the name is empty")]
    Empty,
    #[error("`{0}` has {len} bytes; a PostgreSQL name has at most {IDENTIFIER_BYTES_MAX}", len = .0.len())]
    TooLong(String),
    #[error("`{}` contains a control character", .0.escape_debug())]
    ControlCharacter(String),
    #[error("`{0}` is not a table name; expected `name` or `schema.name`")]
    NotATable(String),
    #[error("schema `{0}` is reserved; expected another schema")]
    ReservedSchema(String),
    #[error("`{0}` is the name of a PostgreSQL system column")]
    SystemColumn(String),
    #[error("`{0}` is reserved: names that begin with `_load_` belong to Penstock")]
    LineageColumn(String),
    #[error(
        "`{0}` is not a valid name; expected 1 to {LABEL_BYTES_MAX} characters of a-z, 0-9, `_` and `-`, with a letter first"
    )]
    NotALabel(String),
}

/// A table name. [`TableName::quoted`] is safe in SQL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TableName {
    schema: String,
    name: String,
}

impl TableName {
    /// Parses `schema.name`, or `name` in schema `public`. Letter case is kept.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (schema, name) = text.split_once('.').unwrap_or(("public", text));
        if name.contains('.') {
            return Err(NameError::NotATable(text.to_owned()));
        }
        let (schema, name) = (identifier(schema)?, identifier(name)?);
        if ["penstock", "information_schema"].contains(&schema) || schema.starts_with("pg_") {
            return Err(NameError::ReservedSchema(schema.to_owned()));
        }
        Ok(Self { schema: schema.to_owned(), name: name.to_owned() })
    }

    pub fn schema(&self) -> &str {
        &self.schema
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// `"staging"."orders"`
    pub fn quoted(&self) -> String {
        format!("{}.{}", quote(&self.schema), quote(&self.name))
    }

    /// `"staging"`
    pub fn quoted_schema(&self) -> String {
        quote(&self.schema)
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

/// A column name. [`ColumnName::quoted`] is safe in SQL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ColumnName(String);

impl ColumnName {
    /// Parses a name without quotes; letter case is kept. Rejects names that PostgreSQL or Penstock reserves.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let name = identifier(text)?.to_owned();
        if SYSTEM_COLUMNS.contains(&text) {
            return Err(NameError::SystemColumn(name));
        }
        if name.starts_with("_load_") {
            return Err(NameError::LineageColumn(name));
        }
        Ok(Self(name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn quoted(&self) -> String {
        quote(&self.0)
    }
}

impl fmt::Display for ColumnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn identifier(text: &str) -> Result<&str, NameError> {
    if text.is_empty() {
        Err(NameError::Empty)
    } else if text.chars().any(char::is_control) {
        Err(NameError::ControlCharacter(text.to_owned()))
    } else if text.len() > IDENTIFIER_BYTES_MAX {
        Err(NameError::TooLong(text.to_owned()))
    } else {
        Ok(text)
    }
}

fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// Checks the name of a pipeline or dataset. The name is also part of file paths, notices and metrics.
pub(crate) fn check_label(text: &str) -> Result<(), NameError> {
    let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase());
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    if starts_well && text.len() <= LABEL_BYTES_MAX && text.chars().all(allowed) {
        Ok(())
    } else {
        Err(NameError::NotALabel(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_names_parse() {
        let check = |text: &str, expected: Result<&str, &str>| {
            let found = TableName::parse(text).map(|table| table.quoted()).map_err(|error| error.to_string());
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{text}");
        };
        check("staging.orders", Ok(r#""staging"."orders""#));
        check("orders", Ok(r#""public"."orders""#));
        check("Staging.Orders 2024", Ok(r#""Staging"."Orders 2024""#));
        check(r#"s."; drop table x; --"#, Ok(r#""s"."""; drop table x; --""#));
        check("größe", Ok(r#""public"."größe""#));
        check("", Err("the name is empty"));
        check("a.", Err("the name is empty"));
        check(".a", Err("the name is empty"));
        check("a.b.c", Err("`a.b.c` is not a table name; expected `name` or `schema.name`"));
        check("a\0b", Err("`a\\0b` contains a control character"));
        check("penstock.load", Err("schema `penstock` is reserved; expected another schema"));
        check("pg_catalog.pg_class", Err("schema `pg_catalog` is reserved; expected another schema"));
        check("pg_mine.x", Err("schema `pg_mine` is reserved; expected another schema"));
        check("information_schema.x", Err("schema `information_schema` is reserved; expected another schema"));
    }

    #[test]
    fn column_names_parse() {
        let check = |text: &str, expected: Result<&str, NameError>| {
            assert_eq!(ColumnName::parse(text).map(|column| column.quoted()), expected.map(str::to_owned), "{text}");
        };
        let longest = "é".repeat(31) + "x";
        check("order_id", Ok(r#""order_id""#));
        check(r#"a"b"#, Ok(r#""a""b""#));
        check("select", Ok(r#""select""#));
        check("_loaded", Ok(r#""_loaded""#));
        check(&longest, Ok(&format!("\"{longest}\"")));
        check(&"é".repeat(32), Err(NameError::TooLong("é".repeat(32))));
        check("", Err(NameError::Empty));
        check("a\tb", Err(NameError::ControlCharacter("a\tb".to_owned())));
        check("ctid", Err(NameError::SystemColumn("ctid".to_owned())));
        check("_load_id", Err(NameError::LineageColumn("_load_id".to_owned())));
    }

    #[test]
    fn labels_are_lower_case_ascii() {
        let check = |text: &str, allowed: bool| assert_eq!(check_label(text).is_ok(), allowed, "{text}");
        check("retail", true);
        check("pump_flow-2", true);
        check(&"a".repeat(63), true);
        check(&"a".repeat(64), false);
        check("", false);
        check("2pumps", false);
        check("Retail", false);
        check("a.b", false);
        check("../a", false);
    }
}
