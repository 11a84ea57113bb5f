//! `[[exports]]`: what is written when the transforms are committed, and where to.

use super::problems::Problems;
use super::section::{Entry, Section};
use crate::nearest::did_you_mean;
use crate::run::{RUN_DATE, RUN_ID};
use crate::sql::Statement;
use crate::{Export, ExportFormat, Exported, KeyTemplate, TableName, TemplateError};

/// What `{run_date}` stands for.
const RUN_DAY: &str = "{run_date:%Y-%m-%d}";

/// In the order of the file; those that are wrong are left out.
pub(super) fn parse(root: &Section<'_, '_>, problems: &mut Problems<'_>) -> Vec<Export> {
    let sections = root.get("exports").map(|entry| entry.sections(problems)).unwrap_or_default();
    let mut exports: Vec<Export> = Vec::new();
    for section in sections {
        section.refuse_unknown(&["table", "query", "to"], &[], problems);
        let what = what(&section, problems);
        let Some(entry) = section.required("to", problems) else { continue };
        let Some((to, format)) = to(&entry, problems) else { continue };
        let Some(export) = what.map(|what| Export { what, to, format }) else { continue };
        if let Some(key) = exports.iter().find_map(|earlier| export.same_key(earlier)) {
            entry.refuse(problems, &format!("another export is written to the same key, as {key:?}"));
        }
        exports.push(export);
    }
    exports
}

fn what(section: &Section<'_, '_>, problems: &mut Problems<'_>) -> Option<Exported> {
    match (section.get("table"), section.get("query")) {
        (Some(entry), None) => {
            let text = entry.string(problems)?;
            entry.accept(TableName::parse(text), problems).map(Exported::Table)
        }
        (None, Some(entry)) => {
            let text = entry.string(problems)?;
            entry.accept(Statement::query(text), problems).map(|_| Exported::Query(text.to_owned()))
        }
        (Some(_), Some(entry)) => {
            entry.refuse_name(problems, "an export is of a `table` or of a `query`, not of both");
            None
        }
        (None, None) => {
            section.refuse_missing("table", problems, "an export is of a `table` or of a `query`");
            None
        }
    }
}

fn to(entry: &Entry<'_, '_>, problems: &mut Problems<'_>) -> Option<(KeyTemplate, ExportFormat)> {
    let text = entry.string(problems)?;
    if text.starts_with("s3://") {
        entry.refuse(problems, "exports go to the curated bucket; only the key is named here");
        return None;
    }
    let format = entry.accept(format(text), problems);
    let template = KeyTemplate::parse(&text.replace("{run_date}", RUN_DAY)).map_err(|error| match error {
        TemplateError::FormatMissing(name) => unknown(name),
        error => error.to_string(),
    });
    let template = entry.accept(template, problems)?;
    entry.accept(check_names(&template), problems)?;
    Some((template, format?))
}

fn format(key: &str) -> Result<ExportFormat, String> {
    if key.ends_with(".csv") {
        Ok(ExportFormat::Csv)
    } else if key.ends_with(".parquet") {
        Ok(ExportFormat::Parquet)
    } else if key.ends_with(".csv.gz") || key.ends_with(".csv.zst") {
        Err("exports are not compressed; a key ends in .csv or .parquet".to_owned())
    } else {
        Err("an export's key ends in .csv or .parquet, which says how it is written".to_owned())
    }
}

fn check_names(template: &KeyTemplate) -> Result<(), String> {
    if template.has_star() {
        return Err("the key cannot be built: it has `*` in it".to_owned());
    }
    if template.time_names().any(|name| name == RUN_ID) {
        return Err("`{run_id}` is a number and takes no format".to_owned());
    }
    let mut names = template.text_names().chain(template.time_names());
    names.find(|name| ![RUN_DATE, RUN_ID].contains(name)).map_or(Ok(()), |name| Err(unknown(name)))
}

fn unknown(name: &str) -> String {
    let nearest = did_you_mean(name, [RUN_DATE, RUN_ID]);
    let nearest = if nearest.is_empty() { "; known are {run_date} and {run_id}".to_owned() } else { nearest };
    format!("unknown placeholder `{{{name}}}`{nearest}")
}
