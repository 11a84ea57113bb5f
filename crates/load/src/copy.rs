//! The way of the rows: S3 chunks go through a bounded channel to a blocking thread that decompresses and validates,
//! and on through a second one into binary COPY. Memory does not grow with the file.

use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use formats::{COPY_HEADER, COPY_TRAILER, Counts, FileError, RandomAccess, Reject, RowSpec, Sink, SinkClosed};
use futures_util::SinkExt;
use pipeline::Dataset;
use postgres::Client;
use protocol::{Compression, Format, LoadRequest, ObjectRef, RejectSample};
use tokio::sync::mpsc;
use tokio::task;
use tokio_postgres::CopyInSink;

use crate::error::LoadError;
use crate::limits::{
    BLOCKS_IN_FLIGHT_MAX, CHUNKS_IN_FLIGHT_MAX, COMPARED_AFTER_REFUSAL_BYTES_MAX, HEADER_KEPT_BYTES_MAX,
};
use crate::ranges;
use crate::rejects::{Rejects, TooMany, as_text};
use crate::source::{Download, Progress, Storage};
use crate::target::Target;

/// Where rows go, and under which load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Destination<'a> {
    pub(crate) client: &'a Client,
    pub(crate) target: &'a Target,
    pub(crate) load_id: i64,
}

#[derive(Debug)]
pub(crate) struct Copied {
    pub(crate) counts: Counts,
    pub(crate) first_rejects: Vec<RejectSample>,
    /// Of a CSV file, empty where the dataset declares none; only where records were refused.
    pub(crate) header: Option<String>,
}

/// Copies the whole object into the table, within the caller's transaction. After an error that transaction must not
/// be committed.
pub(crate) async fn copy(
    destination: Destination<'_>,
    storage: &Storage,
    dataset: &Arc<Dataset>,
    request: &LoadRequest,
    download: Download,
    progress: &Progress,
) -> Result<Copied, LoadError> {
    let object = download.object.clone();
    let copying = Copying { destination, dataset, request, object: &object };
    match request.format {
        Format::Parquet => {
            let (reader, ranges) = ranges::open(storage, download).await?;
            let file: Arc<dyn RandomAccess> = Arc::new(reader);
            let convert = move |spec: &RowSpec<'_>, blocks: &mut _| formats::convert_parquet(spec, &file, blocks);
            copying.run(ranges.serve(progress), convert).await
        }
        Format::Csv | Format::Tsv | Format::Json | Format::Jsonl => {
            let (chunks_in, chunks_out) = mpsc::channel(CHUNKS_IN_FLIGHT_MAX);
            let mut chunks = ChunkReader::new(chunks_out);
            // The whole object is read, even when its parser is content before its end: only then have its length and
            // checksum been compared. One that refuses it may have met damage of the way; of a large one not all that
            // is left is fetched to know.
            let convert = move |spec: &RowSpec<'_>, blocks: &mut _| {
                let counts = formats::convert(spec, &mut chunks, blocks);
                let rest = if counts.is_ok() { u64::MAX } else { COMPARED_AFTER_REFUSAL_BYTES_MAX };
                io::copy(&mut chunks.take(rest), &mut io::sink()).map_err(FileError::Read)?;
                counts
            };
            copying.run(download.send_to(chunks_in, progress), convert).await
        }
    }
}

/// Of which object's rows what becomes.
#[derive(Clone, Copy)]
struct Copying<'a> {
    destination: Destination<'a>,
    dataset: &'a Arc<Dataset>,
    request: &'a LoadRequest,
    object: &'a ObjectRef,
}

impl Copying<'_> {
    /// `fetch` brings the bytes that `convert` waits for.
    async fn run<C>(self, fetch: impl Future<Output = Result<(), LoadError>>, convert: C) -> Result<Copied, LoadError>
    where
        C: FnOnce(&RowSpec<'_>, &mut BlockSink) -> Result<Counts, FileError> + Send + 'static,
    {
        let Self { destination, dataset, request, object } = self;
        let (blocks_in, blocks_out) = mpsc::channel(BLOCKS_IN_FLIGHT_MAX);
        let lineage = destination.target.has_lineage.then_some(destination.load_id);
        let convert = on_a_thread(Arc::clone(dataset), request, lineage, BlockSink(blocks_in), convert);
        let rejects = Rejects::new(dataset.rejects);
        // The first error ends all three. Polled in this order, so that the cause is seen before what it causes.
        let ((), fed, counts) = tokio::try_join!(
            fetch,
            Feed { destination, rejects, header: None, rows_taken: 0 }.run(blocks_out, object),
            async { convert.await.map_err(|source| LoadError::File { object: object.to_string(), source }) },
        )?;

        fed.rejects.judge(&counts).map_err(|too_many| named(object, too_many))?;
        check_counts(&counts, fed.rows_taken)?;
        let header = fed.header.filter(|_| counts.rows_rejected > 0);
        Ok(Copied { counts, first_rejects: fed.rejects.into_first(), header })
    }
}

