//! From the text of a `pipeline.toml` to a [`Definition`], or to everything that is wrong with it.

mod columns;
mod csv;
mod dataset;
mod duration;
mod exports;
mod key;
mod problems;
mod rejects;
mod run;
mod section;
mod transforms;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fmt::Write;

use chrono_tz::{TZ_VARIANTS, Tz};
use sha2::{Digest, Sha256};
use toml::de::DeTable;

use crate::limits::DEFINITION_BYTES_MAX;
use crate::names::check_label;
use crate::nearest::did_you_mean;
use crate::places::Places;
use crate::{Dataset, Definition, DefinitionErrors};

pub(crate) use csv::{ENCODINGS, EVOLVES, EXTRAS};
pub(crate) use key::ON_NEW_VERSION;

use problems::Problems;
use section::Section;

const KEYS: [&str; 6] = ["timezone", "run", "datasets", "transforms", "exports", "notify"];

pub(crate) fn parse(pipeline: &str, file: &str, text: &str) -> Result<Definition, DefinitionErrors> {
    let mut problems = Problems::new(file, text);
    if text.len() > DEFINITION_BYTES_MAX {
        let reason = format!("the file has {} bytes, a definition has at most {DEFINITION_BYTES_MAX}", text.len());
        problems.add(0, "", &reason);
        return Err(problems.into_errors());
    }
    if let Err(error) = check_label(pipeline) {
        problems.add(0, "", &format!("the name of the pipeline's folder: {error}"));
    }
    let (document, syntax_errors) = DeTable::parse_recoverable(text);
    for error in &syntax_errors {
        problems.add_syntax_error(error);
    }
    if !syntax_errors.is_empty() {
        return Err(problems.into_errors());
    }
    let root = Section::root(document.get_ref());
    let definition = Definition {
        pipeline: pipeline.to_owned(),
        timezone: timezone(&root, &mut problems),
        notify_success: notify_success(&root, &mut problems),
        run: run::parse(&root, &mut problems),
        transforms: transforms::parse(&root, &mut problems),
        exports: exports::parse(&root, &mut problems),
        datasets: datasets(&root, &mut problems),
        hash: hash(text),
        declares_runs: ["run", "transforms", "exports"].iter().any(|key| root.get(key).is_some()),
        places: Places::new(file, text, root.places()),
    };
    run::check_datasets(&root, &definition, &mut problems);
    root.refuse_unknown(&KEYS, &[], &mut problems);
    problems.none_or(definition)
}

fn timezone(root: &Section<'_, '_>, problems: &mut Problems<'_>) -> Tz {
    let Some(entry) = root.get("timezone") else { return Tz::UTC };
    let Some(name) = entry.string(problems) else { return Tz::UTC };
    name.parse().unwrap_or_else(|_| {
        let nearest = did_you_mean(name, TZ_VARIANTS.iter().map(|zone| zone.name()));
        entry.refuse(problems, &format!("`{name}` is not an IANA time zone{nearest}"));
        Tz::UTC
    })
}

fn notify_success(root: &Section<'_, '_>, problems: &mut Problems<'_>) -> bool {
    let Some(notify) = root.get("notify").and_then(|entry| entry.section(problems)) else { return true };
    notify.refuse_unknown(&["success"], &[], problems);
    notify.get("success").and_then(|entry| entry.boolean(problems)).unwrap_or(true)
}

fn datasets(root: &Section<'_, '_>, problems: &mut Problems<'_>) -> Vec<Dataset> {
    const NONE: &str = "a pipeline has at least one dataset, as [datasets.orders]";
    let Some(entry) = root.get("datasets") else {
        if !run::follows(root) {
            problems.add(0, "datasets", NONE);
        }
        return Vec::new();
    };
    let Some(section) = entry.section(problems) else { return Vec::new() };
    let mut datasets = Vec::new();
    for entry in section.entries() {
        if let Err(error) = check_label(entry.name) {
            entry.refuse_name(problems, &format!("the dataset's name: {error}"));
        }
        datasets.extend(entry.section(problems).and_then(|section| dataset::parse(&section, problems)));
    }
    if section.is_empty() && !run::follows(root) {
        entry.refuse(problems, NONE);
    }
    datasets
}

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The first text that comes twice.
fn first_double<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = HashSet::new();
    texts.into_iter().find(|text| !seen.insert(*text))
}
