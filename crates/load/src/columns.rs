//! Determines the columns of a file if the definition leaves them to the file: it declares none, or new ones are added.
//!
//! The table is the record. Columns are inferred from the file that creates the table. After that the columns of the
//! table are the declaration, and a change of the table changes the declaration.

use std::sync::Arc;

use formats::{FileError, Inference, RandomAccess, RowSpec};
use pipeline::{Column, Dataset, Evolve, Extra};
use postgres::Client;
use protocol::{Format, LoadRequest};
use tokio::sync::mpsc;
use tokio::task::{self, JoinHandle};

use crate::chunk_reader::{ChunkReader, row_spec};
use crate::download::{Download, DownloadProgress, ObjectSource};
use crate::error::LoadError;
use crate::existing_table::ExistingTable;
use crate::limits::CHUNKS_IN_FLIGHT_MAX;
use crate::{inferred_columns, range_reader};

/// A dataset with all columns of one file.
#[derive(Debug)]
pub(crate) struct ResolvedColumns {
    /// The dataset with the columns that are loaded.
    pub(crate) dataset: Arc<Dataset>,
    /// The columns that this file adds to the table.
    pub(crate) inferred: Vec<Column>,
}

/// Inputs of an inference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InferenceInput<'a> {
    pub(crate) client: &'a Client,
    pub(crate) source: &'a ObjectSource,
    pub(crate) request: &'a LoadRequest,
    pub(crate) progress: &'a DownloadProgress,
}

impl ResolvedColumns {
    /// Determines the columns. If they must be inferred, this reads the whole object and opens it once more.
    pub(crate) async fn resolve(
        input: InferenceInput<'_>,
        dataset: &Arc<Dataset>,
        table: Option<&ExistingTable>,
        download: Download,
    ) -> Result<(Self, Download), LoadError> {
        if !dataset.infers_columns() && dataset.evolve == Evolve::Fail {
            return Ok((Self { dataset: Arc::clone(dataset), inferred: Vec::new() }, download));
        }
        let in_table = match table {
            Some(table) => table.undeclared(dataset, &inferred_columns::headers(input.client, &dataset.table).await?),
            None => Vec::new(),
        };
        let has_default = |column: &Column| table.is_some_and(|table| table.has_default(column));
        let is_fixed = table.is_some() && dataset.evolve == Evolve::Fail;
        if is_fixed && !in_table.iter().any(has_default) {
            return Ok((Self::new(dataset, in_table, Vec::new()), download));
        }
        let known = [dataset.columns.clone(), in_table.clone()].concat();
        let object = download.object.clone();
        let Inference { known, new } = infer(input, dataset, known, download).await?;
        let undeclared: Vec<Column> = match (known.is_empty(), new.is_empty(), dataset.infers_columns()) {
            // The file fills a column with a default, if it has the column.
            _ if is_fixed => {
                in_table.into_iter().filter(|column| !has_default(column) || known.contains(&column.name)).collect()
            }
            // A file without rows has no columns. It keeps those of the table.
            (true, true, true) => in_table.into_iter().filter(|column| !has_default(column)).collect(),
            _ => in_table.into_iter().filter(|column| known.contains(&column.name)).collect(),
        };
        let columns = Self::new(dataset, undeclared, if is_fixed { Vec::new() } else { new });
        if columns.dataset.columns.is_empty() {
            return Err(LoadError::NothingToInfer { object: object.to_string() });
        }
        let download = input.source.open(&object, input.request.format).await?;
        Ok((columns, download))
    }

    fn new(dataset: &Dataset, undeclared: Vec<Column>, inferred: Vec<Column>) -> Self {
        let columns = [dataset.columns.clone(), undeclared, inferred.clone()].concat();
        // A field that is still no column occurs in rejected rows only.
        let extra = if dataset.evolve == Evolve::Add { Extra::Ignore } else { dataset.extra };
        Self { dataset: Arc::new(Dataset { columns, extra, ..dataset.clone() }), inferred }
    }
}

async fn infer(
    input: InferenceInput<'_>,
    dataset: &Arc<Dataset>,
    known: Vec<Column>,
    download: Download,
) -> Result<Inference, LoadError> {
    let InferenceInput { source, request, progress, .. } = input;
    let object = download.object.to_string();
    let (format, compression) = (request.format, request.compression);
    let dataset = Arc::clone(dataset);
    match format {
        Format::Parquet => {
            let (reader, ranges) = range_reader::open(source, download).await?;
            let file: Arc<dyn RandomAccess> = Arc::new(reader);
            let thread = task::spawn_blocking(move || {
                let spec = RowSpec { columns: &known, ..row_spec(&dataset, format, compression) };
                formats::infer_parquet(&spec, &file)
            });
            join(object, ranges.serve(progress), thread).await
        }
        Format::Csv | Format::Tsv | Format::Json | Format::Jsonl => {
            let (chunks_in, chunks_out) = mpsc::channel(CHUNKS_IN_FLIGHT_MAX);
            let thread = task::spawn_blocking(move || {
                let spec = RowSpec { columns: &known, ..row_spec(&dataset, format, compression) };
                formats::infer(&spec, ChunkReader::new(chunks_out))
            });
            join(object, download.send_to(chunks_in, progress), thread).await
        }
    }
}

/// Runs `fetch` until the inference of `thread` has its bytes, and returns the result.
async fn join(
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
