//! Parses the keys of a column that define how a value is read.

use chrono_tz::Tz;

use super::error_list::ErrorList;
use super::timezone;
use super::toml_table::{TomlEntry, TomlTable};
use crate::column::{BooleanWords, NumberFormat, Rounding, ValueFormat, ValueOptions};
use crate::types::ColumnType;
use crate::value_format::{check_value_format, has_offset};

pub(super) const KEYS: [&str; 8] = ["format", "timezone", "round", "decimal", "thousands", "strip", "true", "false"];

/// Parses the options for values of a column of this type. `None` after an error.
pub(super) fn parse(column: &TomlTable<'_, '_>, kind: ColumnType, errors: &mut ErrorList<'_>) -> Option<ValueOptions> {
    let timezone = timezone(column, kind, errors);
    let formats = formats(column, kind, timezone.is_some_and(|timezone| timezone.is_some()), errors);
    if let (Some(Some(_)), Some(formats), Some(entry)) = (timezone, &formats, column.get("timezone"))
        && !formats.is_empty()
        && formats.iter().all(gives_instant)
    {
        entry.error_at_key(errors, "`timezone` has no effect: every `format` gives an instant");
    }
    let round = round(column, kind, errors);
    let number = number(column, kind, errors);
    let boolean_words = boolean_words(column, kind, errors);
    Some(ValueOptions {
        formats: formats?,
        timezone: timezone?,
        round: round?,
        number: number?,
        boolean_words: boolean_words?,
    })
}

/// Returns true if a value in this format needs no time zone.
fn gives_instant(format: &ValueFormat) -> bool {
    match format {
        ValueFormat::Strftime(format) => has_offset(format),
        ValueFormat::Epoch | ValueFormat::EpochMs => true,
        ValueFormat::Excel => false,
    }
}

/// Parses one format or a list of formats.
fn formats(
    column: &TomlTable<'_, '_>,
    kind: ColumnType,
    has_timezone: bool,
    errors: &mut ErrorList<'_>,
) -> Option<Vec<ValueFormat>> {
    let Some(entry) = column.get("format") else { return Some(Vec::new()) };
    let texts = if entry.is_list() { entry.strings(errors)? } else { vec![entry.string(errors)?.to_owned()] };
    if texts.is_empty() {
        entry.error(errors, "expected at least one format");
        return None;
    }
    let check = |text: &String| {
        let format = ValueFormat::of(text);
        check_value_format(kind, &format, has_timezone).map(|()| format)
    };
    texts.iter().map(|text| entry.accept(check(text), errors)).collect()
}

/// The outer `None` is an error, the inner `None` an undeclared key.
fn timezone(column: &TomlTable<'_, '_>, kind: ColumnType, errors: &mut ErrorList<'_>) -> Option<Option<Tz>> {
    let Some(entry) = column.get("timezone") else { return Some(None) };
    applies(&entry, kind == ColumnType::TimestampTz, "timestamptz", kind, errors)?;
    timezone::timezone(&entry, errors).map(Some)
}

fn round(column: &TomlTable<'_, '_>, kind: ColumnType, errors: &mut ErrorList<'_>) -> Option<Rounding> {
    let Some(entry) = column.get("round") else { return Some(Rounding::default()) };
    let has_seconds = matches!(kind, ColumnType::Time | ColumnType::Timestamp | ColumnType::TimestampTz);
    applies(&entry, has_seconds, "time, timestamp and timestamptz", kind, errors)?;
    entry.choice(&Rounding::WORDS, errors)
}

fn number(column: &TomlTable<'_, '_>, kind: ColumnType, errors: &mut ErrorList<'_>) -> Option<NumberFormat> {
    let mut number = NumberFormat::default();
    for key in ["decimal", "thousands", "strip"] {
        if let Some(entry) = column.get(key) {
            applies(&entry, kind.is_number(), "numbers", kind, errors)?;
        }
    }
    if let Some(entry) = column.get("decimal") {
        number.decimal = entry.accept(separator(entry.string(errors)?), errors)?;
    }
    if let Some(entry) = column.get("thousands") {
        number.thousands = Some(entry.accept(separator(entry.string(errors)?), errors)?);
    }
    if let Some(entry) = column.get("strip") {
        number.strip = entry.strings(errors)?;
        if number.strip.is_empty() || number.strip.iter().any(String::is_empty) {
            entry.error(errors, "expected a list of texts that are not empty");
            return None;
        }
        if number.strip.iter().any(|text| text.contains(|c: char| c.is_ascii_digit() || c == number.decimal)) {
            entry.error(errors, "a text to strip must not contain digits or the decimal separator");
            return None;
        }
    }
    if number.thousands == Some(number.decimal)
        && let Some(entry) = column.get("thousands").or_else(|| column.get("decimal"))
    {
        entry.error(errors, &format!("`thousands` and `decimal` are the same character `{}`", number.decimal));
        return None;
    }
    Some(number)
}

/// Parses one character that no number contains otherwise.
fn separator(text: &str) -> Result<char, String> {
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(character), None) if !character.is_alphanumeric() && !['+', '-'].contains(&character) => Ok(character),
        _ => Err(format!("expected one character that is not a letter, a digit or a sign, found {text:?}")),
    }
}

/// The outer `None` is an error, the inner `None` undeclared keys.
fn boolean_words(
    column: &TomlTable<'_, '_>,
    kind: ColumnType,
    errors: &mut ErrorList<'_>,
) -> Option<Option<BooleanWords>> {
    let (yes, no) = match (column.get("true"), column.get("false")) {
        (None, None) => return Some(None),
        (Some(yes), Some(no)) => (yes, no),
        (Some(only), None) | (None, Some(only)) => {
            let other = if only.name == "true" { "false" } else { "true" };
            only.error_at_key(errors, &format!("`{}` requires `{other}`", only.name));
            return None;
        }
    };
    applies(&yes, kind == ColumnType::Boolean, "boolean", kind, errors)?;
    let words = BooleanWords { true_words: yes.strings(errors)?, false_words: no.strings(errors)? };
    for (entry, list) in [(&yes, &words.true_words), (&no, &words.false_words)] {
        if list.is_empty() {
            entry.error(errors, "expected at least one word");
            return None;
        }
    }
    if let Some(word) = words.true_words.iter().find(|word| words.false_words.contains(word)) {
        no.error(errors, &format!("`{word}` is both true and false"));
        return None;
    }
    Some(Some(words))
}

/// Adds an error when the key has no meaning for the column's type.
fn applies(
    entry: &TomlEntry<'_, '_>,
    is_applicable: bool,
    types: &str,
    kind: ColumnType,
    errors: &mut ErrorList<'_>,
) -> Option<()> {
    if !is_applicable {
        entry.error_at_key(errors, &format!("`{}` applies to {types}, not to {}", entry.name, kind.sql()));
    }
    is_applicable.then_some(())
}
