//! Parses `[[exports]]`.

use super::error_list::ErrorList;
use super::toml_table::{TomlEntry, TomlTable};
use crate::names::TableName;
use crate::nearest::did_you_mean;
use crate::run::{Export, ExportFormat, ExportSource};
use crate::run::{RUN_DATE, RUN_ID};
use crate::sql::Statement;
use crate::template::{KeyTemplate, TemplateError};

/// `{run_date}` with its default format.
const RUN_DAY: &str = "{run_date:%Y-%m-%d}";

/// Parses the exports in the order of the file, without those that have an error.
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
            entry.error(errors, &format!("another export writes the same key, for example {key:?}"));
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
            entry.error_at_key(errors, "an export has either `table` or `query`, not both");
            None
        }
        (None, None) => {
            section.missing_key("table", errors, "an export requires `table` or `query`");
            None
        }
    }
}

fn to(entry: &TomlEntry<'_, '_>, errors: &mut ErrorList<'_>) -> Option<(KeyTemplate, ExportFormat)> {
    let text = entry.string(errors)?;
    if text.starts_with("s3://") {
        entry.error(errors, "expected a key of the curated bucket, without s3://");
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
        Err("exports are not compressed; expected a key that ends with .csv or .parquet".to_owned())
    } else {
        Err("expected a key that ends with .csv or .parquet".to_owned())
    }
}

fn check_names(template: &KeyTemplate) -> Result<(), String> {
    if template.has_star() {
        return Err("a key cannot be built from a template with `*`".to_owned());
    }
    if template.time_names().any(|name| name == RUN_ID) {
        return Err("`{run_id}` is a number and has no format".to_owned());
    }
    let mut names = template.text_names().chain(template.time_names());
    names.find(|name| ![RUN_DATE, RUN_ID].contains(name)).map_or(Ok(()), |name| Err(unknown(name)))
}

fn unknown(name: &str) -> String {
    let nearest = did_you_mean(name, [RUN_DATE, RUN_ID]);
    let nearest = if nearest.is_empty() { "; expected {run_date} or {run_id}".to_owned() } else { nearest };
    format!("unknown placeholder `{{{name}}}`{nearest}")
}
