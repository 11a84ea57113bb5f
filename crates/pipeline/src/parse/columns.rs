use super::duplicate::first_duplicate;
use super::error_list::ErrorList;
use super::toml_table::{TomlEntry, TomlTable};
use crate::dataset::Column;
use crate::limits::COLUMNS_MAX;
use crate::names::ColumnName;
use crate::types::ColumnType;
use crate::value_format::check_value_format;

/// Parses the columns in the order of the file. Empty when they are to be inferred; `None` after an error.
pub(super) fn parse(dataset: &TomlTable<'_, '_>, errors: &mut ErrorList<'_>) -> Option<Vec<Column>> {
    let Some(entry) = dataset.get("columns") else { return Some(Vec::new()) };
    let entries = entry.section(errors)?.entries();
    if entries.is_empty() || entries.len() > COLUMNS_MAX {
        entry.error(errors, &format!("expected 1 to {COLUMNS_MAX} columns, found {}", entries.len()));
        return None;
    }
    let columns: Vec<Column> = entries.iter().filter_map(|entry| column(entry, errors)).collect();
    if let Some(header) = first_duplicate(columns.iter().map(|column| column.header.as_str())) {
        entry.error(errors, &format!("two columns have the header `{header}`"));
    }
    (columns.len() == entries.len()).then_some(columns)
}

/// Parses `"date not null"`, or `{ type = "date not null", from = "day", format = "%d/%m/%Y" }`.
fn column(entry: &TomlEntry<'_, '_>, errors: &mut ErrorList<'_>) -> Option<Column> {
    let name = ColumnName::parse(entry.name).map_err(|error| entry.error_at_key(errors, &error.to_string())).ok();
    if !entry.is_table() {
        let (kind, not_null) = column_type(entry, errors)?;
        return Some(Column { name: name?, header: entry.name.to_owned(), kind, not_null, format: None });
    }
    let section = entry.section(errors)?;
    if let Some(not_null) = section.get("not_null") {
        not_null.error_at_key(errors, "unknown key `not_null`; write it in the type, for example \"date not null\"");
    }
    section.check_keys(&["type", "from", "format"], &["not_null"], errors);
    let typed = section.required("type", errors).and_then(|entry| column_type(&entry, errors));
    let header = match section.get("from") {
        Some(from) => header(&from, errors),
        None => Some(entry.name.to_owned()),
    };
    let format = section.get("format").map(|format| value_format(&format, typed.map(|(kind, _)| kind), errors));
    let (kind, not_null) = typed?;
    Some(Column { name: name?, header: header?, kind, not_null, format: format.flatten() })
}

fn column_type(entry: &TomlEntry<'_, '_>, errors: &mut ErrorList<'_>) -> Option<(ColumnType, bool)> {
    let text = entry.string(errors)?;
    entry.accept(ColumnType::parse(text), errors)
}

fn header(from: &TomlEntry<'_, '_>, errors: &mut ErrorList<'_>) -> Option<String> {
    let text = from.string(errors)?;
    if text.is_empty() {
        from.error(errors, "a header name must not be empty");
        return None;
    }
    Some(text.to_owned())
}

fn value_format(entry: &TomlEntry<'_, '_>, kind: Option<ColumnType>, errors: &mut ErrorList<'_>) -> Option<String> {
    let format = entry.string(errors)?;
    entry.accept(check_value_format(kind?, format), errors)?;
    Some(format.to_owned())
}
