//! Parses `[run]`.

use std::time::Duration;

use super::duration;
use super::error_list::ErrorList;
use super::toml_table::{TomlEntry, TomlTable};
use crate::definition::Definition;
use crate::limits::DEADLINE_MAX;
use crate::names::check_label;
use crate::run::{Again, Per, RunSettings, When};

const KEYS: [&str; 6] = ["when", "per", "deadline", "again", "after", "after_failure"];

const WHENS: [(&str, When); 3] =
    [(When::Each.as_str(), When::Each), (When::Any.as_str(), When::Any), (When::All.as_str(), When::All)];

const PERS: [(&str, Per); 4] = [
    (Per::File.as_str(), Per::File),
    (Per::Hour.as_str(), Per::Hour),
    (Per::Day.as_str(), Per::Day),
    (Per::Month.as_str(), Per::Month),
];

const AGAINS: [(&str, Again); 2] = [(Again::Skip.as_str(), Again::Skip), (Again::Rerun.as_str(), Again::Rerun)];

/// The keys about loads, which do not apply to runs that follow another pipeline.
const LOAD_KEYS: [&str; 4] = ["when", "per", "deadline", "again"];

/// With a shorter deadline a run would fail while its second file is under way.
const DEADLINE_MIN: Duration = Duration::from_secs(1);

/// Parses `[run]`. A setting with an error has its default.
pub(super) fn parse(root: &TomlTable<'_, '_>, errors: &mut ErrorList<'_>) -> RunSettings {
    let Some(section) = root.get("run").and_then(|entry| entry.section(errors)) else { return RunSettings::default() };
    section.check_keys(&KEYS, &[], errors);
    let when = section.get("when").map_or(Some(When::default()), |entry| entry.choice(&WHENS, errors));
    let run = RunSettings {
        when: when.unwrap_or_default(),
        per: section.choice_or_default("per", &PERS, errors),
        deadline: section.get("deadline").and_then(|entry| deadline(&entry, errors)),
        again: section.choice_or_default("again", &AGAINS, errors),
        after: section.get("after").and_then(|entry| pipeline(&entry, errors)),
        after_failure: section.get("after_failure").and_then(|entry| pipeline(&entry, errors)),
    };
    if run.follows() {
        for entry in LOAD_KEYS.iter().filter_map(|key| section.get(key)) {
            let reason = format!("`{}` does not apply to runs that follow another pipeline", entry.name);
            entry.error_at_key(errors, &reason);
        }
    } else if let Some(when) = when {
        check_when(&section, when, errors);
    }
    run
}

/// Returns true if runs follow another pipeline, also when the key has an error. Then no dataset is required.
pub(super) fn follows(root: &TomlTable<'_, '_>) -> bool {
    root.table("run").is_some_and(|run| run.get("after").or_else(|| run.get("after_failure")).is_some())
}

fn deadline(entry: &TomlEntry<'_, '_>, errors: &mut ErrorList<'_>) -> Option<Duration> {
    let text = entry.string(errors)?;
    entry.accept(duration::parse(text, DEADLINE_MIN, DEADLINE_MAX, "30m, 6h or 2d"), errors)
}

fn pipeline(entry: &TomlEntry<'_, '_>, errors: &mut ErrorList<'_>) -> Option<String> {
    let name = entry.string(errors)?;
    entry.accept(check_label(name).map(|()| name.to_owned()), errors)
}

fn check_when(section: &TomlTable<'_, '_>, when: When, errors: &mut ErrorList<'_>) {
    if let Some(entry) = section.get("deadline").filter(|_| when != When::All) {
        let reason = "`deadline` requires `when = \"all\"`";
        entry.error_at_key(errors, reason);
    }
    if let Some(entry) = section.get("again").filter(|_| when == When::Each) {
        let reason = "`again` requires `when = \"all\"` or `when = \"any\"`";
        entry.error_at_key(errors, reason);
    }
}

/// Rejects a run that can never be complete: it waits for loads of one logical time, and a dataset's keys have none.
pub(super) fn check_datasets(root: &TomlTable<'_, '_>, definition: &Definition, errors: &mut ErrorList<'_>) {
    let RunSettings { when: When::All, per: Per::File, .. } = definition.run else { return };
    let Some(datasets) = root.table("datasets").filter(|_| definition.datasets.len() > 1) else { return };
    for dataset in definition.datasets.iter().filter(|dataset| dataset.logical_time.is_none()) {
        if let Some(entry) = datasets.get(&dataset.name) {
            let reason = "the keys have no logical time, which `when = \"all\"` with \
                          `per = \"file\"` requires; add a time to the keys, for example {date:%Y-%m-%d}, or use a longer period, for example `per = \"day\"`";
            entry.error(errors, reason);
        }
    }
}
