use super::first_double;
use super::problems::Problems;
use super::section::{Entry, Section};
use crate::limits::COLUMNS_MAX;
use crate::value_format::check_value_format;
use crate::{Column, ColumnName, ColumnType};

/// The declared columns in the order of the file, none when they are to be inferred; `None` when something is wrong.
pub(super) fn parse(dataset: &Section<'_, '_>, problems: &mut Problems<'_>) -> Option<Vec<Column>> {
    let Some(entry) = dataset.get("columns") else { return Some(Vec::new()) };
    let entries = entry.section(problems)?.entries();
    if entries.is_empty() || entries.len() > COLUMNS_MAX {
        entry.refuse(problems, &format!("a dataset has 1 to {COLUMNS_MAX} columns, this one has {}", entries.len()));
        return None;
    }
    let columns: Vec<Column> = entries.iter().filter_map(|entry| column(entry, problems)).collect();
    if let Some(header) = first_double(columns.iter().map(|column| column.header.as_str())) {
        entry.refuse(problems, &format!("two columns are read from the header `{header}`"));
    }
    (columns.len() == entries.len()).then_some(columns)
}

/// `"date not null"`, or `{ type = "date not null", from = "day", format = "%d/%m/%Y" }`.
fn column(entry: &Entry<'_, '_>, problems: &mut Problems<'_>) -> Option<Column> {
    let name = ColumnName::parse(entry.name).map_err(|error| entry.refuse_name(problems, &error.to_string())).ok();
    if !entry.is_table() {
        let (kind, not_null) = column_type(entry, problems)?;
        return Some(Column { name: name?, header: entry.name.to_owned(), kind, not_null, format: None });
    }
    let section = entry.section(problems)?;
    if let Some(not_null) = section.get("not_null") {
        not_null.refuse_name(problems, "`not null` stands in the type, as \"date not null\"");
    }
    section.refuse_unknown(&["type", "from", "format"], &["not_null"], problems);
    let typed = section.required("type", problems).and_then(|entry| column_type(&entry, problems));
    let header = match section.get("from") {
        Some(from) => header(&from, problems),
        None => Some(entry.name.to_owned()),
    };
    let format = section.get("format").map(|format| value_format(&format, typed.map(|(kind, _)| kind), problems));
    let (kind, not_null) = typed?;
    Some(Column { name: name?, header: header?, kind, not_null, format: format.flatten() })
}

fn column_type(entry: &Entry<'_, '_>, problems: &mut Problems<'_>) -> Option<(ColumnType, bool)> {
    let text = entry.string(problems)?;
    entry.accept(ColumnType::parse(text), problems)
}

fn header(from: &Entry<'_, '_>, problems: &mut Problems<'_>) -> Option<String> {
    let text = from.string(problems)?;
    if text.is_empty() {
        from.refuse(problems, "a header's name is not empty");
        return None;
    }
    Some(text.to_owned())
}

fn value_format(entry: &Entry<'_, '_>, kind: Option<ColumnType>, problems: &mut Problems<'_>) -> Option<String> {
    let format = entry.string(problems)?;
    entry.accept(check_value_format(kind?, format), problems)?;
    Some(format.to_owned())
}
