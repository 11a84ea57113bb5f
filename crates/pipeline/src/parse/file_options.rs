//! Parses `format`, `compression`, `encoding`, `header` and `json`.

use protocol::Format;

use super::columns::{FileContext, check_json_pointer};
use super::error_list::ErrorList;
use super::toml_table::TomlTable;
use crate::location::Location;
use crate::options::{DeclaredCompression, Encoding, FORMATS, HeaderMatch};

/// Parses `format`. The outer `None` is an error, the inner `None` an undeclared key.
pub(super) fn format(dataset: &TomlTable<'_, '_>, errors: &mut ErrorList<'_>) -> Option<Option<Format>> {
    dataset.get("format").map_or(Some(None), |entry| entry.choice(&FORMATS, errors).map(Some))
}

/// Returns the format that the ending of `source` gives; `None` for a template that does not fix the ending.
pub(super) fn format_of(source: &Location) -> Option<Format> {
    Format::of_key(&source.template.skeleton()).ok().map(|(format, _)| format)
}

/// Parses `compression`. The outer `None` is an error, the inner `None` an undeclared key.
pub(super) fn compression(
    dataset: &TomlTable<'_, '_>,
    file: FileContext<'_>,
    errors: &mut ErrorList<'_>,
) -> Option<Option<DeclaredCompression>> {
    let Some(entry) = dataset.get("compression") else { return Some(None) };
    let compression = entry.choice(&DeclaredCompression::WORDS, errors)?;
    if file.format == Some(Format::Parquet) && compression != DeclaredCompression::None {
        entry.error(errors, "`compression` does not apply to Parquet, which compresses its pages itself");
    }
    Some(Some(compression))
}

/// Parses `encoding`.
pub(super) fn encoding(
    dataset: &TomlTable<'_, '_>,
    file: FileContext<'_>,
    errors: &mut ErrorList<'_>,
) -> Option<Encoding> {
    let Some(entry) = dataset.get("encoding") else { return Some(Encoding::default()) };
    let encoding = entry.string(errors).and_then(|text| entry.accept(Encoding::parse(text), errors));
    if file.format == Some(Format::Parquet) {
        entry.error(errors, "`encoding` does not apply to Parquet, which is always UTF-8");
    }
    encoding
}

/// Parses `header.match`. `has_header` is `csv.header`.
pub(super) fn header_match(
    dataset: &TomlTable<'_, '_>,
    file: FileContext<'_>,
    has_header: bool,
    errors: &mut ErrorList<'_>,
) -> Option<HeaderMatch> {
    let Some(entry) = dataset.get("header") else { return Some(HeaderMatch::default()) };
    let section = entry.section(errors)?;
    section.check_keys(&["match"], &[], errors);
    let header_match = section.choice("match", &HeaderMatch::WORDS, errors);
    match file.format {
        Some(Format::Json | Format::Jsonl) => {
            entry
                .error_at_key(errors, "`header` applies to CSV and Parquet files, and this dataset has another format");
        }
        Some(Format::Parquet) if header_match == Some(HeaderMatch::Position) => {
            entry.error_at_key(errors, "`header.match = \"position\"` applies to CSV files");
        }
        _ if !has_header => entry.error_at_key(errors, "`header` has no effect with `csv.header = false`"),
        _ => {}
    }
    header_match
}

/// Parses `json.records`. The outer `None` is an error, the inner `None` an undeclared key.
pub(super) fn json_records(
    dataset: &TomlTable<'_, '_>,
    file: FileContext<'_>,
    errors: &mut ErrorList<'_>,
) -> Option<Option<String>> {
    let Some(entry) = dataset.get("json") else { return Some(None) };
    let section = entry.section(errors)?;
    section.check_keys(&["records"], &[], errors);
    if file.format.is_some_and(|format| format != Format::Json) {
        entry.error_at_key(errors, "`json` applies to JSON files, and this dataset has another format");
    }
    let Some(entry) = section.get("records") else { return Some(None) };
    let pointer = entry.string(errors)?;
    entry.accept(check_json_pointer(pointer), errors)?;
    Some(Some(pointer.to_owned()))
}
