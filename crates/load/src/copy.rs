//! Copies an object into the table. A bounded channel leads from S3 to a blocking thread, which decompresses and
//! validates. A second one leads from there to binary COPY. So memory does not grow with the file.

use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use formats::{COPY_HEADER, COPY_TRAILER, Counts, FileError, RandomAccess, Reject, RowSpec, Sink, SinkClosed};
use futures_util::SinkExt;
use pipeline::Dataset;
use pipeline::version::{ReplacedRows, replaced_rows};
use postgres::{Client, DatabaseError};
use protocol::{Format, LoadRequest, ObjectRef, RejectSample};
use tokio::sync::mpsc;
use tokio::task;
use tokio_postgres::CopyInSink;

use crate::chunk_reader::{ChunkReader, row_spec};
use crate::download::{Download, DownloadProgress, ObjectSource};
use crate::error::LoadError;
use crate::limits::{
    BLOCKS_IN_FLIGHT_MAX, CHECKSUM_READ_AFTER_ERROR_BYTES_MAX, CHUNKS_IN_FLIGHT_MAX, HEADER_KEPT_BYTES_MAX,
};
use crate::range_reader;
use crate::rejects::{RejectWriter, TooManyRejects, as_text};
use crate::target_table::TargetTable;

/// The session, table and load of a copy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CopyTarget<'a> {
    pub(crate) client: &'a Client,
    pub(crate) table: &'a TargetTable,
    pub(crate) load_id: i64,
    /// The texts of the columns that are not in the records.
    pub(crate) object_values: &'a [Option<String>],
}

/// The result of a copy.
#[derive(Debug)]
pub(crate) struct CopyResult {
    pub(crate) counts: Counts,
    pub(crate) first_rejects: Vec<RejectSample>,
    /// The header of a CSV file with rejects; empty if the dataset declares no header.
    pub(crate) header: Option<String>,
}

/// Copies the whole object into the table, in the caller's transaction. After an error the caller must not commit.
pub(crate) async fn copy(
    target: CopyTarget<'_>,
    source: &ObjectSource,
    dataset: &Arc<Dataset>,
    request: &LoadRequest,
    download: Download,
    progress: &DownloadProgress,
) -> Result<CopyResult, LoadError> {
    let object = download.object.clone();
    let input = CopyInput { target, dataset, request, object: &object };
    match request.format {
        Format::Parquet => {
            let (reader, ranges) = range_reader::open(source, download).await?;
            let file: Arc<dyn RandomAccess> = Arc::new(reader);
            let convert = move |spec: &RowSpec<'_>, blocks: &mut _| formats::convert_parquet(spec, &file, blocks);
            input.run(ranges.serve(progress), convert).await
        }
        Format::Csv | Format::Tsv | Format::Json | Format::Jsonl => {
            let (chunks_in, chunks_out) = mpsc::channel(CHUNKS_IN_FLIGHT_MAX);
            let mut chunks = ChunkReader::new(chunks_out);
            // Read to the end even if the parser stops earlier, because only the end verifies length and checksum. After
            // a parser error, read a limited rest only: the reason may be a corrupt download.
            let convert = move |spec: &RowSpec<'_>, blocks: &mut _| {
                let counts = formats::convert(spec, &mut chunks, blocks);
                let rest = if counts.is_ok() { u64::MAX } else { CHECKSUM_READ_AFTER_ERROR_BYTES_MAX };
                io::copy(&mut chunks.take(rest), &mut io::sink()).map_err(FileError::Read)?;
                counts
            };
            input.run(download.send_to(chunks_in, progress), convert).await
        }
    }
}

/// Inputs of one copy.
#[derive(Clone, Copy)]
struct CopyInput<'a> {
    target: CopyTarget<'a>,
    dataset: &'a Arc<Dataset>,
    request: &'a LoadRequest,
    object: &'a ObjectRef,
}

impl CopyInput<'_> {
    /// Runs the download `fetch` and the parser `convert` until both end.
    async fn run<C>(
        self,
        fetch: impl Future<Output = Result<(), LoadError>>,
        convert: C,
    ) -> Result<CopyResult, LoadError>
    where
        C: FnOnce(&RowSpec<'_>, &mut BlockSink) -> Result<Counts, FileError> + Send + 'static,
    {
        let Self { target, dataset, request, object } = self;
        let (blocks_in, blocks_out) = mpsc::channel(BLOCKS_IN_FLIGHT_MAX);
        let lineage = target.table.has_lineage.then_some(target.load_id);
        let object_values = target.object_values.to_vec();
        let convert = on_a_thread(Arc::clone(dataset), request, object_values, lineage, BlockSink(blocks_in), convert);
        let rejects = RejectWriter::new(dataset.rejects, request.format);
        // The first error ends all three. The order of polling shows a cause before its consequences.
        let ((), writer, counts) = tokio::try_join!(
            fetch,
            CopyWriter { target, rejects, header: None, rows_taken: 0 }.run(blocks_out, object),
            async { convert.await.map_err(|source| LoadError::File { object: object.to_string(), source }) },
        )?;

        writer.rejects.check(&counts).map_err(|too_many| too_many_rejects(object, too_many))?;
        if counts.rows_loaded == 0 && replaced_rows(dataset) == ReplacedRows::Table && !dataset.allow_empty {
            let table = dataset.table.to_string();
            return Err(LoadError::EmptyReplacement { object: object.to_string(), table });
        }
        check_counts(&counts, writer.rows_taken)?;
        if counts.lines_skipped > 0 {
            tracing::info!(load.lines_skipped = counts.lines_skipped, "lines that are no data skipped");
        }
        let header = writer.header.filter(|_| counts.rows_rejected > 0);
        Ok(CopyResult { counts, first_rejects: writer.rejects.into_first(), header })
    }
}

