use std::time::Duration;

use protocol::FileKind;

use super::columns::FileContext;
use super::error_list::ErrorList;
use super::toml_table::{TomlEntry, TomlTable};
use super::{columns, csv, duration, file_options, key, rejects};
use crate::dataset::{Dataset, StartsOn};
use crate::limits::{WAIT_DEFAULT, WAIT_MAX};
use crate::location::Location;
use crate::logical_time::{self, AmbiguousTime};
use crate::names::{TableName, check_label};
use crate::options::{Evolve, Extra};

const KEYS: [&str; 22] = [
    "source",
    "trigger",
    "wait",
    "logical_time",
    "format",
    "compression",
    "encoding",
    "csv",
    "header",
    "json",
    "null_values",
    "columns",
    "extra",
    "evolve",
    "table",
    "write",
    "key",
    "newer_by",
    "on_new_version",
    "allow_empty",
    "rejects",
    "renamed_from",
];

/// Parses a dataset. `None` after an error in a required part.
pub(super) fn parse(section: &TomlTable<'_, '_>, errors: &mut ErrorList<'_>) -> Option<Dataset> {
    section.check_keys(&KEYS, &[], errors);
    let source_entry = section.required("source", errors);
    let source = source_entry.as_ref().and_then(|entry| location(entry, errors));
    let starts_on = starts_on(section, errors);
    if let (Some(entry), Some(source), Some(starts_on)) = (&source_entry, &source, &starts_on) {
        check_source_of_trigger(entry, source, starts_on, errors);
    }
    let logical_time = logical_time(section, source.as_ref(), starts_on.as_ref(), errors);
    let format = file_options::format(section, errors);
    let file = FileContext {
        source: source.as_ref(),
        format: format.flatten().or_else(|| source.as_ref().and_then(file_options::format_of)),
    };
    let compression = file_options::compression(section, file, errors);
    let table = section.required("table", errors).and_then(|entry| {
        let text = entry.string(errors)?;
        entry.accept(TableName::parse(text), errors)
    });
    let null_values = section.get("null_values").map(|entry| entry.strings(errors).unwrap_or_default());
    let columns = columns::parse(section, file, errors);
    let write = key::write_mode(section, columns.as_deref(), errors);
    let newer_by = key::newer_by(section, write.as_ref(), columns.as_deref(), errors);
    let on_new_version = key::on_new_version(section, write.as_ref(), errors);
    let allow_empty = key::allow_empty(section, write.as_ref(), errors);
    let renamed_from = renamed_from(section, errors);
    let extra = section.choice_or_default("extra", &Extra::WORDS, errors);
    let evolve = section.choice_or_default("evolve", &Evolve::WORDS, errors);
    let encoding = file_options::encoding(section, file, errors);
    let csv = csv::options(section, file, errors);
    let has_header = csv.is_none_or(|csv| csv.header);
    let header_match = file_options::header_match(section, file, has_header, errors);
    let json_records = file_options::json_records(section, file, errors);
    csv::check_extra(section, (extra, evolve), columns.as_deref(), errors);
    let names = (has_header, header_match.unwrap_or_default());
    csv::check_without_names(section, names, (extra, evolve), columns.as_deref(), errors);
    let (rejects, rejects_export) = rejects::parse(section, source.as_ref(), errors);
    Some(Dataset {
        name: section.name.to_owned(),
        starts_on: starts_on?,
        source: source?,
        logical_time,
        format: format?,
        compression: compression?,
        table: table?,
        write: write?,
        newer_by: newer_by?,
        on_new_version: on_new_version?,
        allow_empty: allow_empty?,
        renamed_from: renamed_from?,
        null_values: null_values.unwrap_or_else(|| vec![String::new()]),
        columns: columns?,
        extra,
        evolve,
        encoding: encoding?,
        csv: csv?,
        header_match: header_match?,
        json_records: json_records?,
        rejects,
        rejects_export,
    })
}

/// Parses `renamed_from`. The outer `None` is an error, the inner `None` an undeclared key.
fn renamed_from(section: &TomlTable<'_, '_>, errors: &mut ErrorList<'_>) -> Option<Option<String>> {
    let Some(entry) = section.get("renamed_from") else { return Some(None) };
    let name = entry.string(errors)?;
    entry.accept(check_label(name).map(|()| Some(name.to_owned())), errors)
}

fn location(entry: &TomlEntry<'_, '_>, errors: &mut ErrorList<'_>) -> Option<Location> {
    let text = entry.string(errors)?;
    entry.accept(Location::parse(text), errors)
}

fn starts_on(section: &TomlTable<'_, '_>, errors: &mut ErrorList<'_>) -> Option<StartsOn> {
    let wait = section.get("wait");
    let Some(trigger) = section.get("trigger") else {
        if let Some(wait) = wait {
            wait.error_at_key(errors, "`wait` requires `trigger`");
        }
        return Some(StartsOn::Source);
    };
    let wait = match wait {
        None => Some(WAIT_DEFAULT),
        Some(entry) => {
            let parse = |text| duration::parse(text, Duration::ZERO, WAIT_MAX, "30s, 10m or 2h");
            entry.string(errors).and_then(|text| entry.accept(parse(text), errors))
        }
    };
    let location = location(&trigger, errors)?;
    if location.template.text_names().all(|name| name != "status")
        && !FileKind::is_success_marker(&location.to_string())
    {
        trigger.error(
            errors,
            "the trigger has no status; expected the placeholder {status}, or a name that ends with `_SUCCESS` or \
             `.SUCCESS`",
        );
    }
    Some(StartsOn::Trigger { trigger: location, wait: wait? })
}

/// Returns the placeholder that is the logical time. `None` after an error, and for keys without a time.
fn logical_time(
    section: &TomlTable<'_, '_>,
    source: Option<&Location>,
    starts_on: Option<&StartsOn>,
    errors: &mut ErrorList<'_>,
) -> Option<String> {
    let (role, location) = match starts_on? {
        StartsOn::Source => ("source", source?),
        StartsOn::Trigger { trigger, .. } => ("trigger", trigger),
    };
    if let Some(entry) = section.get("logical_time") {
        let name = entry.string(errors)?;
        let known = logical_time::names(&location.template);
        if known.contains(&name) {
            return Some(name.to_owned());
        }
        let expected = if known.is_empty() {
            format!("the {role} has none")
        } else {
            format!("expected one of {}", known.join(", "))
        };
        entry.error(errors, &format!("`{name}` is not a time of the {role}; {expected}"));
        return None;
    }
    match logical_time::default_name(&location.template) {
        Ok(name) => name.map(str::to_owned),
        Err(AmbiguousTime { names }) => {
            let example = names.first().map_or("", String::as_str);
            let reason = format!(
                "the {role} has several times ({}); set `logical_time`, for example logical_time = \"{example}\"",
                names.join(", ")
            );
            section.get(role)?.error(errors, &reason);
            None
        }
    }
}

/// Checks that the trigger gives every value of the source's key.
fn check_source_of_trigger(
    entry: &TomlEntry<'_, '_>,
    source: &Location,
    starts_on: &StartsOn,
    errors: &mut ErrorList<'_>,
) {
    if let StartsOn::Trigger { trigger, .. } = starts_on
        && let Some(missing) = source.template.missing_from(&trigger.template, "the trigger", &[])
    {
        entry.error(errors, &format!("cannot build the source's key from the trigger: {missing}"));
    }
}
