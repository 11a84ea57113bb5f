//! `write`, and the `key` that one of its modes needs.

use super::first_double;
use super::problems::Problems;
use super::section::{Entry, Section};
use crate::limits::KEY_COLUMNS_MAX;
use crate::nearest::did_you_mean;
use crate::{Column, ColumnName, OnNewVersion, WriteMode};

const WRITE_MODES: [(&str, WriteMode); 3] =
    [("append", WriteMode::Append), ("replace", WriteMode::Replace), ("upsert", WriteMode::Upsert { key: Vec::new() })];

pub(crate) const ON_NEW_VERSION: [(&str, OnNewVersion); 3] =
    [("replace", OnNewVersion::Replace), ("append", OnNewVersion::Append), ("ignore", OnNewVersion::Ignore)];

/// `columns` is `None` when something is wrong with them, and the key cannot be held against them.
pub(super) fn write_mode(
    dataset: &Section<'_, '_>,
    columns: Option<&[Column]>,
    problems: &mut Problems<'_>,
) -> Option<WriteMode> {
    let write = dataset.get("write");
    let mode = match &write {
        None => WriteMode::default(),
        Some(entry) => entry.choice(&WRITE_MODES, problems)?,
    };
    match (mode, dataset.get("key"), write) {
        (WriteMode::Upsert { .. }, Some(entry), _) => Some(WriteMode::Upsert { key: key(&entry, columns, problems)? }),
        (WriteMode::Upsert { .. }, None, Some(write)) => {
            write.refuse(problems, "\"upsert\" needs to know by what a row is known, as key = [\"order_id\"]");
            None
        }
        (mode, Some(entry), _) => {
            entry.refuse_name(problems, "`key` is for write = \"upsert\"");
            Some(mode)
        }
        (mode, None, _) => Some(mode),
    }
}

pub(super) fn on_new_version(
    dataset: &Section<'_, '_>,
    write: Option<&WriteMode>,
    problems: &mut Problems<'_>,
) -> Option<OnNewVersion> {
    let Some(entry) = dataset.get("on_new_version") else { return Some(OnNewVersion::default()) };
    let chosen = entry.choice(&ON_NEW_VERSION, problems)?;
    if chosen == OnNewVersion::Append && write == Some(&WriteMode::Replace) {
        entry.refuse(problems, "with write = \"replace\" the table becomes the file, and keeps no rows to append to");
    }
    Some(chosen)
}

fn key(entry: &Entry<'_, '_>, columns: Option<&[Column]>, problems: &mut Problems<'_>) -> Option<Vec<ColumnName>> {
    let names = entry.strings(problems)?;
    if names.is_empty() || names.len() > KEY_COLUMNS_MAX {
        entry.refuse(problems, &format!("a key has 1 to {KEY_COLUMNS_MAX} columns, this one has {}", names.len()));
    }
    if let Some(name) = first_double(names.iter().map(String::as_str)) {
        entry.refuse(problems, &format!("`{name}` is in the key twice"));
    }
    let columns = columns?;
    if columns.is_empty() {
        entry.refuse(problems, "a key is of declared columns, and this dataset has its columns inferred");
        return None;
    }
    names.iter().map(|name| entry.accept(key_column(name, columns), problems)).collect()
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
