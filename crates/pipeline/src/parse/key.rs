//! `write`, and the `key` that one of its modes needs.

use super::duplicate::first_duplicate;
use super::error_list::ErrorList;
use super::toml_table::{TomlEntry, TomlTable};
use crate::dataset::{Column, OnNewVersion, WriteMode};
use crate::limits::KEY_COLUMNS_MAX;
use crate::names::ColumnName;
use crate::nearest::did_you_mean;

const WRITE_MODES: [(&str, WriteMode); 3] =
    [("append", WriteMode::Append), ("replace", WriteMode::Replace), ("upsert", WriteMode::Upsert { key: Vec::new() })];

/// `columns` is `None` when something is wrong with them, and the key cannot be held against them.
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
            write.error(errors, "\"upsert\" needs to know by what a row is known, as key = [\"order_id\"]");
            None
        }
        (mode, Some(entry), _) => {
            entry.error_at_key(errors, "`key` is for write = \"upsert\"");
            Some(mode)
        }
        (mode, None, _) => Some(mode),
    }
}

pub(super) fn on_new_version(
    dataset: &TomlTable<'_, '_>,
    write: Option<&WriteMode>,
    errors: &mut ErrorList<'_>,
) -> Option<OnNewVersion> {
    let Some(entry) = dataset.get("on_new_version") else { return Some(OnNewVersion::default()) };
    let chosen = entry.choice(&OnNewVersion::WORDS, errors)?;
    if chosen == OnNewVersion::Append && write == Some(&WriteMode::Replace) {
        entry.error(errors, "with write = \"replace\" the table becomes the file, and keeps no rows to append to");
    }
    Some(chosen)
}

fn key(entry: &TomlEntry<'_, '_>, columns: Option<&[Column]>, errors: &mut ErrorList<'_>) -> Option<Vec<ColumnName>> {
    let names = entry.strings(errors)?;
    if names.is_empty() || names.len() > KEY_COLUMNS_MAX {
        entry.error(errors, &format!("a key has 1 to {KEY_COLUMNS_MAX} columns, this one has {}", names.len()));
    }
    if let Some(name) = first_duplicate(names.iter().map(String::as_str)) {
        entry.error(errors, &format!("`{name}` is in the key twice"));
    }
    let columns = columns?;
    if columns.is_empty() {
        entry.error(errors, "a key is of declared columns, and this dataset has its columns inferred");
        return None;
    }
    names.iter().map(|name| entry.accept(key_column(name, columns), errors)).collect()
}

fn key_column(name: &str, columns: &[Column]) -> Result<ColumnName, String> {
    let Some(column) = columns.iter().find(|column| column.name.as_str() == name) else {
        let nearest = did_you_mean(name, columns.iter().map(|column| column.name.as_str()));
        return Err(format!("`{name}` is not a column of the dataset{nearest}"));
    };
    if column.not_null {
        Ok(column.name.clone())
    } else {
        let kind = column.kind.declared();
        Err(format!("`{name}` may be NULL, which equals no other key; declare it as \"{kind} not null\""))
    }
}
