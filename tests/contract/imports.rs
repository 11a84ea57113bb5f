//! Which crate may import which: the table of ARCHITECTURE.md, checked against `cargo metadata`.

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

use crate::machine::project;

/// Package names begin with this, folders do not. The command line is `penstock` itself.
const PREFIX: &str = "penstock-";

const FUNCTIONS: [&str; 6] =
    ["check-file-extension", "random-failure-generator", "trigger-resolver", "loader", "transformer", "reconciler"];

/// A crate, and the crates of this workspace that it may import. Imports for tests alone are not listed.
const TABLE: [(&str, &[&str]); 23] = [
    ("protocol", &[]),
    ("env-config", &[]),
    ("pipeline", &["protocol"]),
    ("fault-plan", &["protocol"]),
    ("formats", &["protocol", "pipeline"]),
    ("function", &["protocol", "env-config", "fault-plan"]),
    ("postgres", &["protocol", "env-config"]),
    ("object-store", &["protocol", "env-config"]),
    ("definitions", &["protocol", "pipeline", "object-store"]),
    ("load", &["protocol", "pipeline", "formats", "postgres", "object-store"]),
    ("reconciliation", &["protocol", "pipeline", "definitions", "postgres", "object-store"]),
    ("check-file-extension", &["protocol", "function"]),
    ("random-failure-generator", &["protocol", "env-config", "fault-plan", "function"]),
    ("trigger-resolver", &["protocol", "env-config", "pipeline", "object-store", "definitions", "function"]),
    ("loader", &["protocol", "env-config", "pipeline", "formats", "postgres", "object-store", "load", "function"]),
    (
        "transformer",
        &["protocol", "env-config", "pipeline", "formats", "postgres", "object-store", "definitions", "function"],
    ),
    (
        "reconciler",
        &[
            "protocol",
            "env-config",
            "pipeline",
            "postgres",
            "object-store",
            "definitions",
            "reconciliation",
            "function",
        ],
    ),
    ("local-stack", &["protocol", "env-config", "pipeline", "postgres", "object-store"]),
    ("sample-data", &["protocol", "env-config", "pipeline", "postgres", "object-store"]),
    (
        "penstock",
        &[
            "protocol",
            "env-config",
            "pipeline",
            "fault-plan",
            "formats",
            "postgres",
            "object-store",
            "definitions",
            "load",
            "reconciliation",
            "local-stack",
            "sample-data",
            "demo",
        ],
    ),
    ("demo", &["local-stack", "sample-data"]),
    ("test-support", &["local-stack", "sample-data"]),
    // The library of these tests, which the fuzz targets use.
    ("tests", &["protocol", "pipeline", "formats"]),
];

/// Crates from outside that bring I/O, a runtime or a file format, and the only crates that may import them.
const GUARDED: [(&str, &[&str]); 12] = [
    // Types of events alone: no I/O.
    ("aws_lambda_events", &["protocol"]),
    ("lambda_runtime", &["function"]),
    ("reqwest", &[]),
    ("toml", &["pipeline", "fault-plan"]),
    (
        "tokio-postgres",
        &["postgres", "load", "reconciliation", "loader", "transformer", "penstock", "demo", "test-support"],
    ),
    (
        "tokio",
        &[
            "function",
            "postgres",
            "object-store",
            "definitions",
            "load",
            "check-file-extension",
            "random-failure-generator",
            "trigger-resolver",
            "loader",
            "transformer",
            "reconciler",
            "local-stack",
            "sample-data",
            "penstock",
            "demo",
            "test-support",
        ],
    ),
    (
        "aws-config",
        &[
            "postgres",
            "object-store",
            "trigger-resolver",
            "loader",
            "transformer",
            "reconciler",
            "local-stack",
            "penstock",
            "test-support",
        ],
    ),
    (
        "aws-sdk-s3",
        &[
            "object-store",
            "definitions",
            "load",
            "reconciliation",
            "trigger-resolver",
            "loader",
            "transformer",
            "reconciler",
            "local-stack",
            "penstock",
            "demo",
            "test-support",
        ],
    ),
    ("aws-sdk-secretsmanager", &["postgres", "local-stack", "penstock"]),
    ("aws-sdk-sns", &["local-stack", "penstock", "test-support"]),
    ("aws-sdk-sfn", &["reconciliation", "reconciler", "local-stack", "penstock", "demo", "test-support"]),
    ("aws-sdk-sqs", &["reconciliation", "reconciler", "local-stack", "penstock", "demo", "test-support"]),
];

