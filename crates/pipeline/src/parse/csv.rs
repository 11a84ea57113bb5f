//! Parses `csv`, and checks `extra` and `evolve` against the rest of the dataset.

use protocol::Format;

use super::columns::FileContext;
use super::error_list::ErrorList;
use super::toml_table::{TomlEntry, TomlTable};
use crate::column::{Column, ColumnSource};
use crate::csv_options::{CsvOptions, Delimiter, LineEnd, Quoting, Ragged};
use crate::limits::{DELIMITER_CHARS_MAX, QUOTED_LINES_DEFAULT};
use crate::options::{Evolve, Extra, HeaderMatch, RESCUED_COLUMN};

const KEYS: [&str; 13] = [
    "delimiter",
    "quote",
    "escape",
    "comment",
    "header",
    "quoting",
    "skip",
    "skip_footer",
    "skip_blank",
    "ragged",
    "trim",
    "line_end",
    "quoted_lines",
];

/// The words of `csv.quoting`; `None` is `none`.
const QUOTINGS: [(&str, Option<Quoting>); 3] =
    [("strict", Some(Quoting::Strict)), ("lenient", Some(Quoting::Lenient)), ("none", None)];

/// Parses `csv`.
pub(super) fn options(
    dataset: &TomlTable<'_, '_>,
    file: FileContext<'_>,
    errors: &mut ErrorList<'_>,
) -> Option<CsvOptions> {
    let Some(entry) = dataset.get("csv") else { return Some(CsvOptions::default()) };
    let section = entry.section(errors)?;
    section.check_keys(&KEYS, &[], errors);
    if file.format.is_some_and(|format| !matches!(format, Format::Csv | Format::Tsv)) {
        entry.error_at_key(errors, "`csv` applies to CSV files, and this dataset has another format");
    }
    let delimiter = delimiter(&section, errors);
    let quotes = quotes(&section, errors);
    let escape = character(&section, "escape", errors);
    let comment = character(&section, "comment", errors);
    let header = section.get("header").map_or(Some(true), |entry| entry.boolean(errors));
    let skip = section.number("skip", 0, errors);
    let skip_footer = section.number("skip_footer", 0, errors);
    let skip_blank = section.flag("skip_blank", errors);
    let ragged = section.choice("ragged", &Ragged::WORDS, errors);
    let trim = section.flag("trim", errors);
    let line_end = section.choice("line_end", &LineEnd::WORDS, errors);
    let quoted_lines = quoted_lines(&section, errors);
    let (quote, quoting) = quotes?;
    let options = CsvOptions {
        delimiter: delimiter?,
        quote,
        escape: escape?,
        comment: comment?,
        header: header?,
        quoting,
        skip: skip?,
        skip_footer: skip_footer?,
        skip_blank: skip_blank?,
        ragged: ragged?,
        trim: trim?,
        line_end: line_end?,
        quoted_lines: quoted_lines?,
    };
    check_characters_differ(&section, options, errors);
    check_unquoted(&section, options, errors);
    if let (true, Some(entry)) = (options.trim && options.delimiter == Delimiter::new(" "), section.get("trim")) {
        entry.error(errors, "`trim` has no effect with `delimiter = \" \"`");
    }
    // Other tools declare a doubled quote as a quote that escapes itself.
    Some(CsvOptions { escape: options.escape.filter(|_| options.escape != options.quote), ..options })
}

/// Parses `quote` and `quoting`. `quote = ""` and `quoting = "none"` mean the same.
fn quotes(section: &TomlTable<'_, '_>, errors: &mut ErrorList<'_>) -> Option<(Option<u8>, Quoting)> {
    let quote = match section.get("quote") {
        None => Some(CsvOptions::default().quote),
        Some(entry) if entry.is_empty_string() => Some(None),
        Some(_) => character(section, "quote", errors),
    };
    let Some(entry) = section.get("quoting") else { return Some((quote?, Quoting::default())) };
    match (entry.choice(&QUOTINGS, errors)?, section.get("quote"), quote?) {
        (Some(quoting), _, quote @ Some(_)) => Some((quote, quoting)),
        (Some(_), _, None) => {
            entry.error(errors, "`quoting` has no effect with `quote = \"\"`");
            None
        }
        (None, Some(quote), Some(_)) => {
            quote.error(errors, "`quote` has no effect with `quoting = \"none\"`");
            None
        }
        (None, _, _) => Some((None, Quoting::default())),
    }
}

/// Rejects options for quotes when fields are not quoted.
fn check_unquoted(section: &TomlTable<'_, '_>, options: CsvOptions, errors: &mut ErrorList<'_>) {
    if options.quote.is_some() {
        return;
    }
    if let Some(entry) = section.get("escape") {
        entry.error(errors, "`escape` has no effect without quotes: it applies inside quotes");
    }
    if let Some(entry) = section.get("quoted_lines") {
        entry.error(errors, "`quoted_lines` has no effect without quotes");
    }
}

fn quoted_lines(section: &TomlTable<'_, '_>, errors: &mut ErrorList<'_>) -> Option<u32> {
    let lines = section.number("quoted_lines", QUOTED_LINES_DEFAULT, errors)?;
    if lines == 0 {
        section.get("quoted_lines")?.error(errors, "expected a number of lines from 1, found 0");
        return None;
    }
    Some(lines)
}

