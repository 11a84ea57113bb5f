//! Parses `write`, `key` and `on_new_version`.

use super::duplicate::first_duplicate;
use super::error_list::ErrorList;
use super::toml_table::{TomlEntry, TomlTable};
use crate::column::Column;
use crate::dataset::{OnNewVersion, WriteMode};
use crate::limits::KEY_COLUMNS_MAX;
use crate::names::ColumnName;
use crate::nearest::did_you_mean;

const WRITE_MODES: [(&str, WriteMode); 3] =
    [("append", WriteMode::Append), ("replace", WriteMode::Replace), ("upsert", WriteMode::Upsert { key: Vec::new() })];

/// Parses `write` and `key`. `columns` is `None` when they have an error; then the key is not checked against them.
pub(super) fn write_mode(
    dataset: &TomlTable<'_, '_>,
    columns: Option<&[Column]>,
    errors: &mut ErrorList<'_>,
) -> Option<WriteMode> {
    let write = dataset.get("write");
    let mode = match &write {
        None => WriteMode::default(),
        Some(entry) => entry.choice(&WRITE_MODES, errors)?,
    };
    match (mode, dataset.get("key"), write) {
        (WriteMode::Upsert { .. }, Some(entry), _) => Some(WriteMode::Upsert { key: key(&entry, columns, errors)? }),
        (WriteMode::Upsert { .. }, None, Some(write)) => {
            write.error(errors, "`write = \"upsert\"` requires `key`, for example key = [\"order_id\"]");
            None
        }
        (mode, Some(entry), _) => {
            entry.error_at_key(errors, "`key` requires `write = \"upsert\"`");
            Some(mode)
        }
        (mode, None, _) => Some(mode),
    }
}

/// Parses `newer_by`. The outer `None` is an error, the inner `None` an undeclared key.
pub(super) fn newer_by(
    dataset: &TomlTable<'_, '_>,
    write: Option<&WriteMode>,
    columns: Option<&[Column]>,
    errors: &mut ErrorList<'_>,
) -> Option<Option<ColumnName>> {
    let Some(entry) = dataset.get("newer_by") else { return Some(None) };
    let name = entry.string(errors)?;
    let Some(WriteMode::Upsert { key }) = write else {
        if write.is_some() {
            entry.error_at_key(errors, "`newer_by` requires `write = \"upsert\"`");
        }
        return None;
    };
    if key.iter().any(|column| column.as_str() == name) {
        entry.error(errors, &format!("`{name}` is a column of the key, so rows with one key have the same value"));
        return None;
    }
    let column = declared_column(name, columns?).map(|column| Some(column.name.clone()));
    entry.accept(column, errors)
}

/// Parses `allow_empty`.
pub(super) fn allow_empty(
    dataset: &TomlTable<'_, '_>,
    write: Option<&WriteMode>,
    errors: &mut ErrorList<'_>,
) -> Option<bool> {
    if let (Some(entry), Some(WriteMode::Append | WriteMode::Upsert { .. })) = (dataset.get("allow_empty"), write) {
        entry.error_at_key(errors, "`allow_empty` requires `write = \"replace\"`");
    }
    dataset.flag("allow_empty", errors)
}

/// Parses `on_new_version`.
pub(super) fn on_new_version(
    dataset: &TomlTable<'_, '_>,
    write: Option<&WriteMode>,
    errors: &mut ErrorList<'_>,
) -> Option<OnNewVersion> {
    let Some(entry) = dataset.get("on_new_version") else {
        return Some(write.map(WriteMode::on_new_version).unwrap_or_default());
    };
    let chosen = entry.choice(&OnNewVersion::WORDS, errors)?;
    if chosen == OnNewVersion::Append && write == Some(&WriteMode::Replace) {
        entry.error(errors, "`append` has no effect with `write = \"replace\"`, which keeps the rows of one file only");
    }
    Some(chosen)
}

fn key(entry: &TomlEntry<'_, '_>, columns: Option<&[Column]>, errors: &mut ErrorList<'_>) -> Option<Vec<ColumnName>> {
    let names = entry.strings(errors)?;
    if names.is_empty() || names.len() > KEY_COLUMNS_MAX {
        entry.error(errors, &format!("expected 1 to {KEY_COLUMNS_MAX} columns, found {}", names.len()));
    }
    if let Some(name) = first_duplicate(names.iter().map(String::as_str)) {
        entry.error(errors, &format!("the key contains `{name}` twice"));
    }
    let columns = columns?;
    if columns.is_empty() {
        entry.error(errors, "`key` requires declared columns");
        return None;
    }
    names.iter().map(|name| entry.accept(key_column(name, columns), errors)).collect()
}

fn declared_column<'a>(name: &str, columns: &'a [Column]) -> Result<&'a Column, String> {
    columns.iter().find(|column| column.name.as_str() == name).ok_or_else(|| {
        let nearest = did_you_mean(name, columns.iter().map(|column| column.name.as_str()));
        format!("`{name}` is not a column of the dataset{nearest}")
    })
}

fn key_column(name: &str, columns: &[Column]) -> Result<ColumnName, String> {
    let column = declared_column(name, columns)?;
    if column.not_null {
        Ok(column.name.clone())
    } else {
        let kind = column.kind.declared();
        Err(format!("`{name}` may be NULL; a column of the key must be declared as \"{kind} not null\""))
    }
}