/// All that a pure crate may import from outside: no runtime and no client. A clock or a seed comes as an argument.
const PURE: [(&str, &[&str]); 4] = [
    (
        "protocol",
        &["aws_lambda_events", "chrono", "percent-encoding", "serde", "serde_json", "serde_path_to_error", "thiserror"],
    ),
    ("fault-plan", &["rand", "serde", "sha2", "thiserror", "toml"]),
    ("pipeline", &["chrono", "chrono-tz", "encoding_rs", "serde", "sha2", "strsim", "thiserror", "toml"]),
    (
        "formats",
        &[
            "brotli-decompressor",
            "bzip2",
            "bytes",
            "chrono",
            "crc32fast",
            "csv",
            "encoding_rs",
            "flate2",
            "lz4_flex",
            "memchr",
            "parquet",
            "serde",
            "serde_json",
            "simdutf8",
            "snap",
            "thiserror",
            "uuid",
            "zstd",
        ],
    ),
];

fn packages() -> Vec<Package> {
    MetadataCommand::new().manifest_path(project().join("Cargo.toml")).no_deps().exec().unwrap().packages
}

/// The folder's name, by which the tables know a crate of this workspace.
fn folder(package: &str) -> &str {
    package.strip_prefix(PREFIX).unwrap_or(package)
}

fn imports(package: &Package) -> impl Iterator<Item = &str> {
    let shipped = |kind| matches!(kind, DependencyKind::Normal | DependencyKind::Build);
    package.dependencies.iter().filter(move |dependency| shipped(dependency.kind)).map(|found| found.name.as_str())
}

/// The crates that may import an outside crate. None when everybody may.
fn importers(outside: &str) -> Option<&'static [&'static str]> {
    GUARDED.iter().find(|(name, _)| *name == outside).map(|(_, importers)| *importers)
}

#[test]
fn crates_import_only_what_the_table_allows() {
    let packages = packages();
    for package in &packages {
        let name = folder(&package.name);
        let row = TABLE.iter().find(|(row, _)| *row == name);
        let (_, allowed) = row.unwrap_or_else(|| panic!("the table has no row for crate {name}"));
        for import in imports(package) {
            if let Some(importers) = importers(import) {
                assert!(importers.contains(&name), "{name} must not import {import}");
            } else if packages.iter().any(|other| other.name == import) {
                assert!(allowed.contains(&folder(import)), "{name} must not import {import}");
            } else {
                assert!(!import.starts_with("aws-"), "{name} imports {import}, which is not in GUARDED");
            }
        }
    }
}

#[test]
fn table_rows_are_crates() {
    let packages = packages();
    for (row, _) in TABLE {
        let exists = packages.iter().any(|package| folder(&package.name) == row);
        assert!(exists, "no crate {row}");
    }
}

#[test]
fn package_is_named_after_its_folder() {
    for package in packages() {
        let folder = package.manifest_path.parent().unwrap().file_name().unwrap();
        let expected = if folder == "penstock" { folder.to_owned() } else { format!("{PREFIX}{folder}") };
        assert_eq!(package.name.as_str(), expected);
    }
}

#[test]
fn pure_crates_import_no_io() {
    for package in packages() {
        let name = folder(&package.name);
        let Some((_, allowed)) = PURE.iter().find(|(pure, _)| *pure == name) else { continue };
        let (_, ours) = TABLE.iter().find(|(row, _)| *row == name).unwrap();
        for import in imports(&package) {
            assert!(allowed.contains(&import) || ours.contains(&folder(import)), "{name} must not import {import}");
        }
    }
}

/// Tests of a function may import test-support, but no other function.
#[test]
fn functions_never_import_each_other() {
    for package in packages() {
        for dependency in &package.dependencies {
            let imported = folder(&dependency.name);
            assert!(!FUNCTIONS.contains(&imported), "{} imports {imported}", package.name);
            let only_for_tests = dependency.kind == DependencyKind::Development;
            assert!(imported != "test-support" || only_for_tests, "{} ships test-support", package.name);
        }
    }
}
