//! Parses `csv`, and checks `encoding`, `extra` and `evolve` against the rest of the dataset.

use protocol::{FileKind, Format};

use super::error_list::ErrorList;
use super::toml_table::{TomlEntry, TomlTable};
use crate::dataset::Column;
use crate::location::Location;
use crate::options::{CsvOptions, Evolve, Extra, RESCUED_COLUMN};

/// Parses `csv`. `source` is `None` when it has an error.
pub(super) fn options(
    dataset: &TomlTable<'_, '_>,
    source: Option<&Location>,
    errors: &mut ErrorList<'_>,
) -> Option<CsvOptions> {
    let Some(entry) = dataset.get("csv") else { return Some(CsvOptions::default()) };
    let section = entry.section(errors)?;
    section.check_keys(&["delimiter", "quote", "escape", "comment", "header"], &[], errors);
    if source.is_some_and(is_never_csv) {
        entry.error_at_key(errors, "`csv` applies to CSV files, and the ending of `source` is another format");
    }
    let delimiter = character(&section, "delimiter", errors);
    let quote = match section.get("quote") {
        None => Some(CsvOptions::default().quote),
        Some(entry) if entry.is_empty_string() => Some(None),
        Some(_) => character(&section, "quote", errors),
    };
    let escape = character(&section, "escape", errors);
    let comment = character(&section, "comment", errors);
    let header = section.get("header").map_or(Some(true), |entry| entry.boolean(errors));
    let options =
        CsvOptions { delimiter: delimiter?, quote: quote?, escape: escape?, comment: comment?, header: header? };
    check_characters_differ(&section, options, errors);
    // Other tools declare a doubled quote as a quote that escapes itself.
    Some(CsvOptions { escape: options.escape.filter(|_| options.escape != options.quote), ..options })
}

fn is_never_csv(source: &Location) -> bool {
    matches!(format_of(source), Some(Format::Json | Format::Jsonl | Format::Parquet))
}

/// Returns `None` for a template that does not fix the ending.
fn format_of(source: &Location) -> Option<Format> {
    match FileKind::of_key(&source.template.to_string()) {
        Ok(FileKind::Data { format, .. }) => Some(format),
        Ok(FileKind::Trigger {} | FileKind::Ignored { .. }) | Err(_) => None,
    }
}

/// Rejects `encoding` for Parquet.
pub(super) fn check_encoding(dataset: &TomlTable<'_, '_>, source: Option<&Location>, errors: &mut ErrorList<'_>) {
    if let Some(entry) = dataset.get("encoding")
        && source.and_then(format_of) == Some(Format::Parquet)
    {
        entry.error(errors, "`encoding` does not apply to Parquet, which is always UTF-8");
    }
}

/// Parses one character. The outer `None` is an error, the inner `None` an undeclared key.
fn character(section: &TomlTable<'_, '_>, name: &str, errors: &mut ErrorList<'_>) -> Option<Option<u8>> {
    let Some(entry) = section.get(name) else { return Some(None) };
    entry.accept(ascii(entry.string(errors)?), errors).map(Some)
}

fn ascii(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [b'\n' | b'\r'] => Err("a line end always ends the record".to_owned()),
        [byte] if byte.is_ascii_alphanumeric() => {
            Err(format!("`{text}` is a letter or digit, which values contain; a tab is written \"\\t\""))
        }
        [byte] if byte.is_ascii() && *byte != 0 => Ok(*byte),
        _ => Err(format!("expected one ASCII character, for example \";\" or \"\\t\", found {text:?}")),
    }
}

/// Rejects one character with two meanings.
fn check_characters_differ(section: &TomlTable<'_, '_>, options: CsvOptions, errors: &mut ErrorList<'_>) {
    let CsvOptions { delimiter, quote, escape, comment, .. } = options;
    let delimiters = delimiter.map_or(vec![b',', b'\t'], |delimiter| vec![delimiter]);
    let is_delimiter = |byte: Option<u8>| byte.is_some_and(|byte| delimiters.contains(&byte));
    let is_quote = |byte: Option<u8>| byte.is_some() && byte == quote;
    let rules = [
        ("quote", is_delimiter(quote), "delimiter"),
        ("escape", is_delimiter(escape), "delimiter"),
        ("comment", is_delimiter(comment), "delimiter"),
        ("comment", is_quote(comment), "quote"),
        ("comment", comment.is_some() && comment == escape, "escape"),
    ];
    for (name, is_double, other) in rules {
        // The quote may be the default one; then the error is at the other key.
        if let Some(entry) = section.get(name).or_else(|| section.get(other)).filter(|_| is_double) {
            entry.error(errors, &format!("`{name}` and `{other}` are the same character"));
        }
    }
    if let Some(entry) = section.get("escape").filter(|_| quote.is_none()) {
        entry.error(errors, "`escape` has no effect with `quote = \"\"`: it applies inside quotes");
    }
}

/// Rejects combinations of `extra`, `evolve` and columns that contradict each other.
pub(super) fn check_extra(
    dataset: &TomlTable<'_, '_>,
    (extra, evolve): (Extra, Evolve),
    columns: Option<&[Column]>,
    errors: &mut ErrorList<'_>,
) {
    if let (Extra::Ignore | Extra::Rescue, Evolve::Add, Some(entry)) = (extra, evolve, dataset.get("extra")) {
        entry
            .error(errors, "`extra` has no effect with `evolve = \"add\"`, which adds undeclared columns to the table");
    }
    let is_rescued = |column: &Column| column.name.as_str() == RESCUED_COLUMN;
    if let (Extra::Rescue, Some(entry)) = (extra, dataset.get("extra"))
        && columns.is_some_and(|columns| columns.iter().any(is_rescued))
    {
        entry.error(
            errors,
            &format!("`extra = \"rescue\"` creates the column `{RESCUED_COLUMN}`, which the dataset also declares"),
        );
    }
}

/// Rejects options that need the names of a header when `csv.header = false`.
pub(super) fn check_headerless(
    dataset: &TomlTable<'_, '_>,
    (extra, evolve): (Extra, Evolve),
    columns: Option<&[Column]>,
    errors: &mut ErrorList<'_>,
) {
    let report = |entry: Option<TomlEntry<'_, '_>>, errors: &mut ErrorList<'_>, reason: &str| {
        if let Some(entry) = entry {
            entry.error(errors, &format!("{reason} with `csv.header = false`"));
        }
    };
    if extra != Extra::Reject {
        report(dataset.get("extra"), errors, "`extra` has no effect");
    }
    if evolve == Evolve::Add {
        report(dataset.get("evolve"), errors, "`evolve` has no effect");
    }
    let Some(columns) = columns else { return };
    if columns.is_empty() {
        report(dataset.get("csv"), errors, "`columns` is required");
    }
    if let Some(column) = columns.iter().find(|column| column.header != column.name.as_str()) {
        let reason = format!("`from` of `{}` has no effect", column.name);
        report(dataset.get("columns"), errors, &reason);
    }
}
