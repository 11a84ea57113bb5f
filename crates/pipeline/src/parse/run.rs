//! `[run]`: which loads make a run.

use std::time::Duration;

use super::duration;
use super::error_list::ErrorList;
use super::toml_table::{TomlEntry, TomlTable};
use crate::dataset::{Dataset, StartsOn};
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

/// Those that say which loads make a set, which another pipeline's run is not.
const OF_SETS: [&str; 4] = ["when", "per", "deadline", "again"];

/// Shorter ones fail sets whose second file is on its way.
const DEADLINE_MIN: Duration = Duration::from_secs(1);

/// What is wrong is noted, and as if not declared.
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
        for entry in OF_SETS.iter().filter_map(|key| section.get(key)) {
            let reason = format!("`{}` is about loads, and these runs follow another pipeline's", entry.name);
            entry.error_at_key(errors, &reason);
        }
    } else if let Some(when) = when {
        check_when(&section, when, errors);
    }
    run
}

/// Whether runs follow another pipeline's, so that no dataset is needed; also when that is wrongly written.
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
        let reason = "a deadline is for when = \"all\": nothing else waits for a dataset";
        entry.error_at_key(errors, reason);
    }
    if let Some(entry) = section.get("again").filter(|_| when == When::Each) {
        let reason = "`again` is for when = \"all\" and \"any\": here every load is a run of its own";
        entry.error_at_key(errors, reason);
    }
}

/// Refuses a set that can never be complete: loads of exactly the same logical time, of a dataset whose keys tell none.
pub(super) fn check_datasets(root: &TomlTable<'_, '_>, definition: &Definition, errors: &mut ErrorList<'_>) {
    let RunSettings { when: When::All, per: Per::File, .. } = definition.run else { return };
    let Some(datasets) = root.table("datasets").filter(|_| definition.datasets.len() > 1) else { return };
    for dataset in definition.datasets.iter().filter(|dataset| !tells_time(dataset)) {
        if let Some(entry) = datasets.get(&dataset.name) {
            let reason = "its keys tell no logical time ({date} or {scheduled}), and with when = \"all\" and per = \"file\" \
                          the set is complete when all datasets have the same; say per = \"day\", or as it is";
            entry.error(errors, reason);
        }
    }
}

fn tells_time(dataset: &Dataset) -> bool {
    let template = match &dataset.starts_on {
        StartsOn::Source => &dataset.source.template,
        StartsOn::Trigger { trigger, .. } => &trigger.template,
    };
    template.time_names().any(|name| name == "date" || name == "scheduled")
}
