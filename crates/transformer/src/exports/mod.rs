//! What a run writes to the curated bucket when its transforms are committed: each object whole or not at all, and all
//! of them from one snapshot.

mod column;
mod csv;
mod parquet;
mod precision;

use std::fmt;
use std::time::Duration;

use ::parquet::errors::ParquetError;
use aws_sdk_s3::Client as S3;
use object_store::{StorageError, StorageErrorKind, Upload};
use pipeline::sql::Statement;
use pipeline::{Definition, Export, ExportFormat, ExportSource, TableName};
use postgres::{Client, Mode};
use protocol::ExportReport;
use tokio::time::timeout;

use crate::error::{Refusal, TransformError};
use crate::ledger;
use crate::limits::ANSWER_OVERTIME;
use crate::running::{Running, commit};
use crate::time::Time;

/// Where exports go.
#[derive(Debug)]
pub(crate) struct Curated {
    pub(crate) s3: S3,
    pub(crate) bucket: Option<String>,
}

/// One export of a run, with its place.
#[derive(Debug)]
pub(crate) struct Planned<'a> {
    export: &'a Export,
    bucket: &'a str,
    key: String,
}

impl Curated {
    /// Where each export goes; fails before anything is executed for it.
    pub(crate) fn plan<'a>(
        &'a self,
        definition: &'a Definition,
        run: &protocol::RunRef,
    ) -> Result<Vec<Planned<'a>>, TransformError> {
        let plan = |export: &'a Export| {
            let bucket = self.bucket.as_deref().ok_or_else(|| {
                let reason = "the environment variable CURATED_BUCKET is not set, and the pipeline has exports";
                TransformError::InvalidConfiguration(reason.to_owned())
            })?;
            let key = export.key(definition.local(run.logical_at), run.run_id).map_err(|error| {
                let reason = format!("the key {} cannot be built: {error}", export.to);
                TransformError::ExportFailed { at: ledger::label(run), reason }
            })?;
            Ok(Planned { export, bucket, key })
        };
        definition.exports.iter().map(plan).collect()
    }

    /// Writes them all. After an error some may have been written, as whole objects.
    pub(crate) async fn write(
        &self,
        running: &Running<'_>,
        client: &Client,
        exports: &[Planned<'_>],
    ) -> Result<Vec<ExportReport>, TransformError> {
        let mut reports = Vec::with_capacity(exports.len());
        if exports.is_empty() {
            return Ok(reports);
        }
        running.begin(client, Mode::Snapshot).await?;
        for planned in exports {
            reports.push(self.write_one(client, planned, running.time).await?);
        }
        commit(client).await??;
        Ok(reports)
    }

    async fn write_one(
        &self,
        client: &Client,
        planned: &Planned<'_>,
        time: Time,
    ) -> Result<ExportReport, TransformError> {
        let Planned { export, bucket, key } = planned;
        let query = match &export.source {
            ExportSource::Table(table) => columns_of(client, table, planned).await?,
            ExportSource::Query(text) => {
                let statement = Statement::query(text).map_err(|reason| planned.failed(&reason))?;
                statement.sql
            }
        };
        let mut upload = Upload::new(&self.s3, bucket, key, content_type(export.format));
        let left = time.left();
        let written = timeout(left + ANSWER_OVERTIME, send(client, &query, export.format, left, &mut upload)).await;
        let broken = match written {
            Ok(Ok((rows, bytes))) => {
                return Ok(ExportReport { bucket: (*bucket).to_owned(), key: key.clone(), rows, bytes });
            }
            Ok(Err(broken)) => planned.broken(broken, time),
            Err(_) => time.exceeded(planned),
        };
        upload.abort().await;
        Err(broken)
    }
}

/// The query for a table: its columns but for lineage, which means nothing outside of the database.
async fn columns_of(client: &Client, table: &TableName, planned: &Planned<'_>) -> Result<String, TransformError> {
    let columns = "select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
                   where attrelid = to_regclass($1) and attnum > 0 and not attisdropped and attname <> '_load_id'";
    let row = client.query_one(columns, &[&table.quoted()]).await?;
    let columns: Option<String> = row.get(0);
    let columns = columns.ok_or_else(|| planned.failed(&format!("there is no table {table} with columns")))?;
    Ok(format!("select {columns} from {}", table.quoted()))
}

/// Rows, and bytes.
async fn send(
    client: &Client,
    query: &str,
    format: ExportFormat,
    time: Duration,
    upload: &mut Upload<'_>,
) -> Result<(u64, u64), Broken> {
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

#[derive(Debug)]
enum Broken {
    Database(tokio_postgres::Error),
    Storage(StorageError),
    /// What the query gives cannot be written in this format.
    Refused(String),
}

impl From<String> for Broken {
    fn from(reason: String) -> Self {
        Self::Refused(reason)
    }
}

impl From<ParquetError> for Broken {
    fn from(error: ParquetError) -> Self {
        Self::Refused(error.to_string())
    }
}

impl From<tokio_postgres::Error> for Broken {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}

impl From<StorageError> for Broken {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl Planned<'_> {
    fn failed(&self, reason: &str) -> TransformError {
        TransformError::ExportFailed { at: self.to_string(), reason: reason.to_owned() }
    }

    fn broken(&self, broken: Broken, time: Time) -> TransformError {
        match broken {
            Broken::Storage(error) if error.kind == StorageErrorKind::Unavailable => TransformError::Storage(error),
            Broken::Storage(error) => self.failed(&error.reason),
            Broken::Refused(reason) => self.failed(&reason),
            Broken::Database(error) => match Refusal::of(&error) {
                Refusal::Busy(reason) => TransformError::RunInProgress(format!("{self}: {reason}")),
                Refusal::Passing(reason) => TransformError::DatabaseUnavailable(format!("{self}: {reason}")),
                Refusal::Cancelled(_) if time.left().is_zero() => time.exceeded(self),
                Refusal::Cancelled(reason) | Refusal::Lasting { reason, .. } => self.failed(&reason),
            },
        }
    }
}

impl fmt::Display for Planned<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.export.source {
            ExportSource::Table(table) => write!(f, "export of {table} to s3://{}/{}", self.bucket, self.key),
            ExportSource::Query(_) => write!(f, "export of a query to s3://{}/{}", self.bucket, self.key),
        }
    }
}
