//! From the text of a `pipeline.toml` to a [`Definition`], or to every error in it.

use std::fmt::Write;

use chrono_tz::Tz;
use sha2::{Digest, Sha256};
use toml::de::DeTable;

use super::error_list::ErrorList;
use super::toml_table::TomlTable;
use super::{dataset, exports, run, timezone, transforms};
use crate::dataset::Dataset;
use crate::definition::Definition;
use crate::errors::DefinitionErrors;
use crate::key_lines::KeyLines;
use crate::limits::DEFINITION_BYTES_MAX;
use crate::names::check_label;

const KEYS: [&str; 6] = ["timezone", "run", "datasets", "transforms", "exports", "notify"];

impl Definition {
    /// Parses and checks a definition, and returns all errors together. `pipeline` is the name of its folder; `file` is
    /// for messages only.
    pub fn parse(pipeline: &str, file: &str, text: &str) -> Result<Self, DefinitionErrors> {
        let mut errors = ErrorList::new(file, text);
        if text.len() > DEFINITION_BYTES_MAX {
            let reason = format!("the file has {} bytes; a definition has at most {DEFINITION_BYTES_MAX}", text.len());
            errors.add(0, "", &reason);
            return Err(errors.into_errors());
        }
        if let Err(error) = check_label(pipeline) {
            errors.add(0, "", &format!("the name of the pipeline's folder: {error}"));
        }
        let (document, syntax_errors) = DeTable::parse_recoverable(text);
        for error in &syntax_errors {
            errors.add_syntax_error(error);
        }
        if !syntax_errors.is_empty() {
            return Err(errors.into_errors());
        }
        let root = TomlTable::root(document.get_ref());
        let definition = Self {
            pipeline: pipeline.to_owned(),
            timezone: timezone(&root, &mut errors),
            notify_success: notify_success(&root, &mut errors),
            run: run::parse(&root, &mut errors),
            transforms: transforms::parse(&root, &mut errors),
            exports: exports::parse(&root, &mut errors),
            datasets: datasets(&root, &mut errors),
            hash: hash(text),
            declares_runs: ["run", "transforms", "exports"].iter().any(|key| root.get(key).is_some()),
            key_lines: KeyLines::new(file, text, root.key_positions()),
        };
        run::check_datasets(&root, &definition, &mut errors);
        root.check_keys(&KEYS, &[], &mut errors);
        errors.into_result(definition)
    }
}

fn timezone(root: &TomlTable<'_, '_>, errors: &mut ErrorList<'_>) -> Tz {
    let Some(entry) = root.get("timezone") else { return Tz::UTC };
    timezone::timezone(&entry, errors).unwrap_or(Tz::UTC)
}

fn notify_success(root: &TomlTable<'_, '_>, errors: &mut ErrorList<'_>) -> bool {
    let Some(notify) = root.get("notify").and_then(|entry| entry.section(errors)) else { return true };
    notify.check_keys(&["success"], &[], errors);
    notify.get("success").and_then(|entry| entry.boolean(errors)).unwrap_or(true)
}

fn datasets(root: &TomlTable<'_, '_>, errors: &mut ErrorList<'_>) -> Vec<Dataset> {
    const NONE: &str = "a pipeline requires at least one dataset, for example [datasets.orders]";
    let Some(entry) = root.get("datasets") else {
        if !run::follows(root) {
            errors.add(0, "datasets", NONE);
        }
        return Vec::new();
    };
    let Some(section) = entry.section(errors) else { return Vec::new() };
    let mut datasets = Vec::new();
    for entry in section.entries() {
        if let Err(error) = check_label(entry.name) {
            entry.error_at_key(errors, &format!("the dataset's name: {error}"));
        }
        datasets.extend(entry.section(errors).and_then(|section| dataset::parse(&section, errors)));
    }
    check_renames(&section, &datasets, errors);
    if section.is_empty() && !run::follows(root) {
        entry.error(errors, NONE);
    }
    datasets
}

/// Checks that each `renamed_from` is the earlier name of one dataset, and no present name.
fn check_renames(section: &TomlTable<'_, '_>, datasets: &[Dataset], errors: &mut ErrorList<'_>) {
    for (index, dataset) in datasets.iter().enumerate() {
        let Some(earlier) = &dataset.renamed_from else { continue };
        let Some(entry) = section.table(&dataset.name).and_then(|table| table.get("renamed_from")) else { continue };
        if datasets.iter().any(|known| known.name == *earlier) {
            entry.error(errors, &format!("`{earlier}` is the name of a dataset in this definition"));
        } else if datasets.iter().take(index).any(|known| known.renamed_from.as_ref() == Some(earlier)) {
            entry.error(errors, &format!("two datasets have the earlier name `{earlier}`"));
        }
    }
}

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
