//! `csv`, `encoding`, `extra` and `evolve`: how files are written, and what may be in them beside the declared columns.

use protocol::{FileKind, Format};

use super::problems::Problems;
use super::section::{Entry, Section};
use crate::{Column, CsvOptions, Encoding, Evolve, Extra, Location, RESCUED_COLUMN};

pub(crate) const ENCODINGS: [(&str, Encoding); 6] = [
    ("utf-8", Encoding::Utf8),
    ("utf-16", Encoding::Utf16),
    ("utf-16le", Encoding::Utf16Le),
    ("utf-16be", Encoding::Utf16Be),
    ("latin-1", Encoding::Latin1),
    ("windows-1252", Encoding::Windows1252),
];

pub(crate) const EXTRAS: [(&str, Extra); 3] =
    [("reject", Extra::Reject), ("ignore", Extra::Ignore), ("rescue", Extra::Rescue)];

pub(crate) const EVOLVES: [(&str, Evolve); 2] = [("fail", Evolve::Fail), ("add", Evolve::Add)];

/// `source` is `None` when something is wrong with it.
pub(super) fn options(
    dataset: &Section<'_, '_>,
    source: Option<&Location>,
    problems: &mut Problems<'_>,
) -> Option<CsvOptions> {
    let Some(entry) = dataset.get("csv") else { return Some(CsvOptions::default()) };
    let section = entry.section(problems)?;
    section.refuse_unknown(&["delimiter", "quote", "escape", "comment", "header"], &[], problems);
    if source.is_some_and(is_never_csv) {
        entry.refuse_name(problems, "the source's ending says that its files are not CSV");
    }
    let delimiter = character(&section, "delimiter", problems);
    let quote = match section.get("quote") {
        None => Some(CsvOptions::default().quote),
        Some(entry) if entry.is_empty_string() => Some(None),
        Some(_) => character(&section, "quote", problems),
    };
    let escape = character(&section, "escape", problems);
    let comment = character(&section, "comment", problems);
    let header = section.get("header").map_or(Some(true), |entry| entry.boolean(problems));
    let options =
        CsvOptions { delimiter: delimiter?, quote: quote?, escape: escape?, comment: comment?, header: header? };
    refuse_one_character_twice(&section, options, problems);
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
pub(super) fn check_encoding(dataset: &Section<'_, '_>, source: Option<&Location>, problems: &mut Problems<'_>) {
    if let Some(entry) = dataset.get("encoding")
        && source.and_then(format_of) == Some(Format::Parquet)
    {
        entry.refuse(problems, "texts in Parquet are UTF-8");
    }
}

/// The outer `None` when it is wrong, the inner when it is not declared.
fn character(section: &Section<'_, '_>, name: &str, problems: &mut Problems<'_>) -> Option<Option<u8>> {
    let Some(entry) = section.get(name) else { return Some(None) };
    entry.accept(ascii(entry.string(problems)?), problems).map(Some)
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
fn refuse_one_character_twice(section: &Section<'_, '_>, options: CsvOptions, problems: &mut Problems<'_>) {
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
            entry.refuse(problems, &format!("the {name} is the {other}, too"));
        }
    }
    if let Some(entry) = section.get("escape").filter(|_| quote.is_none()) {
        entry.refuse(problems, "an escape is for quoted fields, and quote = \"\" says that there are none");
    }
}

/// Refuses what cannot be had together.
pub(super) fn check_extra(
    dataset: &Section<'_, '_>,
    (extra, evolve): (Extra, Evolve),
    columns: Option<&[Column]>,
    problems: &mut Problems<'_>,
) {
    if let (Extra::Ignore | Extra::Rescue, Evolve::Add, Some(entry)) = (extra, evolve, dataset.get("extra")) {
        entry.refuse(problems, "evolve = \"add\" adds a file's new columns to the table, so none is left for `extra`");
    }
    let is_rescued = |column: &Column| column.name.as_str() == RESCUED_COLUMN;
    if let (Extra::Rescue, Some(entry)) = (extra, dataset.get("extra"))
        && columns.is_some_and(|columns| columns.iter().any(is_rescued))
    {
        entry.refuse(problems, &format!("`{RESCUED_COLUMN}` is a column of the dataset already"));
    }
}

/// Refuses what needs a header's names, when there is none.
pub(super) fn check_headerless(
    dataset: &Section<'_, '_>,
    (extra, evolve): (Extra, Evolve),
    columns: Option<&[Column]>,
    problems: &mut Problems<'_>,
) {
    let refuse = |entry: Option<Entry<'_, '_>>, problems: &mut Problems<'_>, reason: &str| {
        if let Some(entry) = entry {
            entry.refuse(problems, &format!("csv.header = false: {reason}"));
        }
    };
    if extra != Extra::Reject {
        refuse(dataset.get("extra"), problems, "only a header names columns that are not declared");
    }
    if evolve == Evolve::Add {
        refuse(dataset.get("evolve"), problems, "only a header names new columns");
    }
    let Some(columns) = columns else { return };
    if columns.is_empty() {
        refuse(dataset.get("csv"), problems, "only a header names columns to infer; declare them");
    }
    if let Some(column) = columns.iter().find(|column| column.header != column.name.as_str()) {
        let reason = format!("`{}` is `from` a header, and is read by its place", column.name);
        refuse(dataset.get("columns"), problems, &reason);
    }
}
