//! Malformed and unusual files with the expected result: rows, rejects with line, column and reason, or a failure.
//!
//! A case is a folder of `cases/` with `input.*`, `pipeline.toml` with one dataset, and `expect.json`. That file holds
//! the rows as PostgreSQL prints them and the rejects, or the failure. Reasons and messages may be parts of the real
//! ones.
//! The script `parquet_cases.py` writes the cases `parquet-*`, with rows that pyarrow reads.
//! `CORPUS_TABLE=1 cargo test --test corpus` prints the result of every case.

mod case;
mod compare;
mod independent;
mod result;

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};

use case::Case;
use result::{CaseResult, TestTables};

/// The differences between a case's expected and actual result.
type Differences = Vec<String>;

#[tokio::test]
async fn corpus_files_give_expected_results() {
    let database = test_support::database().await;
    let target = TestTables::prepare(database.connect().await).await.expect("prepare the database");
    let folders = case_folders().expect("list the cases");
    assert!(!folders.is_empty(), "no cases");

    let mut failed = Vec::new();
    for folder in &folders {
        let differences = run(folder, &target).await.unwrap_or_else(|error| vec![format!("{error}")]);
        if !differences.is_empty() {
            failed.push(format!("{}\n{}", name_of(folder), differences.join("\n")));
        }
    }
    assert!(failed.is_empty(), "{} of {} cases differ:\n\n{}\n", failed.len(), folders.len(), failed.join("\n\n"));
}

async fn run(folder: &Path, target: &TestTables) -> Result<Differences, Box<dyn Error>> {
    let case = Case::read(name_of(folder), folder)?;
    let result = target.load(&case).await?;
    if std::env::var_os("CORPUS_TABLE").is_some() {
        // `println!` would not reach the terminal from a test that passes.
        writeln!(std::io::stdout(), "{:<44} {}", case.name, result.summary())?;
    }
    let mut differences = compare::with_expected(&case.expected, &result);
    if let CaseResult::Rows { loaded, rejected, .. } = &result {
        differences.extend(compare::with_the_file(&case, rejected));
        if case.expected.is_independent() {
            differences.extend(independent::compare(&case, loaded, rejected, &target.client).await?);
        }
    }
    Ok(differences)
}

fn case_folders() -> std::io::Result<Vec<PathBuf>> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/cases");
    let mut folders = std::fs::read_dir(cases)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    folders.sort();
    Ok(folders)
}

fn name_of(folder: &Path) -> &str {
    folder.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}
