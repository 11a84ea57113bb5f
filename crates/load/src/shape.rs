//! The columns that a file's rows shall have, where the definition leaves that to the file: none are declared, or new
//! ones are to be added.
//!
//! The table is the record. Columns are inferred from the file that comes before there is a table; from then on the
//! table's columns are the declaration, and whoever changes them there has changed it.

use std::collections::HashMap;
use std::sync::Arc;

use formats::{FileError, Inference, RandomAccess, RowSpec};
use pipeline::{Column, Dataset, Evolve, Extra, TableName};
use postgres::Client;
use protocol::{Format, LoadRequest};
use tokio::sync::mpsc;
use tokio::task::{self, JoinHandle};

use crate::copy::{ChunkReader, row_spec};
use crate::error::LoadError;
use crate::limits::CHUNKS_IN_FLIGHT_MAX;
use crate::ranges;
use crate::relation::Relation;
use crate::source::{Download, Progress, Storage};

#[derive(Debug)]
pub(crate) struct Shape {
    /// With the columns that are loaded.
    pub(crate) dataset: Arc<Dataset>,
    /// Those of them that this file brought.
    pub(crate) inferred: Vec<Column>,
}

/// Where a shape is looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) client: &'a Client,
    pub(crate) storage: &'a Storage,
    pub(crate) request: &'a LoadRequest,
    pub(crate) progress: &'a Progress,
}

impl Shape {
    /// Reads the file once more when its columns have to be inferred, of the same version; else not a byte of it.
    pub(crate) async fn of(
        place: Place<'_>,
        dataset: &Arc<Dataset>,
        relation: Option<&Relation>,
        download: Download,
    ) -> Result<(Self, Download), LoadError> {
        if !dataset.infers_columns() && dataset.evolve == Evolve::Fail {
            return Ok((Self { dataset: Arc::clone(dataset), inferred: Vec::new() }, download));
        }
        let in_table = match relation {
            Some(relation) => relation.undeclared(dataset, &headers(place.client, &dataset.table).await?),
            None => Vec::new(),
        };
        if relation.is_some() && dataset.evolve == Evolve::Fail {
            return Ok((Self::with(dataset, in_table, Vec::new()), download));
        }
        let known = [dataset.columns.clone(), in_table.clone()].concat();
        let object = download.object.clone();
        let Inference { known, new } = look(place, dataset, known, download).await?;
        let undeclared: Vec<Column> = match (known.is_empty(), new.is_empty(), dataset.infers_columns()) {
            // A file without rows shows nothing, and changes nothing.
            (true, true, true) => in_table,
            _ => in_table.into_iter().filter(|column| known.contains(&column.name)).collect(),
        };
        let shape = Self::with(dataset, undeclared, new);
        if shape.dataset.columns.is_empty() {
            return Err(LoadError::NothingToInfer { object: object.to_string() });
        }
        let download = place.storage.open(&object, place.request.format).await?;
        Ok((shape, download))
    }

    fn with(dataset: &Dataset, undeclared: Vec<Column>, inferred: Vec<Column>) -> Self {
        let columns = [dataset.columns.clone(), undeclared, inferred.clone()].concat();
        // A name that is no column by now is only in rows that were rejected.
        let extra = if dataset.evolve == Evolve::Add { Extra::Ignore } else { dataset.extra };
        Self { dataset: Arc::new(Dataset { columns, extra, ..dataset.clone() }), inferred }
    }
}

async fn look(
    place: Place<'_>,
    dataset: &Arc<Dataset>,
    known: Vec<Column>,
    download: Download,
) -> Result<Inference, LoadError> {
    let Place { storage, request, progress, .. } = place;
    let object = download.object.to_string();
    let (format, compression) = (request.format, request.compression);
    let dataset = Arc::clone(dataset);
    match format {
        Format::Parquet => {
            let (reader, ranges) = ranges::open(storage, download).await?;
            let file: Arc<dyn RandomAccess> = Arc::new(reader);
            let thread = task::spawn_blocking(move || {
                let spec = RowSpec { columns: &known, ..row_spec(&dataset, format, compression) };
                formats::infer_parquet(&spec, &file)
            });
            inferred(object, ranges.serve(progress), thread).await
        }
        Format::Csv | Format::Tsv | Format::Json | Format::Jsonl => {
            let (chunks_in, chunks_out) = mpsc::channel(CHUNKS_IN_FLIGHT_MAX);
            let thread = task::spawn_blocking(move || {
                let spec = RowSpec { columns: &known, ..row_spec(&dataset, format, compression) };
                formats::infer(&spec, ChunkReader::new(chunks_out))
            });
            inferred(object, download.send_to(chunks_in, progress), thread).await
        }
    }
}

/// `fetch` brings the bytes that the thread waits for.
async fn inferred(
    object: String,
    fetch: impl Future<Output = Result<(), LoadError>>,
    thread: JoinHandle<Result<Inference, FileError>>,
) -> Result<Inference, LoadError> {
    let inferred = async {
        let inferred = thread.await.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()));
        inferred.map_err(|source| LoadError::File { object, source })
    };
    let ((), inference) = tokio::try_join!(fetch, inferred)?;
    Ok(inference)
}

/// By column: what files call it.
async fn headers(client: &Client, table: &TableName) -> Result<HashMap<String, String>, LoadError> {
    let found = client
        .query(r#"select "column", header from penstock.inferred_column where table_name = $1"#, &[&table.to_string()])
        .await?;
    Ok(found.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Remembers what files call these columns of the table.
pub(crate) async fn record(client: &Client, table: &TableName, columns: &[Column]) -> Result<(), LoadError> {
    if columns.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let headers: Vec<&str> = columns.iter().map(|column| column.header.as_str()).collect();
    client
        .execute(
            r#"insert into penstock.inferred_column (table_name, "column", header)
               select $1, c.* from unnest($2::text[], $3::text[]) as c
               on conflict (table_name, "column")
               do update set header = excluded.header, inferred_at = excluded.inferred_at"#,
            &[&table.to_string(), &names, &headers],
        )
        .await?;
    Ok(())
}
