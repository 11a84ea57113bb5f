//! Checks every crate of the lock file against deny.toml, with `cargo metadata`.

use std::collections::BTreeSet;

use cargo_metadata::{MetadataCommand, Package};
use serde::Deserialize;

use crate::machine::{project, read};

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[derive(Deserialize)]
struct Rules {
    licenses: Licences,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licences {
    allow: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    /// Bans only a second version.
    #[serde(default)]
    deny_multiple_versions: bool,
}

fn rules() -> Rules {
    toml::from_str(&read("deny.toml")).unwrap()
}

/// Returns every crate of the lock file, for all platforms.
fn packages() -> Vec<Package> {
    // Not offline, because a build does not download the crates of other platforms.
    let options = ["--locked".to_owned()];
    let metadata = MetadataCommand::new().manifest_path(project().join("Cargo.toml")).other_options(options).exec();
    metadata.unwrap().packages
}

/// Returns true when the allowed licences satisfy the SPDX expression.
/// <https://spdx.github.io/spdx-spec/v3.0.1/annexes/spdx-license-expressions/>
fn is_met(expression: &str, allowed: &BTreeSet<String>) -> bool {
    // Old crates write a slash for OR.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = &words[..];
    any_of(&mut rest, allowed) && rest.is_empty()
}

fn any_of(rest: &mut &[&str], allowed: &BTreeSet<String>) -> bool {
    let mut met = all_of(rest, allowed);
    while let ["OR", after @ ..] = *rest {
        *rest = after;
        met |= all_of(rest, allowed);
    }
    met
}

fn all_of(rest: &mut &[&str], allowed: &BTreeSet<String>) -> bool {
    let mut met = one(rest, allowed);
    while let ["AND", after @ ..] = *rest {
        *rest = after;
        met &= one(rest, allowed);
    }
    met
}

fn one(rest: &mut &[&str], allowed: &BTreeSet<String>) -> bool {
    match *rest {
        ["(", after @ ..] => {
            *rest = after;
            let met = any_of(rest, allowed);
            *rest = rest.strip_prefix(&[")"]).unwrap_or(&["unclosed"]);
            met
        }
        [licence, "WITH", exception, after @ ..] => {
            *rest = after;
            allowed.contains(&format!("{licence} WITH {exception}"))
        }
        [licence, after @ ..] => {
            *rest = after;
            allowed.contains(*licence)
        }
        [] => false,
    }
}

#[test]
fn crate_licences_are_allowed() {
    let allowed = rules().licenses.allow;
    for package in packages() {
        let licence = package.license.as_deref().unwrap_or_default();
        assert!(is_met(licence, &allowed), "{} {} has the licence {licence:?}", package.name, package.version);
    }
}

#[test]
fn crates_come_from_crates_io() {
    for package in packages() {
        let is_ours = package.source.is_none() && package.manifest_path.starts_with(project().to_str().unwrap());
        let is_public = package.source.as_ref().is_some_and(|source| source.repr == CRATES_IO);
        assert!(is_ours || is_public, "{} comes from {:?}", package.name, package.source);
    }
}

#[test]
fn banned_crates_are_absent() {
    let packages = packages();
    for Ban { name, deny_multiple_versions } in rules().bans.deny {
        let versions: Vec<String> =
            packages.iter().filter(|it| it.name.as_str() == name).map(|it| it.version.to_string()).collect();
        if deny_multiple_versions {
            assert_eq!(versions.len(), 1, "{name}: {versions:?}");
        } else {
            assert!(versions.is_empty(), "{name} {versions:?}: `cargo tree -i {name}` shows the dependents");
        }
    }
}

#[test]
fn licence_expressions_are_evaluated() {
    let allowed = BTreeSet::from(["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned));
    let check = |expression: &str, expected: bool| assert_eq!(is_met(expression, &allowed), expected, "{expression}");
    check("MIT", true);
    check("GPL-3.0", false);
    check("", false);
    check("GPL-3.0 OR MIT", true);
    check("GPL-3.0/MIT", true);
    check("GPL-3.0 AND MIT", false);
    check("ISC AND (GPL-3.0 OR MIT)", true);
    check("(ISC OR MIT) AND GPL-3.0", false);
    check("MIT OR ISC AND GPL-3.0", true);
    check("Apache-2.0 WITH LLVM-exception", true);
    check("Apache-2.0", false);
    check("(MIT", false);
    check("MIT)", false);
}
