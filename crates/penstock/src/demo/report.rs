//! What the demo prints: on stdout, for people.

use pipeline::Catalog;
use tokio_postgres::{NoTls, SimpleQueryMessage, SimpleQueryRow};

use super::feed::{DroppedFile, Expected};
use crate::executions::Execution;
use crate::{Error, Result, table};

const SAMPLE_ROWS: usize = 3;
const REJECTS_SHOWN: usize = 12;

/// Prints the way of every file, and gives what ended otherwise than it should.
pub(crate) fn executions(files: &[DroppedFile], executions: &[Execution]) -> Vec<String> {
    heading("Files");
    table::executions(executions);
    files.iter().zip(executions).filter_map(|(file, execution)| surprise(file.expected, execution)).collect()
}

fn surprise(expected: Expected, execution: &Execution) -> Option<String> {
    let outcome = execution.outcome.as_deref().unwrap_or("running");
    let as_expected = match (expected, &execution.report) {
        // A database of the user's own may hold the file since an earlier demo of the same day.
        (Expected::Loaded { rows, rejected }, Some(report)) => {
            matches!(outcome, "Loaded" | "AlreadyLoaded")
                && (report.rows_loaded, report.rows_rejected) == (rows, rejected)
        }
        (Expected::Loaded { .. }, None) => false,
        (Expected::Ignored, _) => outcome == "Ignored",
        (Expected::Failed(name), _) => execution.failed && outcome == name.as_str(),
    };
    let reason = execution.reason.as_deref().unwrap_or_default();
    (!as_expected).then(|| format!("{}: expected {expected:?}, but it ended as {outcome} {reason}", execution.key))
}

/// Prints the subject of every notice, in the order in which they came.
pub(crate) fn notices(subjects: &[String]) {
    heading("Notices");
    for subject in subjects {
        println!("{subject}");
    }
}

pub(crate) fn surprises(surprises: &[String]) {
    if surprises.is_empty() {
        println!("\nEvery file ended as it should.");
        return;
    }
    heading("Not as expected");
    for surprise in surprises {
        println!("{surprise}");
    }
}

/// Prints how many rows each table has, the first few of each, and the rejects.
pub(crate) async fn tables(url: &str, catalog: &Catalog) -> Result<()> {
    read_tables(url, catalog).await.map_err(|error| Error::database("reading the tables")(error.into()))
}

async fn read_tables(url: &str, catalog: &Catalog) -> Result<(), tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let connection = tokio::spawn(connection);
    for dataset in catalog.definitions().iter().flat_map(|definition| &definition.datasets) {
        let name = dataset.table.quoted();
        let count = client.query_one(&format!("select count(*) from {name}"), &[]).await?.get::<_, i64>(0);
        heading(&format!("{}: {count} rows", dataset.table));
        show(&client.simple_query(&format!("select * from {name} limit {SAMPLE_ROWS}")).await?);
    }
    heading("Rejects");
    let rejects = r#"
        select table_name as "table", line, "column", reason, left(regexp_replace(raw, '\s+', ' ', 'g'), 60) as record
        from penstock.reject join penstock.load using (load_id)
        order by load_id, line"#;
    show(&client.simple_query(&format!("{rejects} limit {REJECTS_SHOWN}")).await?);
    drop(client);
    connection.abort();
    Ok(())
}

fn show(messages: &[SimpleQueryMessage]) {
    let rows: Vec<&SimpleQueryRow> = messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        })
        .collect();
    let Some(first) = rows.first() else {
        println!("(none)");
        return;
    };
    let header: Vec<&str> = first.columns().iter().map(tokio_postgres::SimpleColumn::name).collect();
    let cells = |row: &SimpleQueryRow| (0..header.len()).map(|i| row.get(i).unwrap_or("∅").to_owned()).collect();
    table::print(&header, &rows.into_iter().map(cells).collect::<Vec<_>>());
}

fn heading(text: &str) {
    println!("\n{text}\n{}", "═".repeat(text.chars().count()));
}

#[cfg(test)]
mod tests {
    use contracts::{FailureName, LoadOutcome, LoadReport};

    use super::*;

    fn execution(outcome: &str, failed: bool, counts: Option<(u64, u64)>) -> Execution {
        let report = counts.map(|(rows_loaded, rows_rejected)| LoadReport {
            outcome: LoadOutcome::Loaded,
            load_id: 1,
            pipeline: String::new(),
            dataset: String::new(),
            table: String::new(),
            bytes: 0,
            rows_read: rows_loaded + rows_rejected,
            rows_loaded,
            rows_rejected,
            duration_ms: 0,
            first_rejects: Vec::new(),
            run: None,
        });
        Execution {
            arn: String::new(),
            key: "k".to_owned(),
            version_id: None,
            states: Vec::new(),
            outcome: Some(outcome.to_owned()),
            failed,
            reason: None,
            report,
            started_at: chrono::DateTime::UNIX_EPOCH,
            duration_ms: None,
        }
    }

    #[test]
    fn only_what_was_expected_is_no_surprise() {
        fn check(expected: Expected, execution: &Execution, fine: bool) {
            assert_eq!(surprise(expected, execution).is_none(), fine, "{expected:?} {execution:?}");
        }
        let loaded = Expected::Loaded { rows: 7, rejected: 1 };
        check(loaded, &execution("Loaded", false, Some((7, 1))), true);
        check(loaded, &execution("AlreadyLoaded", false, Some((7, 1))), true);
        check(loaded, &execution("Superseded", false, Some((7, 1))), false);
        check(loaded, &execution("Loaded", false, Some((8, 0))), false);
        check(loaded, &execution("Ignored", false, None), false);
        check(Expected::Ignored, &execution("Ignored", false, None), true);
        check(Expected::Ignored, &execution("NoDataset", true, None), false);
        let failed = Expected::Failed(FailureName::UpstreamFailed);
        check(failed, &execution("UpstreamFailed", true, None), true);
        check(failed, &execution("NoDataset", true, None), false);
    }
}
