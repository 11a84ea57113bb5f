use std::time::Duration;

use super::problems::Problems;
use super::section::{Entry, Section};
use super::{columns, csv, key, rejects};
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
    let extra = choice_or_default(section, "extra", &csv::EXTRAS, problems);
    let evolve = choice_or_default(section, "evolve", &csv::EVOLVES, problems);
    let encoding = choice_or_default(section, "encoding", &csv::ENCODINGS, problems);
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

/// One of a few words; the default, also where it is none of them, which is noted then.
fn choice_or_default<T: Clone + Default>(
    section: &Section<'_, '_>,
    name: &str,
    choices: &[(&str, T)],
    problems: &mut Problems<'_>,
) -> T {
    section.get(name).and_then(|entry| entry.choice(choices, problems)).unwrap_or_default()
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
        Some(entry) => entry.string(problems).and_then(|text| entry.accept(parse_wait(text), problems)),
    };
    let location = location(&trigger, problems)?;
    if location.template.text_names().all(|name| name != "status") {
        trigger.refuse(problems, "a trigger's name says {status}, which must be `Succeeded` for the data to load");
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

fn parse_wait(text: &str) -> Result<Duration, String> {
    let refused = || format!("`{text}` is not a duration from 0s to 24h, as 30s, 10m or 2h");
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(refused)?;
    let seconds_per_unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(refused()),
    };
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refused());
    }
    let seconds = number.parse().ok().and_then(|number: u64| number.checked_mul(seconds_per_unit));
    seconds.map(Duration::from_secs).filter(|wait| *wait <= WAIT_MAX).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(parse_wait(text).ok(), expected.map(Duration::from_secs), "{text}");
        };
        check("0s", Some(0));
        check("30s", Some(30));
        check("10m", Some(600));
        check("24h", Some(86_400));
        check("1d", Some(86_400));
        check("86401s", None);
        check("2d", None);
        check("18446744073709551615d", None);
        check("10", None);
        check("m", None);
        check("", None);
        check("-1m", None);
        check("+1m", None);
        check("1.5h", None);
        check("10 m", None);
        check("10µ", None);
    }
}
