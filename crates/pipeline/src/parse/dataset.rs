use std::time::Duration;

use protocol::FileKind;

use super::problems::Problems;
use super::section::{Entry, Section};
use super::{columns, csv, duration, key, rejects};
use crate::limits::{WAIT_DEFAULT, WAIT_MAX};
use crate::{Dataset, Location, Start, TableName};

const KEYS: [&str; 14] = [
    "source",
    "trigger",
    "wait",
    "table",
    "write",
    "key",
    "on_new_version",
    "null_values",
    "columns",
    "extra",
    "evolve",
    "encoding",
    "csv",
    "rejects",
];

/// `None` when a part that everything else needs is wrong; that is noted then.
pub(super) fn parse(section: &Section<'_, '_>, problems: &mut Problems<'_>) -> Option<Dataset> {
    section.refuse_unknown(&KEYS, &[], problems);
    let source_entry = section.required("source", problems);
    let source = source_entry.as_ref().and_then(|entry| location(entry, problems));
    let start = start(section, problems);
    if let (Some(entry), Some(source), Some(start)) = (&source_entry, &source, &start) {
        check_source_of_trigger(entry, source, start, problems);
    }
    let table = section.required("table", problems).and_then(|entry| {
        let text = entry.string(problems)?;
        entry.accept(TableName::parse(text), problems)
    });
    let null_values = section.get("null_values").map(|entry| entry.strings(problems).unwrap_or_default());
    let columns = columns::parse(section, problems);
    let write = key::write_mode(section, columns.as_deref(), problems);
    let on_new_version = key::on_new_version(section, write.as_ref(), problems);
    let extra = section.choice_or_default("extra", &csv::EXTRAS, problems);
    let evolve = section.choice_or_default("evolve", &csv::EVOLVES, problems);
    let encoding = section.choice_or_default("encoding", &csv::ENCODINGS, problems);
    let csv = csv::options(section, source.as_ref(), problems);
    csv::check_encoding(section, source.as_ref(), problems);
    csv::check_extra(section, (extra, evolve), columns.as_deref(), problems);
    if csv.is_some_and(|csv| !csv.header) {
        csv::check_headerless(section, (extra, evolve), columns.as_deref(), problems);
    }
    let (rejects, rejects_export) = rejects::parse(section, source.as_ref(), problems);
    Some(Dataset {
        name: section.name.to_owned(),
        start: start?,
        source: source?,
        table: table?,
        write: write?,
        on_new_version: on_new_version?,
        null_values: null_values.unwrap_or_else(|| vec![String::new()]),
        columns: columns?,
        extra,
        evolve,
        encoding,
        csv: csv?,
        rejects,
        rejects_export,
    })
}

fn location(entry: &Entry<'_, '_>, problems: &mut Problems<'_>) -> Option<Location> {
    let text = entry.string(problems)?;
    entry.accept(Location::parse(text), problems)
}

fn start(section: &Section<'_, '_>, problems: &mut Problems<'_>) -> Option<Start> {
    let wait = section.get("wait");
    let Some(trigger) = section.get("trigger") else {
        if let Some(wait) = wait {
            wait.refuse_name(problems, "`wait` is for a dataset with a `trigger`; this one starts on its source");
        }
        return Some(Start::Source);
    };
    let wait = match wait {
        None => Some(WAIT_DEFAULT),
        Some(entry) => {
            let parse = |text| duration::parse(text, Duration::ZERO, WAIT_MAX, "30s, 10m or 2h");
            entry.string(problems).and_then(|text| entry.accept(parse(text), problems))
        }
    };
    let location = location(&trigger, problems)?;
    if location.template.text_names().all(|name| name != "status")
        && !FileKind::is_success_marker(&location.to_string())
    {
        trigger.refuse(
            problems,
            "a trigger's name says {status}, which must be `Succeeded` for the data to load, or ends in `_SUCCESS` or \
             `.SUCCESS`",
        );
    }
    Some(Start::Trigger { trigger: location, wait: wait? })
}

/// A trigger names exactly one data file, so its name must say all that the file's key is made of.
fn check_source_of_trigger(entry: &Entry<'_, '_>, source: &Location, start: &Start, problems: &mut Problems<'_>) {
    if let Start::Trigger { trigger, .. } = start
        && let Some(lack) = source.template.lacks_from(&trigger.template, "the trigger", &[])
    {
        entry.refuse(problems, &format!("the source's key cannot be built from the trigger: {lack}"));
    }
}
