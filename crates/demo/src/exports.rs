use local_stack::{AwsClients, Error as StackError};

use crate::database::Database;
use crate::error::Result;
use crate::output::{Output, heading};
use crate::runs::Run;

const LINES_SHOWN: usize = 3;
const PIPELINES: [&str; 2] = ["retail", "water"];

/// An exported object, as the run recorded it.
struct Export {
    bucket: String,
    key: String,
    rows: i64,
    bytes: i64,
}

/// Prints all exports, and the first lines of each pipeline's latest ones. Returns the exports whose object differs from
/// the record.
pub(crate) async fn print(
    database: &Database,
    clients: &AwsClients,
    runs: &[Run],
    output: &Output,
) -> Result<Vec<String>> {
    let mut exports = Vec::new();
    for run in runs.iter().rev() {
        exports.extend(of_run(database, run.run_id).await?);
    }
    heading(output, "Exports");
    let cells =
        |it: &Export| vec![format!("s3://{}/{}", it.bucket, it.key), output.grouped(it.rows), output.grouped(it.bytes)];
    output.table(&["key", "rows", "bytes"], &exports.iter().map(cells).collect::<Vec<_>>());
    let latest = |pipeline: &str| runs.iter().find(|run| run.pipeline == pipeline && run.exports > 0);
    let mut problems = Vec::new();
    for run in PIPELINES.into_iter().filter_map(latest) {
        for export in of_run(database, run.run_id).await? {
            problems.extend(print_object(clients, &export, output).await?);
        }
    }
    Ok(problems)
}

async fn of_run(database: &Database, run_id: i64) -> Result<Vec<Export>> {
    let query =
        format!("select bucket, key, rows, bytes from penstock.run_export where run_id = {run_id} order by key");
    let export = |row: Vec<Option<String>>| {
        let Ok([Some(bucket), Some(key), Some(rows), Some(bytes)]) = <[_; 4]>::try_from(row) else { return None };
        Some(Export { bucket, key, rows: rows.parse().ok()?, bytes: bytes.parse().ok()? })
    };
    Ok(database.query(&query).await?.rows.into_iter().filter_map(export).collect())
}

async fn print_object(clients: &AwsClients, export: &Export, output: &Output) -> Result<Option<String>> {
    let Export { bucket, key, rows, bytes } = export;
    let operation = format!("reading s3://{bucket}/{key}");
    let object = clients.s3.get_object().bucket(bucket).key(key).send().await.map_err(StackError::aws(&operation))?;
    let body = object.body.collect().await.map_err(StackError::aws(&operation))?.into_bytes();
    let text = String::from_utf8_lossy(&body);
    heading(output, key);
    text.lines().take(LINES_SHOWN).for_each(|line| output.line(line));
    let found = (text.lines().skip(1).count(), body.len());
    let is_as_recorded = (usize::try_from(*rows).ok(), usize::try_from(*bytes).ok()) == (Some(found.0), Some(found.1));
    Ok((!is_as_recorded)
        .then(|| format!("{key}: expected {rows} rows in {bytes} bytes, found {} in {}", found.0, found.1)))
}
