//! Who may import whom. Arrows point down, functions never see each other, and each outside client is known where it
//! is used and nowhere else.

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

use crate::machine::project;

const FUNCTIONS: [&str; 6] = [
    "penstock-check-file-extension",
    "penstock-random-failure-generator",
    "penstock-trigger-resolver",
    "penstock-loader",
    "penstock-transformer",
    "penstock-reconciler",
];

/// What a crate may import of this workspace, and of the crates in [`GUARDED`].
const ALLOWED: [(&str, &[&str]); 17] = [
    // aws_lambda_events and serde_json bring types and serde, and no I/O: contracts stays pure.
    ("penstock-protocol", &["aws_lambda_events"]),
    ("penstock-pipeline", &["penstock-protocol", "toml"]),
    ("penstock-formats", &["penstock-protocol", "penstock-pipeline"]),
    // toml is what a plan of failures is written in, as a pipeline is.
    ("penstock-fault-plan", &["penstock-protocol", "toml"]),
    ("penstock-function", &["penstock-protocol", "lambda_runtime", "tokio"]),
    ("penstock-object-store", &["aws-sdk-s3"]),
    (
        "penstock-postgres",
        &["penstock-protocol", "penstock-function", "tokio", "tokio-postgres", "aws-config", "aws-sdk-secretsmanager"],
    ),
    (
        "penstock-reconciliation",
        &[
            "penstock-protocol",
            "penstock-postgres",
            "penstock-pipeline",
            "penstock-object-store",
            "tokio-postgres",
            "aws-sdk-s3",
            "aws-sdk-sfn",
            "aws-sdk-sqs",
        ],
    ),
    ("penstock-check-file-extension", &["penstock-protocol", "penstock-function", "tokio"]),
    ("penstock-random-failure-generator", &["penstock-fault-plan", "penstock-protocol", "penstock-function", "tokio"]),
    (
        "penstock-trigger-resolver",
        &[
            "penstock-protocol",
            "penstock-function",
            "penstock-pipeline",
            "penstock-object-store",
            "tokio",
            "aws-config",
            "aws-sdk-s3",
        ],
    ),
    (
        "penstock-loader",
        &[
            "penstock-protocol",
            "penstock-postgres",
            "penstock-function",
            "penstock-pipeline",
            "penstock-formats",
            "penstock-object-store",
            "tokio",
            "tokio-postgres",
            "aws-config",
            "aws-sdk-s3",
        ],
    ),
    (
        "penstock-transformer",
        &[
            "penstock-protocol",
            "penstock-postgres",
            "penstock-function",
            "penstock-pipeline",
            "penstock-object-store",
            "tokio",
            "tokio-postgres",
            "aws-config",
            "aws-sdk-s3",
        ],
    ),
    (
        "penstock-reconciler",
        &[
            "penstock-protocol",
            "penstock-postgres",
            "penstock-function",
            "penstock-pipeline",
            "penstock-reconciliation",
            "penstock-object-store",
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
            "penstock-fault-plan",
            "penstock-protocol",
            "penstock-postgres",
            "penstock-pipeline",
            "penstock-formats",
            "penstock-reconciliation",
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
        "penstock-test-support",
        &[
            "penstock-protocol",
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
    ("penstock-tests", &["penstock-protocol", "penstock-pipeline", "penstock-formats"]),
];

/// Crates from outside that bring I/O, a runtime, or a format that only one crate should know.
const GUARDED: [&str; 6] = ["aws_lambda_events", "lambda_runtime", "reqwest", "tokio", "tokio-postgres", "toml"];

/// Everything that a pure crate may import from outside: no runtime, no client, no clock but by argument.
const PURE: [(&str, &[&str]); 4] = [
    (
        "penstock-protocol",
        &["aws_lambda_events", "chrono", "percent-encoding", "serde", "serde_json", "serde_path_to_error", "thiserror"],
    ),
    ("penstock-fault-plan", &["rand", "serde", "sha2", "thiserror", "toml"]),
    ("penstock-pipeline", &["chrono", "chrono-tz", "serde", "sha2", "thiserror", "toml"]),
    (
        "penstock-formats",
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
            assert!(
                dependency.name != "penstock-test-support" || only_for_tests,
                "{} ships test-support",
                package.name
            );
        }
    }
}