/// Parses the delimiter. The outer `None` is an error, the inner `None` an undeclared key.
fn delimiter(section: &TomlTable<'_, '_>, errors: &mut ErrorList<'_>) -> Option<Option<Delimiter>> {
    let Some(entry) = section.get("delimiter") else { return Some(None) };
    entry.accept(parse_delimiter(entry.string(errors)?), errors).map(Some)
}

fn parse_delimiter(text: &str) -> Result<Delimiter, String> {
    if text.contains(['\n', '\r']) {
        return Err(LINE_END.to_owned());
    }
    if !text.is_empty() && text.chars().all(char::is_alphanumeric) {
        return Err(format!("`{text}` has only letters and digits, which values contain; a tab is written \"\\t\""));
    }
    let is_valid = text.chars().count() <= DELIMITER_CHARS_MAX && !text.contains('\0');
    Delimiter::new(text).filter(|_| is_valid).ok_or_else(|| {
        format!("expected 1 to {DELIMITER_CHARS_MAX} characters, for example \";\" or \"\\t\", found {text:?}")
    })
}

const LINE_END: &str = "a line end always ends the record";

/// Parses one character. The outer `None` is an error, the inner `None` an undeclared key.
fn character(section: &TomlTable<'_, '_>, name: &str, errors: &mut ErrorList<'_>) -> Option<Option<u8>> {
    let Some(entry) = section.get(name) else { return Some(None) };
    entry.accept(ascii(entry.string(errors)?), errors).map(Some)
}

fn ascii(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [b'\n' | b'\r'] => Err(LINE_END.to_owned()),
        [byte] if byte.is_ascii_alphanumeric() => Err(format!("`{text}` is a letter or digit, which values contain")),
        [byte] if byte.is_ascii() && *byte != 0 => Ok(*byte),
        _ => Err(format!("expected one ASCII character, for example \"#\", found {text:?}")),
    }
}

/// Rejects one character with two meanings.
fn check_characters_differ(section: &TomlTable<'_, '_>, options: CsvOptions, errors: &mut ErrorList<'_>) {
    let CsvOptions { delimiter, quote, escape, comment, .. } = options;
    let delimiters = delimiter.map_or(vec![Delimiter::from(b','), Delimiter::from(b'\t')], |delimiter| vec![delimiter]);
    let is_delimiter =
        |byte: Option<u8>| byte.is_some_and(|byte| delimiters.iter().any(|it| it.as_bytes().contains(&byte)));
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
            let reason = match delimiter.filter(|it| other == "delimiter" && it.byte().is_none()) {
                Some(delimiter) => format!("`{name}` is part of the delimiter {delimiter:?}"),
                None => format!("`{name}` and `{other}` are the same character"),
            };
            entry.error(errors, &reason);
        }
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
        let reason = "`extra` has no effect with `evolve = \"add\"`, which adds undeclared columns to the table";
        entry.error(errors, reason);
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

/// Rejects options that need the names of a header when the file has none, or when they are skipped.
pub(super) fn check_without_names(
    dataset: &TomlTable<'_, '_>,
    (has_header, header_match): (bool, HeaderMatch),
    (extra, evolve): (Extra, Evolve),
    columns: Option<&[Column]>,
    errors: &mut ErrorList<'_>,
) {
    let (cause, key) = match (has_header, header_match) {
        (false, _) => ("`csv.header = false`", "csv"),
        (true, HeaderMatch::Position) => ("`header.match = \"position\"`", "header"),
        (true, HeaderMatch::Exact | HeaderMatch::Fold) => return,
    };
    let report = |entry: Option<TomlEntry<'_, '_>>, errors: &mut ErrorList<'_>, reason: &str| {
        if let Some(entry) = entry {
            entry.error(errors, &format!("{reason} with {cause}"));
        }
    };
    if extra != Extra::Reject {
        report(dataset.get("extra"), errors, "`extra` has no effect");
    }
    if evolve != Evolve::Fail {
        report(dataset.get("evolve"), errors, "`evolve` has no effect");
    }
    let Some(columns) = columns else { return };
    if columns.is_empty() {
        report(dataset.get(key), errors, "`columns` is required");
    }
    let is_named = |column: &&Column| column.source == ColumnSource::Header && column.header != column.name.as_str();
    if let Some(column) = columns.iter().find(is_named) {
        report(dataset.get("columns"), errors, &format!("`from` of `{}` has no effect", column.name));
    }
    let has_position = |column: &&Column| matches!(column.source, ColumnSource::Position(_));
    let in_records: Vec<&Column> = columns.iter().filter(|column| column.source.is_in_records()).collect();
    if let (Some(_), Some(without)) =
        (in_records.iter().find(|it| has_position(it)), in_records.iter().find(|it| !has_position(it)))
    {
        let reason = format!("`{}` requires a position, because other columns have one,", without.name);
        report(dataset.get("columns"), errors, &reason);
    }
    if let Some(column) = columns.iter().find(|column| column.optional) {
        report(dataset.get("columns"), errors, &format!("`optional` of `{}` has no effect", column.name));
    }
}
