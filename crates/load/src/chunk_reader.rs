//! Input of the parser threads that read an object as a stream.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use formats::RowSpec;
use pipeline::Dataset;
use protocol::{Compression, Format};
use tokio::sync::mpsc;

/// Reads the chunks of an async task on a blocking thread.
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
            // A closed channel reads as the end of the file. After an error of the download the load never commits.
            let Some(chunk) = self.chunks.blocking_recv() else { return Ok(0) };
            self.chunk = chunk;
        }
        let length = buffer.len().min(self.chunk.len());
        self.chunk.split_to(length).copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

/// Returns the parser settings of a dataset.
pub(crate) fn row_spec(dataset: &Dataset, format: Format, compression: Compression) -> RowSpec<'_> {
    let Dataset { columns, null_values, csv, header_match, encoding, extra, .. } = dataset;
    let (header_match, encoding, extra) = (*header_match, *encoding, *extra);
    RowSpec {
        columns,
        null_values,
        format,
        compression,
        csv,
        header_match,
        json_records: dataset.json_records.as_deref(),
        encoding,
        extra,
        object_values: &[],
        lineage: None,
    }
}
