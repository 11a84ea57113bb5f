use protocol::Format;

use super::column_values;
use super::duplicate::first_duplicate;
use super::error_list::ErrorList;
use super::toml_table::{TomlEntry, TomlTable};
use crate::column::{Column, ColumnSource, ObjectProperty};
use crate::limits::COLUMNS_MAX;
use crate::location::Location;
use crate::names::ColumnName;
use crate::nearest::did_you_mean;
use crate::types::ColumnType;

const SOURCES: [&str; 4] = ["from", "from_key", "from_line", "from_object"];

const KEYS: [&str; 15] = [
    "type",
    "from",
    "from_key",
    "from_line",
    "from_object",
    "optional",
    "format",
    "timezone",
    "round",
    "decimal",
    "thousands",
    "strip",
    "true",
    "false",
    "not_null",
];

/// The parts of a dataset that its columns are checked against. `None` is unknown.
#[derive(Clone, Copy)]
pub(super) struct FileContext<'a> {
    pub(super) source: Option<&'a Location>,
    pub(super) format: Option<Format>,
}

impl FileContext<'_> {
    pub(super) fn is_json(self) -> bool {
        matches!(self.format, Some(Format::Json | Format::Jsonl))
    }

    /// Returns true if the placeholder of `source` has a time format.
    fn is_time(self, name: &str) -> bool {
        let placeholders = self.source.iter().flat_map(|source| source.template.placeholders());
        placeholders.filter(|placeholder| placeholder.name == name).any(|placeholder| placeholder.format.is_some())
    }
}

/// Parses the columns in the order of the file. Empty when they are to be inferred; `None` after an error.
pub(super) fn parse(
    dataset: &TomlTable<'_, '_>,
    file: FileContext<'_>,
    errors: &mut ErrorList<'_>,
) -> Option<Vec<Column>> {
    let Some(entry) = dataset.get("columns") else { return Some(Vec::new()) };
    let entries = entry.section(errors)?.entries();
    if entries.is_empty() || entries.len() > COLUMNS_MAX {
        entry.error(errors, &format!("expected 1 to {COLUMNS_MAX} columns, found {}", entries.len()));
        return None;
    }
    let columns: Vec<Column> = entries.iter().filter_map(|entry| column(entry, file, errors)).collect();
    let headers = columns.iter().filter(|column| column.source == ColumnSource::Header);
    if let Some(header) = first_duplicate(headers.map(|column| column.header.as_str())) {
        entry.error(errors, &format!("two columns have the header `{header}`"));
    }
    let positions: Vec<String> = columns.iter().filter_map(position).map(|position| position.to_string()).collect();
    if let Some(position) = first_duplicate(positions.iter().map(String::as_str)) {
        entry.error(errors, &format!("two columns have the position {position}"));
    }
    (columns.len() == entries.len()).then_some(columns)
}

fn position(column: &Column) -> Option<u32> {
    match column.source {
        ColumnSource::Position(position) => Some(position),
        _ => None,
    }
}

/// Parses `"date not null"`, or `{ type = "date not null", from = "day", format = "%d/%m/%Y" }`.
fn column(entry: &TomlEntry<'_, '_>, file: FileContext<'_>, errors: &mut ErrorList<'_>) -> Option<Column> {
    let name = ColumnName::parse(entry.name).map_err(|error| entry.error_at_key(errors, &error.to_string())).ok();
    if !entry.is_table() {
        let (kind, not_null) = column_type(entry, errors)?;
        return Some(Column::new(name?, kind, not_null));
    }
    let section = entry.section(errors)?;
    if let Some(not_null) = section.get("not_null") {
        not_null.error_at_key(errors, "unknown key `not_null`; write it in the type, for example \"date not null\"");
    }
    section.check_keys(&KEYS, &[], errors);
    let typed = section.required("type", errors).and_then(|entry| column_type(&entry, errors));
    let from = source(&section, typed.map(|(kind, _)| kind), file, errors);
    let optional = section.get("optional").map_or(Some(false), |entry| entry.boolean(errors));
    let (kind, not_null) = typed?;
    let values = column_values::parse(&section, kind, errors);
    let (source, header) = from?;
    if let (Some(true), Some(entry)) = (optional, section.get("optional")) {
        if not_null {
            entry.error(errors, "`optional` has no effect with `not null`: a missing column is NULL");
        } else if !source.is_in_records() {
            entry.error(errors, "`optional` applies to columns of the file");
        }
    }
    if let ColumnSource::Key(placeholder) = &source
        && file.is_time(placeholder)
    {
        for entry in ["format", "timezone"].iter().filter_map(|key| section.get(key)) {
            entry.error_at_key(
                errors,
                &format!("`{}` has no effect: `{{{placeholder}}}` is a time already", entry.name),
            );
        }
    }
    if let ColumnSource::Line | ColumnSource::Object(_) = source {
        for entry in column_values::KEYS.iter().filter_map(|key| section.get(key)) {
            entry.error_at_key(errors, &format!("`{}` applies to values of the file or of its key", entry.name));
        }
    }
    let header = header.unwrap_or_else(|| entry.name.to_owned());
    Some(Column { name: name?, source, header, kind, not_null, optional: optional?, values: values? })
}

