//! Parses `rejects`.

use super::error_list::ErrorList;
use super::toml_table::{TomlEntry, TomlTable};
use crate::dataset::LOAD_ID;
use crate::dataset::RejectLimits;
use crate::location::Location;
use crate::template::KeyTemplate;

/// Parses the limits and the template of the export. `source` is `None` when it has an error.
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
        max_ratio: section.get("max_ratio").map_or(RejectLimits::default().max_ratio, |entry| entry.ratio(errors)),
    };
    (limits, section.get("export").and_then(|entry| export(&entry, source, errors)))
}

fn export(entry: &TomlEntry<'_, '_>, source: Option<&Location>, errors: &mut ErrorList<'_>) -> Option<KeyTemplate> {
    let text = entry.string(errors)?;
    if text.starts_with("s3://") {
        entry.error(errors, "expected a key of the curated bucket, without s3://");
        return None;
    }
    let template = entry.accept(KeyTemplate::parse(text), errors)?;
    let source = &source?.template;
    if source.text_names().chain(source.time_names()).any(|name| name == LOAD_ID) {
        entry.error(errors, "{load_id} is the number of the load here; rename the placeholder {load_id} of the source");
    } else if !template.text_names().any(|name| name == LOAD_ID) {
        entry.error(errors, "the key requires {load_id}, or loads would overwrite each other's rejects");
    } else if let Some(missing) = template.missing_from(source, "the source", &[LOAD_ID]) {
        entry.error(errors, &format!("cannot build the key: {missing}"));
    }
    Some(template)
}
