//! `[[exports]]`: what is written when the transforms are committed, and where to.

use super::error_list::ErrorList;
use super::toml_table::{TomlEntry, TomlTable};
use crate::names::TableName;
use crate::nearest::did_you_mean;
use crate::run::{Export, ExportFormat, ExportSource};
use crate::run::{RUN_DATE, RUN_ID};
use crate::sql::Statement;
use crate::template::{KeyTemplate, TemplateError};

/// What `{run_date}` stands for.
const RUN_DAY: &str = "{run_date:%Y-%m-%d}";

/// In the order of the file; those that are wrong are left out.
pub(super) fn parse(root: &TomlTable<'_, '_>, errors: &mut ErrorList<'_>) -> Vec<Export> {
    let sections = root.get("exports").map(|entry| entry.sections(errors)).unwrap_or_default();
    let mut exports: Vec<Export> = Vec::new();
    for section in sections {
        section.check_keys(&["table", "query", "to"], &[], errors);
        let source = source(&section, errors);
        let Some(entry) = section.required("to", errors) else { continue };
        let Some((to, format)) = to(&entry, errors) else { continue };
        let Some(export) = source.map(|source| Export { source, to, format }) else { continue };
        if let Some(key) = exports.iter().find_map(|earlier| export.same_key(earlier)) {
            entry.error(errors, &format!("another export is written to the same key, as {key:?}"));
        }
        exports.push(export);
    }
    exports
}

fn source(section: &TomlTable<'_, '_>, errors: &mut ErrorList<'_>) -> Option<ExportSource> {
    match (section.get("table"), section.get("query")) {
        (Some(entry), None) => {
            let text = entry.string(errors)?;
            entry.accept(TableName::parse(text), errors).map(ExportSource::Table)
        }
        (None, Some(entry)) => {
            let text = entry.string(errors)?;
            entry.accept(Statement::query(text), errors).map(|_| ExportSource::Query(text.to_owned()))
        }
        (Some(_), Some(entry)) => {
            entry.error_at_key(errors, "an export is of a `table` or of a `query`, not of both");
            None
        }
        (None, None) => {
            section.missing_key("table", errors, "an export is of a `table` or of a `query`");
            None
        }
    }
}

fn to(entry: &TomlEntry<'_, '_>, errors: &mut ErrorList<'_>) -> Option<(KeyTemplate, ExportFormat)> {
    let text = entry.string(errors)?;
    if text.starts_with("s3://") {
        entry.error(errors, "exports go to the curated bucket; only the key is named here");
        return None;
    }
    let format = entry.accept(format(text), errors);
    let template = KeyTemplate::parse(&text.replace("{run_date}", RUN_DAY)).map_err(|error| match error {
        TemplateError::FormatMissing(name) => unknown(name),
        error => error.to_string(),
    });
    let template = entry.accept(template, errors)?;
    entry.accept(check_names(&template), errors)?;
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
