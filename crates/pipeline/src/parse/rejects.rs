//! `rejects`: how many there may be, and where they go beside the database.

use super::error_list::ErrorList;
use super::toml_table::{TomlEntry, TomlTable};
use crate::dataset::LOAD_ID;
use crate::dataset::RejectLimits;
use crate::location::Location;
use crate::template::KeyTemplate;

/// `source` is `None` when something is wrong with it.
pub(super) fn parse(
    dataset: &TomlTable<'_, '_>,
    source: Option<&Location>,
    errors: &mut ErrorList<'_>,
) -> (RejectLimits, Option<KeyTemplate>) {
    let Some(section) = dataset.get("rejects").and_then(|entry| entry.section(errors)) else {
        return (RejectLimits::default(), None);
    };
    section.check_keys(&["max_ratio", "max_rows", "export"], &[], errors);
    let limits = RejectLimits {
        max_rows: section.get("max_rows").and_then(|entry| entry.count(errors)),
        max_ratio: section.get("max_ratio").and_then(|entry| entry.ratio(errors)),
    };
    (limits, section.get("export").and_then(|entry| export(&entry, source, errors)))
}

fn export(entry: &TomlEntry<'_, '_>, source: Option<&Location>, errors: &mut ErrorList<'_>) -> Option<KeyTemplate> {
    let text = entry.string(errors)?;
    if text.starts_with("s3://") {
        entry.error(errors, "rejects go to the curated bucket; only the key is named here");
        return None;
    }
    let template = entry.accept(KeyTemplate::parse(text), errors)?;
    let source = &source?.template;
    if source.text_names().chain(source.time_names()).any(|name| name == LOAD_ID) {
        entry.error(errors, "the source has a {load_id} of its own, and the load's cannot be told from it");
    } else if !template.text_names().any(|name| name == LOAD_ID) {
        entry.error(errors, "without {load_id} one load's rejects would overwrite another's");
    } else if let Some(lack) = template.lacks_from(source, "the source", &[LOAD_ID]) {
        entry.error(errors, &format!("the key cannot be built: {lack}"));
    }
    Some(template)
}
