//! What the README promises stands in the code.

use std::path::Path;

use protocol::{Class, FailureName};

use crate::machine::project;

fn readme() -> String {
    std::fs::read_to_string(project().join("README.md")).unwrap()
}

#[test]
fn every_test_that_proves_a_promise_exists() {
    let readme = readme();
    let (_, promises) = readme.split_once("| promise | test |").unwrap();
    let (promises, _) = promises.split_once("\n## ").unwrap();
    let is_name = |word: &&str| {
        word.contains('_') && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let proofs: Vec<&str> = promises.split('`').filter(is_name).collect();
    assert!(proofs.len() > 15, "{proofs:?}");
    let tests = [sources(&project().join("crates")), sources(&project().join("tests"))].concat();
    for proof in proofs {
        assert!(tests.contains(&format!("fn {proof}(")), "no test is called {proof}");
    }
}

/// All Rust below a folder, in one text.
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

#[test]
fn the_readme_says_of_every_failure_what_happened_and_what_to_do() {
    let readme = readme();
    let rows: Vec<&str> =
        readme.lines().filter(|line| line.starts_with("| `") && line.matches(" | ").count() == 3).collect();
    assert_eq!(rows.len(), FailureName::ALL.len());
    for name in FailureName::ALL {
        let class = match name.class() {
            Class::Transient => "transient",
            Class::Permanent => "permanent",
        };
        let start = format!("| `{name}` | {class} | ");
        let end = format!(" | {} |", name.what_to_do());
        assert!(rows.iter().any(|row| row.starts_with(&start) && row.ends_with(&end)), "{start}…{end}");
    }
}
