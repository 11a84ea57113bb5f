use std::collections::HashSet;

use super::error_list::ErrorList;
use super::toml_table::TomlTable;
use crate::run::Transform;

/// Parses `[[transforms]]` in the order of the file, without those that have an error.
pub(super) fn parse(root: &TomlTable<'_, '_>, errors: &mut ErrorList<'_>) -> Vec<Transform> {
    let sections = root.get("transforms").map(|entry| entry.sections(errors)).unwrap_or_default();
    let mut seen = HashSet::new();
    let mut transforms = Vec::new();
    for section in sections {
        section.check_keys(&["sql"], &[], errors);
        let Some(entry) = section.required("sql", errors) else { continue };
        let Some(sql) = entry.string(errors) else { continue };
        if entry.accept(check_name(sql), errors).is_none() {
            continue;
        }
        if !seen.insert(sql) {
            entry.error(errors, &format!("`{sql}` is listed twice; a run executes each file once"));
        }
        transforms.push(Transform { sql: sql.to_owned() });
    }
    transforms
}

fn check_name(sql: &str) -> Result<(), String> {
    if sql.contains(['/', '\\']) || sql.starts_with('.') || sql.chars().any(char::is_control) {
        Err(format!("`{sql}` is not a file name in the pipeline's folder"))
    } else if !sql.ends_with(".sql") {
        Err(format!("`{sql}` is not an SQL file; expected a name that ends with .sql"))
    } else {
        Ok(())
    }
}
