//! Writes the exports of a run to the curated bucket, after the transforms are committed. Each object is written
//! atomically, and all queries read one snapshot.

mod csv;
mod error;
mod parquet;
mod parquet_column;
mod precision;

use std::fmt;
use std::time::Duration;

use aws_sdk_s3::Client as S3;
use object_store::{StorageErrorKind, Upload};
use pipeline::sql::Statement;
use pipeline::{Definition, Export, ExportFormat, ExportSource, TableName};
use postgres::{Client, DatabaseError, Mode};
use protocol::ExportReport;
use tokio::time::timeout;

use crate::claimed_run::{ClaimedRun, commit};
use crate::error::{StatementError, TransformError};
use crate::ledger;
use crate::limits::ANSWER_OVERTIME;
use crate::time_limit::TimeLimit;

use error::ExportError;

/// The bucket of the exports.
#[derive(Debug)]
pub(crate) struct CuratedBucket {
    pub(crate) s3: S3,
    pub(crate) bucket: Option<String>,
}

/// One export of a run and its address.
#[derive(Debug)]
pub(crate) struct PlannedExport<'a> {
    export: &'a Export,
    bucket: &'a str,
    key: String,
}

impl CuratedBucket {
    /// Determines the address of each export. The caller does this first, so that a wrong key fails before any SQL runs.
    pub(crate) fn plan<'a>(
        &'a self,
        definition: &'a Definition,
        run: &protocol::RunRef,
    ) -> Result<Vec<PlannedExport<'a>>, TransformError> {
        let plan = |export: &'a Export| {
            let bucket = self.bucket.as_deref().ok_or_else(|| {
                let reason = "the pipeline has exports, but the environment variable CURATED_BUCKET is not set";
                TransformError::InvalidConfiguration(reason.to_owned())
            })?;
            let key = export.key(definition.local(run.logical_at), run.run_id).map_err(|error| {
                let reason = format!("cannot build the key from {}: {error}", export.to);
                TransformError::ExportFailed { at: ledger::label(run), reason }
            })?;
            Ok(PlannedExport { export, bucket, key })
        };
        definition.exports.iter().map(plan).collect()
    }

    /// Writes all exports. After an error some of them may exist.
    pub(crate) async fn write(
        &self,
        claimed: &ClaimedRun<'_>,
        client: &Client,
        exports: &[PlannedExport<'_>],
    ) -> Result<Vec<ExportReport>, TransformError> {
        let mut reports = Vec::with_capacity(exports.len());
        if exports.is_empty() {
            return Ok(reports);
        }
        claimed.begin(client, Mode::Snapshot).await?;
        for planned in exports {
            reports.push(self.write_one(client, planned, claimed.time).await?);
        }
        commit(client).await??;
        Ok(reports)
    }

    async fn write_one(
        &self,
        client: &Client,
        planned: &PlannedExport<'_>,
        time: TimeLimit,
    ) -> Result<ExportReport, TransformError> {
        let PlannedExport { export, bucket, key } = planned;
        let query = match &export.source {
            ExportSource::Table(table) => table_query(client, table, planned).await?,
            ExportSource::Query(text) => {
                let statement = Statement::query(text).map_err(|reason| planned.failed(&reason))?;
                statement.sql
            }
        };
        let mut upload = Upload::new(&self.s3, bucket, key, content_type(export.format));
        let left = time.left();
        let written = timeout(left + ANSWER_OVERTIME, send(client, &query, export.format, left, &mut upload)).await;
        let error = match written {
            Ok(Ok((rows, bytes))) => {
                return Ok(ExportReport { bucket: (*bucket).to_owned(), key: key.clone(), rows, bytes });
            }
            Ok(Err(error)) => planned.error(error, time),
            Err(_) => time.exceeded(planned),
        };
        upload.abort().await;
        Err(error)
    }
}

/// Returns the query for a table: all columns except `_load_id`, which has no meaning outside the database.
async fn table_query(
    client: &Client,
    table: &TableName,
    planned: &PlannedExport<'_>,
) -> Result<String, TransformError> {
    let columns = "select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
                   where attrelid = to_regclass($1) and attnum > 0 and not attisdropped and attname <> '_load_id'";
    let row = client.query_one(columns, &[&table.quoted()]).await?;
    let columns: Option<String> = row.get(0);
    let columns =
        columns.ok_or_else(|| planned.failed(&format!("the table {table} does not exist, or has no columns")))?;
    Ok(format!("select {columns} from {}", table.quoted()))
}

/// Runs the query and writes its rows. Returns rows and bytes.
async fn send(
    client: &Client,
    query: &str,
    format: ExportFormat,
    time: Duration,
    upload: &mut Upload<'_>,
) -> Result<(u64, u64), ExportError> {
    client.batch_execute(&format!("set local statement_timeout = {}", time.as_millis().max(1))).await?;
    let rows = match format {
        ExportFormat::Csv => csv::send(client, query, upload).await?,
        ExportFormat::Parquet => parquet::send(client, query, upload).await?,
    };
    Ok((rows, upload.finish().await?))
}

fn content_type(format: ExportFormat) -> &'static str {
    match format {
        ExportFormat::Csv => "text/csv; charset=utf-8",
        // <https://www.iana.org/assignments/media-types/application/vnd.apache.parquet>
        ExportFormat::Parquet => "application/vnd.apache.parquet",
    }
}

impl PlannedExport<'_> {
    fn failed(&self, reason: &str) -> TransformError {
        TransformError::ExportFailed { at: self.to_string(), reason: reason.to_owned() }
    }

    fn error(&self, error: ExportError, time: TimeLimit) -> TransformError {
        match error {
            ExportError::Storage(error) if error.kind == StorageErrorKind::Unavailable => {
                TransformError::Storage(error)
            }
            ExportError::Storage(error) => self.failed(&error.reason),
            ExportError::Unsupported(reason) => self.failed(&reason),
            ExportError::Database(error) => match StatementError::from(&error) {
                StatementError::Busy(reason) => TransformError::RunInProgress(format!("{self}: {reason}")),
                StatementError::Transient(reason) => DatabaseError::Unavailable(format!("{self}: {reason}")).into(),
                StatementError::Cancelled(_) if time.left().is_zero() => time.exceeded(self),
                StatementError::Cancelled(reason) | StatementError::Permanent { reason, .. } => self.failed(&reason),
            },
        }
    }
}

impl fmt::Display for PlannedExport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.export.source {
            ExportSource::Table(table) => write!(f, "export of {table} to s3://{}/{}", self.bucket, self.key),
            ExportSource::Query(_) => write!(f, "export of a query to s3://{}/{}", self.bucket, self.key),
        }
    }
}
