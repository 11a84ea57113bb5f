//! `rejects`: how many there may be, and where they go beside the database.

use super::problems::Problems;
use super::section::{Entry, Section};
use crate::definition::LOAD_ID;
use crate::{KeyTemplate, Location, RejectLimits};

/// `source` is `None` when something is wrong with it.
pub(super) fn parse(
    dataset: &Section<'_, '_>,
    source: Option<&Location>,
    problems: &mut Problems<'_>,
) -> (RejectLimits, Option<KeyTemplate>) {
    let Some(section) = dataset.get("rejects").and_then(|entry| entry.section(problems)) else {
        return (RejectLimits::default(), None);
    };
    section.refuse_unknown(&["max_ratio", "max_rows", "export"], &[], problems);
    let limits = RejectLimits {
        max_rows: section.get("max_rows").and_then(|entry| entry.count(problems)),
        max_ratio: section.get("max_ratio").and_then(|entry| entry.ratio(problems)),
    };
    (limits, section.get("export").and_then(|entry| export(&entry, source, problems)))
}

fn export(entry: &Entry<'_, '_>, source: Option<&Location>, problems: &mut Problems<'_>) -> Option<KeyTemplate> {
    let text = entry.string(problems)?;
    if text.starts_with("s3://") {
        entry.refuse(problems, "rejects go to the curated bucket; only the key is named here");
        return None;
    }
    let template = entry.accept(KeyTemplate::parse(text), problems)?;
    let source = &source?.template;
    if source.text_names().chain(source.time_names()).any(|name| name == LOAD_ID) {
        entry.refuse(problems, "the source has a {load_id} of its own, and the load's cannot be told from it");
    } else if !template.text_names().any(|name| name == LOAD_ID) {
        entry.refuse(problems, "without {load_id} one load's rejects would overwrite another's");
    } else if let Some(lack) = template.lacks_from(source, "the source", &[LOAD_ID]) {
        entry.refuse(problems, &format!("the key cannot be built: {lack}"));
    }
    Some(template)
}
