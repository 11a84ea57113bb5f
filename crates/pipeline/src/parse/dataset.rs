use std::time::Duration;

use super::columns;
use super::not_built;
use super::problems::Problems;
use super::section::{Entry, Section};
use crate::limits::{WAIT_DEFAULT, WAIT_MAX};
use crate::nearest::did_you_mean;
use crate::{Dataset, Location, OnNewVersion, RejectLimits, Start, TableName, WriteMode};

const KEYS: [&str; 9] =
    ["source", "trigger", "wait", "table", "write", "on_new_version", "null_values", "columns", "rejects"];

/// `None` when a part that everything else needs is wrong; that is noted then.
pub(super) fn parse(section: &Section<'_, '_>, problems: &mut Problems<'_>) -> Option<Dataset> {
    not_built::refuse(section, &not_built::DATASET, problems);
    section.refuse_unknown(&KEYS, &not_built::DATASET, problems);
    let source_entry = section.required("source", problems);
    let source = source_entry.as_ref().and_then(|entry| location(entry, problems));
    let start = start(section, problems);
    let table = section.required("table", problems).and_then(|entry| {
        let text = entry.string(problems)?;
        entry.accept(TableName::parse(text), problems)
    });
    let write = choice(section.get("write"), &WRITE_MODES, WriteMode::Append, problems);
    if let Some(entry) = section.get("write") {
        not_built::refuse_write_mode(&entry, write, problems);
    }
    let on_new_version = choice(section.get("on_new_version"), &ON_NEW_VERSION, OnNewVersion::Replace, problems);
    let null_values = section.get("null_values").and_then(|entry| entry.strings(problems));
    let columns = columns::parse(section, problems);
    let rejects = rejects(section, problems);
    if let (Some(entry), Some(source), Some(start)) = (&source_entry, &source, &start) {
        check_source_of_trigger(entry, source, start, problems);
    }
    Some(Dataset {
        name: section.name.to_owned(),
        start: start?,
        source: source?,
        table: table?,
        write,
        on_new_version,
        null_values: null_values.unwrap_or_else(|| vec![String::new()]),
        columns,
        rejects,
    })
}

const WRITE_MODES: [(&str, WriteMode); 3] =
    [("append", WriteMode::Append), ("replace", WriteMode::Replace), ("upsert", WriteMode::Upsert)];

const ON_NEW_VERSION: [(&str, OnNewVersion); 3] =
    [("replace", OnNewVersion::Replace), ("append", OnNewVersion::Append), ("ignore", OnNewVersion::Ignore)];

/// One of a few words.
fn choice<T: Copy>(entry: Option<Entry<'_, '_>>, choices: &[(&str, T)], default: T, problems: &mut Problems<'_>) -> T {
    let Some(entry) = entry else { return default };
    let Some(text) = entry.string(problems) else { return default };
    match choices.iter().find(|(word, _)| *word == text) {
        Some((_, value)) => *value,
        None => {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            let nearest = did_you_mean(text, words.iter().copied());
            entry.refuse(problems, &format!("`{text}` is none of {}{nearest}", words.join(", ")));
            default
        }
    }
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
        && let Some(lack) = source.template.lacks_from(&trigger.template)
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

fn rejects(dataset: &Section<'_, '_>, problems: &mut Problems<'_>) -> RejectLimits {
    let Some(section) = dataset.get("rejects").and_then(|entry| entry.section(problems)) else {
        return RejectLimits::default();
    };
    section.refuse_unknown(&["max_ratio", "max_rows"], &[], problems);
    RejectLimits {
        max_rows: section.get("max_rows").and_then(|entry| entry.count(problems)),
        max_ratio: section.get("max_ratio").and_then(|entry| entry.ratio(problems)),
    }
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
