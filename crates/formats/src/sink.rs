use bytes::Bytes;

use crate::error::SinkClosed;
use crate::reject::Reject;

/// Receives rows and rejects. An error stops the conversion.
pub trait Sink {
    /// Receives the CSV header without its line end, before any row. It is UTF-8, and empty if the dataset declares no
    /// header.
    fn header(&mut self, _raw: &[u8]) {}
    /// Receives whole tuples in binary COPY format, without [`COPY_HEADER`](crate::COPY_HEADER) and
    /// [`COPY_TRAILER`](crate::COPY_TRAILER).
    fn copy(&mut self, binary_copy_tuples: Bytes) -> Result<(), SinkClosed>;
    fn reject(&mut self, reject: Reject) -> Result<(), SinkClosed>;
}

/// Counts of one file. `rows_read = rows_loaded + rows_rejected` always holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub rows_read: u64,
    pub rows_loaded: u64,
    pub rows_rejected: u64,
    /// Lines of all rejected rows. A rejected CSV record or JSON object can span several lines.
    pub lines_rejected: u64,
    /// Lines that are no data by `csv.skip`, `csv.skip_footer` and `csv.skip_blank`, and Excel's line `sep=`.
    pub lines_skipped: u64,
    pub decompressed_bytes: u64,
}
