use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use formats::{COPY_HEADER, COPY_TRAILER, Counts, FileError, RandomAccess, Reject, RowSpec, Sink, SinkClosed};
use futures_util::SinkExt;
use pipeline::{Dataset, Extra, RESCUED_COLUMN};
use protocol::Format;
use tokio_postgres::Client;

use crate::case::{Case, TextRow};

/// The result of converting a case's file.
pub(crate) enum CaseResult {
    Rows { loaded: Vec<TextRow>, rejected: Vec<Reject>, counts: Counts },
    Failure { name: &'static str, message: String },
}

/// A database with one table per case.
pub(crate) struct TestTables {
    pub(crate) client: Client,
}

#[derive(Default)]
struct CollectingSink {
    tuples: Vec<Bytes>,
    rejected: Vec<Reject>,
}

impl Sink for CollectingSink {
    fn copy(&mut self, binary_copy_tuples: Bytes) -> Result<(), SinkClosed> {
        self.tuples.push(binary_copy_tuples);
        Ok(())
    }

    fn reject(&mut self, reject: Reject) -> Result<(), SinkClosed> {
        self.rejected.push(reject);
        Ok(())
    }
}

impl TestTables {
    pub(crate) async fn prepare(client: Client) -> Result<Self, tokio_postgres::Error> {
        // The text of dates and instants depends on these settings.
        client.batch_execute("create schema corpus; set timezone = 'UTC'; set datestyle = 'ISO'").await?;
        Ok(Self { client })
    }

    pub(crate) async fn load(&self, case: &Case) -> Result<CaseResult, Box<dyn Error>> {
        let (collected, converted) = convert(case)?;
        let counts = match converted {
            Ok(counts) => counts,
            Err(error) => return Ok(CaseResult::Failure { name: variant_of(&error), message: error.to_string() }),
        };
        self.create_table(&case.dataset).await?;
        self.copy(&case.dataset, collected.tuples).await.map_err(explain)?;
        let loaded = self.read_back(&case.dataset).await?;
        Ok(CaseResult::Rows { loaded, rejected: collected.rejected, counts })
    }

    async fn create_table(&self, dataset: &Dataset) -> Result<(), tokio_postgres::Error> {
        let declared = |column: &pipeline::Column| {
            let not_null = if column.not_null { " not null" } else { "" };
            format!("{} {}{not_null}", column.name.quoted(), column.kind.sql())
        };
        let columns = list(dataset, declared, &format!("{RESCUED_COLUMN} jsonb"));
        self.client.batch_execute(&format!("create table {} ({columns})", dataset.table.quoted())).await
    }

    async fn copy(&self, dataset: &Dataset, tuples: Vec<Bytes>) -> Result<(), tokio_postgres::Error> {
        let columns = list(dataset, |column| column.name.quoted(), RESCUED_COLUMN);
        let statement = format!("copy {} ({columns}) from stdin (format binary)", dataset.table.quoted());
        let mut stream = pin!(self.client.copy_in(&statement).await?);
        stream.send(Bytes::from_static(&COPY_HEADER)).await?;
        for block in tuples {
            stream.send(block).await?;
        }
        stream.send(Bytes::from_static(&COPY_TRAILER)).await?;
        stream.finish().await.map(|_rows| ())
    }

    async fn read_back(&self, dataset: &Dataset) -> Result<Vec<TextRow>, tokio_postgres::Error> {
        let text = |column: &pipeline::Column| format!("{}::text", column.name.quoted());
        let columns = list(dataset, text, &format!("{RESCUED_COLUMN}::text"));
        // In a table without updates and deletes, the physical order is the order of the COPY.
        let statement = format!("select {columns} from {} order by ctid", dataset.table.quoted());
        let rows = self.client.query(&statement, &[]).await?;
        Ok(rows.iter().map(|row| (0..row.len()).map(|column| row.get(column)).collect()).collect())
    }
}

type Conversion = (CollectingSink, Result<Counts, FileError>);

fn convert(case: &Case) -> Result<Conversion, &'static str> {
    let spec = RowSpec {
        json_records: case.dataset.json_records.as_deref(),
        columns: &case.dataset.columns,
        null_values: &case.dataset.null_values,
        format: case.format,
        compression: case.compression,
        csv: &case.dataset.csv,
        header_match: case.dataset.header_match,
        encoding: case.dataset.encoding,
        extra: case.dataset.extra,
        object_values: &case.object_values,
        lineage: None,
    };
    let mut collected = CollectingSink::default();
    // A panic in one case must not hide the results of the others.
    let converting = AssertUnwindSafe(|| match case.format {
        Format::Parquet => {
            let file: Arc<dyn RandomAccess> = Arc::new(Bytes::from(case.input.clone()));
            formats::convert_parquet(&spec, &file, &mut collected)
        }
        _ => formats::convert(&spec, case.input.as_slice(), &mut collected),
    });
    let converted = std::panic::catch_unwind(converting).map_err(|_| "the conversion panicked")?;
    Ok((collected, converted))
}

/// Lists the declared columns of the records, then `rescued` if the dataset rescues columns, then the other columns.
fn list(dataset: &Dataset, item: impl Fn(&pipeline::Column) -> String, rescued: &str) -> String {
    let (in_records, others): (Vec<_>, Vec<_>) =
        dataset.columns.iter().partition(|column| column.source.is_in_records());
    let mut items: Vec<_> = in_records.into_iter().map(&item).collect();
    if dataset.extra == Extra::Rescue {
        items.push(rescued.to_owned());
    }
    items.extend(others.into_iter().map(item));
    items.join(", ")
}

fn explain(error: tokio_postgres::Error) -> Box<dyn Error> {
    match error.as_db_error() {
        Some(refusal) => format!("PostgreSQL refuses the tuples: {refusal} ({:?})", refusal.where_()).into(),
        None => error.into(),
    }
}

fn variant_of(error: &FileError) -> &'static str {
    match error {
        FileError::Empty => "Empty",
        FileError::HeaderMismatch { .. } => "HeaderMismatch",
        FileError::Malformed { .. } => "Malformed",
        FileError::RecordTooLarge { .. } => "RecordTooLarge",
        FileError::DecompressionLimit { .. } => "DecompressionLimit",
        FileError::Read(_) => "Read",
        FileError::Closed(_) => "Closed",
    }
}

impl CaseResult {
    pub(crate) fn summary(&self) -> String {
        match self {
            Self::Failure { name, message } => format!("{name}: {}", cut(message)),
            Self::Rows { loaded, rejected, .. } => {
                let first = rejected.first().map(|reject| format!("; {}", cut(&reject_summary(reject))));
                format!("{} loaded, {} rejected{}", loaded.len(), rejected.len(), first.unwrap_or_default())
            }
        }
    }
}

pub(crate) fn reject_summary(reject: &Reject) -> String {
    let column = reject.column.as_ref().map(|column| format!(", column {column}")).unwrap_or_default();
    format!("line {}{column}: {}", reject.line, reject.reason)
}

fn cut(text: &str) -> String {
    const CHARS_MAX: usize = 120;
    let mut short: String = text.chars().take(CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