fn check_counts(counts: &Counts, rows_taken: u64) -> Result<(), LoadError> {
    let Counts { rows_read, rows_loaded, rows_rejected, .. } = *counts;
    if rows_read != rows_loaded + rows_rejected {
        return Err(LoadError::Internal(format!(
            "{rows_read} rows read, but {rows_loaded} loaded and {rows_rejected} rejected"
        )));
    }
    if rows_taken == rows_loaded { Ok(()) } else { Err(rows_dropped(rows_taken, rows_loaded)) }
}

/// Returns the error for a table that stored fewer rows than were sent.
pub(crate) fn rows_dropped(rows_taken: u64, rows_sent: u64) -> LoadError {
    let reason =
        format!("the table stored {rows_taken} of {rows_sent} rows, because a trigger of the table drops rows");
    DatabaseError::Refused(reason).into()
}

fn too_many_rejects(object: &ObjectRef, TooManyRejects { reason, first }: TooManyRejects) -> LoadError {
    LoadError::TooManyRejects { object: object.to_string(), reason, first }
}

/// Parses on a blocking thread.
async fn on_a_thread<C>(
    dataset: Arc<Dataset>,
    request: &LoadRequest,
    object_values: Vec<Option<String>>,
    lineage: Option<i64>,
    mut blocks: BlockSink,
    convert: C,
) -> Result<Counts, FileError>
where
    C: FnOnce(&RowSpec<'_>, &mut BlockSink) -> Result<Counts, FileError> + Send + 'static,
{
    let (format, compression) = (request.format, request.compression);
    let thread = task::spawn_blocking(move || {
        let spec = RowSpec { object_values: &object_values, lineage, ..row_spec(&dataset, format, compression) };
        convert(&spec, &mut blocks)
    });
    // The task is never cancelled, so an error is a panic. The function reports it as `InternalError`.
    thread.await.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
}

/// Returns the number of the row in the context of a COPY error: `COPY orders, line 3`.
fn row_of_context(context: &str) -> Option<u64> {
    let (_, row) = context.strip_prefix("COPY ")?.rsplit_once(", line ")?;
    row.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

enum Block {
    Header(Vec<u8>),
    Tuples(Bytes),
    Reject(Reject),
}

struct BlockSink(mpsc::Sender<Block>);

impl Sink for BlockSink {
    fn header(&mut self, raw: &[u8]) {
        if raw.len() <= HEADER_KEPT_BYTES_MAX {
            // If the receiver is closed, the next block returns the error.
            let _ = self.0.blocking_send(Block::Header(raw.to_vec()));
        }
    }

    fn copy(&mut self, binary_copy_tuples: Bytes) -> Result<(), SinkClosed> {
        self.0.blocking_send(Block::Tuples(binary_copy_tuples)).map_err(|_| SinkClosed)
    }

    fn reject(&mut self, reject: Reject) -> Result<(), SinkClosed> {
        self.0.blocking_send(Block::Reject(reject)).map_err(|_| SinkClosed)
    }
}

type OpenCopy = Pin<Box<CopyInSink<Bytes>>>;

/// Sends blocks to PostgreSQL. A session runs one statement at a time, so rejects are written between two COPYs.
struct CopyWriter<'a> {
    target: CopyTarget<'a>,
    rejects: RejectWriter,
    header: Option<String>,
    rows_taken: u64,
}

impl<'a> CopyWriter<'a> {
    async fn run(mut self, mut blocks: mpsc::Receiver<Block>, object: &ObjectRef) -> Result<CopyWriter<'a>, LoadError> {
        let CopyTarget { client, load_id, .. } = self.target;
        let mut copy = self.begin_copy().await?;
        while let Some(block) = blocks.recv().await {
            match block {
                Block::Header(raw) => self.header = Some(as_text(&raw)),
                Block::Tuples(tuples) => copy.feed(tuples).await.map_err(|error| self.copy_error(error))?,
                Block::Reject(reject) => {
                    self.rejects.push(reject).map_err(|too_many| too_many_rejects(object, too_many))?;
                }
            }
            if self.rejects.batch_is_full() {
                self.end_copy(copy).await?;
                self.rejects.write(client, load_id).await?;
                copy = self.begin_copy().await?;
            }
        }
        self.end_copy(copy).await?;
        self.rejects.write(client, load_id).await?;
        Ok(self)
    }

    async fn begin_copy(&self) -> Result<OpenCopy, LoadError> {
        let CopyTarget { client, table, .. } = self.target;
        let mut copy = Box::pin(client.copy_in(&table.copy_statement()).await?);
        copy.feed(Bytes::from_static(&COPY_HEADER)).await?;
        Ok(copy)
    }

    async fn end_copy(&mut self, mut copy: OpenCopy) -> Result<(), LoadError> {
        copy.feed(Bytes::from_static(&COPY_TRAILER)).await.map_err(|error| self.copy_error(error))?;
        self.rows_taken += copy.as_mut().finish().await.map_err(|error| self.copy_error(error))?;
        Ok(())
    }

    /// Adds the number of the row to the error of a violated constraint. Rejected rows do not count.
    fn copy_error(&self, error: tokio_postgres::Error) -> LoadError {
        let row = error.as_db_error().filter(|error| error.code().code().starts_with("23"));
        let row = row.and_then(|error| row_of_context(error.where_()?));
        match (DatabaseError::from(error), row) {
            (DatabaseError::Refused(reason), Some(row)) => {
                let row = self.rows_taken + row;
                DatabaseError::Refused(format!("{reason}; at row {row} of the file, rejected rows not counted")).into()
            }
            (error, _) => error.into(),
        }
    }
}
