//! The documentation agrees with the code: its tests exist, and its generated pages are up to date.
//! `UPDATE=1` rewrites the generated pages.

use std::fmt::Write;
use std::path::Path;

use protocol::{Class, FailureName};

use crate::machine::{project, read};

#[test]
fn tests_named_by_guarantees_exist() {
    let guarantees = read("docs/guarantees.md");
    let is_name = |word: &&str| {
        word.contains('_') && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let names: Vec<&str> = guarantees.split('`').filter(is_name).collect();
    assert!(names.len() > 15, "{names:?}");
    let sources = [sources(&project().join("crates")), sources(&project().join("tests"))].concat();
    for name in names {
        assert!(sources.contains(&format!("fn {name}(")), "docs/guarantees.md names {name}: no test has this name");
    }
}

/// Returns the text of all Rust files below a folder.
fn sources(folder: &Path) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.push_str(&sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            all.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
    all
}

/// Compares a generated page with its file. With `UPDATE=1` the page is written instead.
fn check_generated(path: &str, page: &str) {
    if std::env::var_os("UPDATE").is_some() {
        return std::fs::write(project().join(path), page).unwrap();
    }
    let written = std::fs::read_to_string(project().join(path)).unwrap_or_default();
    assert_eq!(written, page, "{path} is stale: run `UPDATE=1 cargo test --workspace --test contract docs`");
}

fn in_cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[test]
fn page_of_failures_is_current() {
    let mut page = "\
# Failures and what to do

Every failure has a name. It is the error name of the Step Functions execution, and the notice shows it.

- **transient**: the state machine retries by itself. It sends one notice when the last retry has failed.
- **permanent**: the same file fails again. The state machine sends the notice at once.

This page is generated from `FailureName` in `crates/protocol`.

| name | class | what happened | what to do |
|---|---|---|---|
"
    .to_owned();
    for name in FailureName::ALL {
        let class = match name.class() {
            Class::Transient => "transient",
            Class::Permanent => "permanent",
        };
        let (summary, what_to_do) = (in_cell(name.summary()), in_cell(name.what_to_do()));
        writeln!(page, "| <a id=\"{name}\"></a>`{name}` | {class} | {summary} | {what_to_do} |").unwrap();
    }
    check_generated("docs/operate/failures.md", &page);
}

/// A parameter of the template, as the page shows it.
#[derive(Default)]
struct Parameter<'a> {
    name: &'a str,
    type_name: &'a str,
    default: Option<&'a str>,
    description: String,
}

/// Reads the parameters of the template, line by line: CloudFormation's tags need no YAML parser here.
fn parameters(template: &str) -> Vec<Parameter<'_>> {
    let (_, rest) = template.split_once("\nParameters:\n").unwrap();
    let (block, _) = rest.split_once("\n\nConditions:").unwrap();
    let mut parameters: Vec<Parameter<'_>> = Vec::new();
    for line in block.lines().filter(|line| !line.trim_start().starts_with('#')) {
        if let Some(name) = line.strip_prefix("  ").and_then(|rest| rest.strip_suffix(':'))
            && !name.starts_with(' ')
        {
            parameters.push(Parameter { name, ..Parameter::default() });
        } else if let Some((key, value)) = line.trim().split_once(": ") {
            let parameter = parameters.last_mut().unwrap();
            match key {
                "Type" => parameter.type_name = value,
                "Default" => parameter.default = Some(value.trim_matches('"')),
                "Description" => parameter.description = value.trim_matches('"').replace("\\\"", "\""),
                _ => {}
            }
        }
    }
    parameters
}

#[test]
fn page_of_parameters_is_current() {
    let mut page = "\
# Parameters of the stack

Set a parameter with `penstock deploy --parameter NAME=VALUE`. A parameter that you do not name keeps its value.

This page is generated from `infra/template.yaml`.

| parameter | type | default | meaning |
|---|---|---|---|
"
    .to_owned();
    let template = read("infra/template.yaml");
    let parameters = parameters(&template);
    assert!(parameters.len() > 10);
    for Parameter { name, type_name, default, description } in parameters {
        assert!(!description.is_empty(), "infra/template.yaml: {name} has no Description");
        let default = match default {
            Some("") => "(empty)".to_owned(),
            Some(value) => format!("`{value}`"),
            None => "(required)".to_owned(),
        };
        writeln!(page, "| `{name}` | {type_name} | {default} | {} |", in_cell(&description)).unwrap();
    }
    check_generated("docs/deploy/parameters.md", &page);
}