fn column_type(entry: &TomlEntry<'_, '_>, errors: &mut ErrorList<'_>) -> Option<(ColumnType, bool)> {
    let text = entry.string(errors)?;
    entry.accept(ColumnType::parse(text), errors)
}

/// Parses the source of a column, and its header where `from` declares one.
fn source(
    section: &TomlTable<'_, '_>,
    kind: Option<ColumnType>,
    file: FileContext<'_>,
    errors: &mut ErrorList<'_>,
) -> Option<(ColumnSource, Option<String>)> {
    let declared: Vec<TomlEntry<'_, '_>> = SOURCES.iter().filter_map(|key| section.get(key)).collect();
    if let [first, second, ..] = declared.as_slice() {
        second.error_at_key(errors, &format!("a column has either `{}` or `{}`, not both", first.name, second.name));
        return None;
    }
    let Some(entry) = declared.first() else { return Some((ColumnSource::Header, None)) };
    let source = match entry.name {
        "from_key" => from_key(entry, kind, file, errors)?,
        "from_line" => from_line(entry, kind, errors)?,
        "from_object" => from_object(entry, kind, errors)?,
        _ if entry.is_integer() => from_position(entry, file, errors)?,
        _ => return Some((ColumnSource::Header, Some(header(entry, file, errors)?))),
    };
    Some((source, None))
}

fn header(from: &TomlEntry<'_, '_>, file: FileContext<'_>, errors: &mut ErrorList<'_>) -> Option<String> {
    let text = from.string(errors)?;
    if text.is_empty() {
        from.error(errors, "a header name must not be empty");
        return None;
    }
    if file.is_json() && text.starts_with('/') {
        from.accept(check_json_pointer(text), errors)?;
    }
    Some(text.to_owned())
}

/// Checks the syntax of a JSON Pointer. <https://www.rfc-editor.org/rfc/rfc6901#section-3>
pub(super) fn check_json_pointer(text: &str) -> Result<(), String> {
    if text.starts_with('/') && text.split('~').skip(1).all(|part| part.starts_with(['0', '1'])) {
        Ok(())
    } else {
        Err(format!("`{text}` is not a JSON Pointer; expected, for example, \"/data/items\""))
    }
}

fn from_position(entry: &TomlEntry<'_, '_>, file: FileContext<'_>, errors: &mut ErrorList<'_>) -> Option<ColumnSource> {
    let position = entry.count(errors)?;
    if file.format.is_some_and(|format| !matches!(format, Format::Csv | Format::Tsv)) {
        entry.error(errors, "a position applies to CSV files; expected a name");
        return None;
    }
    match u32::try_from(position) {
        Ok(position @ 1..) => Some(ColumnSource::Position(position)),
        Ok(0) | Err(_) => {
            entry.error(errors, &format!("expected a position from 1, found {position}"));
            None
        }
    }
}

/// Parses the name of a placeholder of `source`.
fn from_key(
    entry: &TomlEntry<'_, '_>,
    kind: Option<ColumnType>,
    file: FileContext<'_>,
    errors: &mut ErrorList<'_>,
) -> Option<ColumnSource> {
    let name = entry.string(errors)?;
    let template = &file.source?.template;
    let Some(placeholder) = template.placeholders().find(|placeholder| placeholder.name == name) else {
        let nearest = did_you_mean(name, template.placeholders().map(|placeholder| placeholder.name));
        entry.error(errors, &format!("`{{{name}}}` is not a placeholder of `source`{nearest}"));
        return None;
    };
    let is_date = matches!(kind, Some(ColumnType::Date | ColumnType::Timestamp | ColumnType::TimestampTz) | None);
    if placeholder.format.is_some() && !is_date {
        entry.error(errors, &format!("`{{{name}}}` is a time; expected the type date, timestamp or timestamptz"));
        return None;
    }
    Some(ColumnSource::Key(name.to_owned()))
}

fn from_line(entry: &TomlEntry<'_, '_>, kind: Option<ColumnType>, errors: &mut ErrorList<'_>) -> Option<ColumnSource> {
    if !entry.boolean(errors)? {
        entry.error(errors, "expected true; remove `from_line` for a column of the file");
        return None;
    }
    // Line numbers may exceed four bytes.
    if !matches!(kind, Some(ColumnType::BigInt) | None) {
        entry.error(errors, "the number of a line has the type bigint");
        return None;
    }
    Some(ColumnSource::Line)
}

fn from_object(
    entry: &TomlEntry<'_, '_>,
    kind: Option<ColumnType>,
    errors: &mut ErrorList<'_>,
) -> Option<ColumnSource> {
    let property = entry.choice(&ObjectProperty::WORDS, errors)?;
    let expected = match property {
        ObjectProperty::LastModified => ColumnType::TimestampTz,
        ObjectProperty::Key | ObjectProperty::VersionId | ObjectProperty::Etag => ColumnType::Text,
    };
    if kind.is_some_and(|kind| kind != expected) {
        entry.error(errors, &format!("this property has the type {}", expected.declared()));
        return None;
    }
    Some(ColumnSource::Object(property))
}
