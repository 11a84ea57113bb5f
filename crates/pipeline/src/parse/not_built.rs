//! The parts of a definition that are not built yet. They are refused, never ignored: a pipeline that seems to run and
//! leaves out its transforms would be worse than one that does not start.

use super::problems::Problems;
use super::section::{Entry, Section};
use crate::WriteMode;

pub(super) const TOP_LEVEL: [&str; 3] = ["run", "transforms", "exports"];

pub(super) const DATASET: [&str; 1] = ["key"];

/// Refuses those of the keys that the section has.
pub(super) fn refuse(section: &Section<'_, '_>, keys: &[&str], problems: &mut Problems<'_>) {
    for entry in keys.iter().filter_map(|key| section.get(key)) {
        entry.refuse_name(problems, &format!("`{}` is not built yet", entry.name));
    }
}

pub(super) fn refuse_write_mode(entry: &Entry<'_, '_>, mode: WriteMode, problems: &mut Problems<'_>) {
    let name = match mode {
        WriteMode::Append => return,
        WriteMode::Replace => "replace",
        WriteMode::Upsert => "upsert",
    };
    entry.refuse(problems, &format!("write = \"{name}\" is not built yet; use \"append\""));
}

/// Columns will be inferred from the dataset's first file.
pub(super) fn refuse_inferred_columns(dataset: &Section<'_, '_>, problems: &mut Problems<'_>) {
    let reason =
        "a dataset without `columns` is not built yet; declare them, as columns.order_id = \"integer not null\"";
    dataset.refuse_missing("columns", problems, reason);
}
