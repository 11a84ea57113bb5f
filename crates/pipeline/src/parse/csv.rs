//! `csv`, `encoding`, `extra` and `evolve`: how files are written, and what may be in them beside the declared columns.

use protocol::{FileKind, Format};

use super::error_list::ErrorList;
use super::toml_table::{TomlEntry, TomlTable};
use crate::dataset::Column;
use crate::location::Location;
use crate::options::{CsvOptions, Evolve, Extra, RESCUED_COLUMN};

/// `source` is `None` when something is wrong with it.
pub(super) fn options(
    dataset: &TomlTable<'_, '_>,
    source: Option<&Location>,
    errors: &mut ErrorList<'_>,
) -> Option<CsvOptions> {
    let Some(entry) = dataset.get("csv") else { return Some(CsvOptions::default()) };
    let section = entry.section(errors)?;
    section.check_keys(&["delimiter", "quote", "escape", "comment", "header"], &[], errors);
    if source.is_some_and(is_never_csv) {
        entry.error_at_key(errors, "the source's ending says that its files are not CSV");
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
    refuse_one_character_twice(&section, options, errors);
    // Elsewhere a quote that escapes itself is how doubling is asked for.
    Some(CsvOptions { escape: options.escape.filter(|_| options.escape != options.quote), ..options })
}

fn is_never_csv(source: &Location) -> bool {
    matches!(format_of(source), Some(Format::Json | Format::Jsonl | Format::Parquet))
}

/// None for templates that leave the ending open.
fn format_of(source: &Location) -> Option<Format> {
    match FileKind::of_key(&source.template.to_string()) {
        Ok(FileKind::Data { format, .. }) => Some(format),
        Ok(FileKind::Trigger {} | FileKind::Ignored { .. }) | Err(_) => None,
    }
}

/// Refuses what Parquet says itself.
pub(super) fn check_encoding(dataset: &TomlTable<'_, '_>, source: Option<&Location>, errors: &mut ErrorList<'_>) {
    if let Some(entry) = dataset.get("encoding")
        && source.and_then(format_of) == Some(Format::Parquet)
    {
        entry.error(errors, "texts in Parquet are UTF-8");
    }
}

/// The outer `None` when it is wrong, the inner when it is not declared.
fn character(section: &TomlTable<'_, '_>, name: &str, errors: &mut ErrorList<'_>) -> Option<Option<u8>> {
    let Some(entry) = section.get(name) else { return Some(None) };
    entry.accept(ascii(entry.string(errors)?), errors).map(Some)
}

fn ascii(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [b'\n' | b'\r'] => Err("a line's end ends its record, too".to_owned()),
        [byte] if byte.is_ascii_alphanumeric() => Err(format!("`{text}` is part of most values; a tab is \"\\t\"")),
        [byte] if byte.is_ascii() && *byte != 0 => Ok(*byte),
        _ => Err(format!("must be one ASCII character, as \";\" or \"\\t\", not {text:?}")),
    }
}

/// A character means one thing only.
fn refuse_one_character_twice(section: &TomlTable<'_, '_>, options: CsvOptions, errors: &mut ErrorList<'_>) {
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
        // The quote may be the one that nobody declared.
        if let Some(entry) = section.get(name).or_else(|| section.get(other)).filter(|_| is_double) {
            entry.error(errors, &format!("the {name} is the {other}, too"));
        }
    }
    if let Some(entry) = section.get("escape").filter(|_| quote.is_none()) {
        entry.error(errors, "an escape is for quoted fields, and quote = \"\" says that there are none");
    }
}

/// Refuses what cannot be had together.
pub(super) fn check_extra(
    dataset: &TomlTable<'_, '_>,
    (extra, evolve): (Extra, Evolve),
    columns: Option<&[Column]>,
    errors: &mut ErrorList<'_>,
) {
    if let (Extra::Ignore | Extra::Rescue, Evolve::Add, Some(entry)) = (extra, evolve, dataset.get("extra")) {
        entry.error(errors, "evolve = \"add\" adds a file's new columns to the table, so none is left for `extra`");
    }
    let is_rescued = |column: &Column| column.name.as_str() == RESCUED_COLUMN;
    if let (Extra::Rescue, Some(entry)) = (extra, dataset.get("extra"))
        && columns.is_some_and(|columns| columns.iter().any(is_rescued))
    {
        entry.error(errors, &format!("`{RESCUED_COLUMN}` is a column of the dataset already"));
    }
}

/// Refuses what needs a header's names, when there is none.
pub(super) fn check_headerless(
    dataset: &TomlTable<'_, '_>,
    (extra, evolve): (Extra, Evolve),
    columns: Option<&[Column]>,
    errors: &mut ErrorList<'_>,
) {
    let refuse = |entry: Option<TomlEntry<'_, '_>>, errors: &mut ErrorList<'_>, reason: &str| {
        if let Some(entry) = entry {
            entry.error(errors, &format!("csv.header = false: {reason}"));
        }
    };
    if extra != Extra::Reject {
        refuse(dataset.get("extra"), errors, "only a header names columns that are not declared");
    }
    if evolve == Evolve::Add {
        refuse(dataset.get("evolve"), errors, "only a header names new columns");
    }
    let Some(columns) = columns else { return };
    if columns.is_empty() {
        refuse(dataset.get("csv"), errors, "only a header names columns to infer; declare them");
    }
    if let Some(column) = columns.iter().find(|column| column.header != column.name.as_str()) {
        let reason = format!("`{}` is `from` a header, and is read by its place", column.name);
        refuse(dataset.get("columns"), errors, &reason);
    }
}
