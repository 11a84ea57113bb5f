//! Who may import whom. Arrows point down, functions never see each other, and each outside client is known where it
//! is used and nowhere else.

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

use crate::machine::project;

const FUNCTIONS: [&str; 6] =
    ["check-file-extension", "random-failure-generator", "trigger-resolver", "loader", "transformer", "reconciler"];

/// What a crate may import of this workspace, and of the crates in [`GUARDED`].
const ALLOWED: [(&str, &[&str]); 17] = [
    // aws_lambda_events and serde_json bring types and serde, and no I/O: contracts stays pure.
    ("contracts", &["aws_lambda_events"]),
    ("pipeline", &["contracts", "toml"]),
    ("rows", &["contracts", "pipeline"]),
    // toml is what a plan of failures is written in, as a pipeline is.
    ("chaos", &["contracts", "toml"]),
    ("lambda-shell", &["contracts", "lambda_runtime", "tokio"]),
    ("storage", &["aws-sdk-s3"]),
    ("database", &["contracts", "lambda-shell", "tokio", "tokio-postgres", "aws-config", "aws-sdk-secretsmanager"]),
    (
        "standing",
        &["contracts", "database", "pipeline", "storage", "tokio-postgres", "aws-sdk-s3", "aws-sdk-sfn", "aws-sdk-sqs"],
    ),
    ("check-file-extension", &["contracts", "lambda-shell", "tokio"]),
    ("random-failure-generator", &["chaos", "contracts", "lambda-shell", "tokio"]),
    ("trigger-resolver", &["contracts", "lambda-shell", "pipeline", "storage", "tokio", "aws-config", "aws-sdk-s3"]),
    (
        "loader",
        &[
            "contracts",
            "database",
            "lambda-shell",
            "pipeline",
            "rows",
            "storage",
            "tokio",
            "tokio-postgres",
            "aws-config",
            "aws-sdk-s3",
        ],
    ),
    (
        "transformer",
        &[
            "contracts",
            "database",
            "lambda-shell",
            "pipeline",
            "storage",
            "tokio",
            "tokio-postgres",
            "aws-config",
            "aws-sdk-s3",
        ],
    ),
    (
        "reconciler",
        &[
            "contracts",
            "database",
            "lambda-shell",
            "pipeline",
            "standing",
            "storage",
            "tokio",
            "aws-config",
            "aws-sdk-s3",
            "aws-sdk-sfn",
            "aws-sdk-sqs",
        ],
    ),
    (
        "penstock",
        &[
            "chaos",
            "contracts",
            "database",
            "pipeline",
            "rows",
            "standing",
            "tokio",
            "tokio-postgres",
            "aws-config",
            "aws-sdk-s3",
            "aws-sdk-secretsmanager",
            "aws-sdk-sfn",
            "aws-sdk-sns",
            "aws-sdk-sqs",
        ],
    ),
    (
        "test-support",
        &[
            "contracts",
            "penstock",
            "tokio",
            "tokio-postgres",
            "aws-config",
            "aws-sdk-s3",
            "aws-sdk-sfn",
            "aws-sdk-sns",
            "aws-sdk-sqs",
        ],
    ),
    // What holds for any bytes, for the fuzz targets too, which are a workspace of their own.
    ("penstock-tests", &["contracts", "pipeline", "rows"]),
];

/// Crates from outside that bring I/O, a runtime, or a format that only one crate should know.
const GUARDED: [&str; 6] = ["aws_lambda_events", "lambda_runtime", "reqwest", "tokio", "tokio-postgres", "toml"];

/// Everything that a pure crate may import from outside: no runtime, no client, no clock but by argument.
const PURE: [(&str, &[&str]); 4] = [
    (
        "contracts",
        &["aws_lambda_events", "chrono", "percent-encoding", "serde", "serde_json", "serde_path_to_error", "thiserror"],
    ),
    ("chaos", &["rand", "serde", "sha2", "thiserror", "toml"]),
    ("pipeline", &["chrono", "chrono-tz", "serde", "sha2", "thiserror", "toml"]),
    (
        "rows",
        &[
            "brotli-decompressor",
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

fn imports(package: &Package) -> impl Iterator<Item = &str> {
    let shipped = |kind| matches!(kind, DependencyKind::Normal | DependencyKind::Build);
    package.dependencies.iter().filter(move |dependency| shipped(dependency.kind)).map(|found| found.name.as_str())
}

#[test]
fn each_crate_imports_only_what_the_table_allows() {
    let packages = packages();
    let is_of_the_workspace = |name: &str| packages.iter().any(|package| package.name.as_str() == name);
    let is_guarded = |name: &str| GUARDED.contains(&name) || name.starts_with("aws-");
    for package in &packages {
        let name = package.name.as_str();
        let (_, allowed) = ALLOWED.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name} is new"));
        for import in imports(package).filter(|import| is_of_the_workspace(import) || is_guarded(import)) {
            assert!(allowed.contains(&import), "{name} must not import {import}");
        }
    }
}

#[test]
fn pure_crates_stay_pure() {
    for package in packages() {
        let Some((name, allowed)) = PURE.iter().find(|(name, _)| *name == package.name.as_str()) else { continue };
        let (_, of_the_workspace) = ALLOWED.iter().find(|(known, _)| known == name).unwrap();
        for import in imports(&package) {
            assert!(allowed.contains(&import) || of_the_workspace.contains(&import), "{name} must not import {import}");
        }
    }
}

/// Tests of a function may use test-support, and no function may use another, not even there.
#[test]
fn functions_never_see_each_other() {
    for package in packages() {
        for dependency in &package.dependencies {
            assert!(!FUNCTIONS.contains(&dependency.name.as_str()), "{} imports {}", package.name, dependency.name);
            let only_for_tests = dependency.kind == DependencyKind::Development;
            assert!(dependency.name != "test-support" || only_for_tests, "{} ships test-support", package.name);
        }
    }
}