fn check_counts(counts: &Counts, rows_taken: u64) -> Result<(), LoadError> {
    let Counts { rows_read, rows_loaded, rows_rejected, .. } = *counts;
    if rows_read != rows_loaded + rows_rejected {
        return Err(LoadError::Internal(format!(
            "{rows_read} rows read, but {rows_loaded} loaded and {rows_rejected} rejected"
        )));
    }
    if rows_taken != rows_loaded {
        return Err(LoadError::DatabaseRefused(format!(
            "the table took {rows_taken} of {rows_loaded} rows: one of its triggers drops rows"
        )));
    }
    Ok(())
}

fn named(object: &ObjectRef, TooMany { reason, first }: TooMany) -> LoadError {
    LoadError::TooManyRejects { object: object.to_string(), reason, first }
}

/// How the dataset's files are read.
pub(crate) fn row_spec(dataset: &Dataset, format: Format, compression: Compression) -> RowSpec<'_> {
    let Dataset { columns, null_values, csv, encoding, extra, .. } = dataset;
    RowSpec { columns, null_values, format, compression, csv, encoding: *encoding, extra: *extra, lineage: None }
}

/// Parses on a thread of its own.
async fn on_a_thread<C>(
    dataset: Arc<Dataset>,
    request: &LoadRequest,
    lineage: Option<i64>,
    mut blocks: BlockSink,
    convert: C,
) -> Result<Counts, FileError>
where
    C: FnOnce(&RowSpec<'_>, &mut BlockSink) -> Result<Counts, FileError> + Send + 'static,
{
    let (format, compression) = (request.format, request.compression);
    let thread = task::spawn_blocking(move || {
        let spec = RowSpec { lineage, ..row_spec(&dataset, format, compression) };
        convert(&spec, &mut blocks)
    });
    // Nobody cancels that thread, so it has panicked: the shell catches it, and names it.
    thread.await.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
}

/// Reads on a blocking thread what an async task receives.
pub(crate) struct ChunkReader {
    chunks: mpsc::Receiver<Bytes>,
    chunk: Bytes,
}

impl ChunkReader {
    pub(crate) fn new(chunks: mpsc::Receiver<Bytes>) -> Self {
        Self { chunks, chunk: Bytes::new() }
    }
}

impl Read for ChunkReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            // Closed is the end, good or bad: after a bad one nobody commits what we make of it.
            let Some(chunk) = self.chunks.blocking_recv() else { return Ok(0) };
            self.chunk = chunk;
        }
        let length = buffer.len().min(self.chunk.len());
        self.chunk.split_to(length).copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
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
            // Nobody listens any more: the next block finds out.
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

/// Sends blocks to PostgreSQL. A session does one thing at a time, so rejects are written between two COPYs.
struct Feed<'a> {
    destination: Destination<'a>,
    rejects: Rejects,
    header: Option<String>,
    rows_taken: u64,
}

impl<'a> Feed<'a> {
    async fn run(mut self, mut blocks: mpsc::Receiver<Block>, object: &ObjectRef) -> Result<Feed<'a>, LoadError> {
        let Destination { client, load_id, .. } = self.destination;
        let mut copy = self.begin_copy().await?;
        while let Some(block) = blocks.recv().await {
            match block {
                Block::Header(raw) => self.header = Some(as_text(&raw)),
                Block::Tuples(tuples) => copy.feed(tuples).await?,
                Block::Reject(reject) => self.rejects.push(reject).map_err(|too_many| named(object, too_many))?,
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
        let Destination { client, target, .. } = self.destination;
        let mut copy = Box::pin(client.copy_in(&target.copy_statement()).await?);
        copy.feed(Bytes::from_static(&COPY_HEADER)).await?;
        Ok(copy)
    }

    async fn end_copy(&mut self, mut copy: OpenCopy) -> Result<(), LoadError> {
        copy.feed(Bytes::from_static(&COPY_TRAILER)).await?;
        self.rows_taken += copy.as_mut().finish().await?;
        Ok(())
    }
}
