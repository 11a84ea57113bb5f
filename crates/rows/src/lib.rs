//! Bytes to typed rows to PostgreSQL's binary COPY format: decompression, CSV, JSON, strict types, rejects, limits.
//!
//! No I/O of its own: bytes come from any [`Read`], rows go to any [`Sink`]. Memory does not grow with the file.
//! What is read is loaded exactly as declared, or rejected with its line, column and reason; nothing is guessed.

mod copy;
mod csv;
mod decompress;
mod disguise;
mod error;
mod json;
pub mod limits;
mod output;
mod plan;
mod reject;
mod types;
mod window;

#[cfg(test)]
mod tests;

use std::io::Read;

use contracts::{Compression, Format};
use limits::Limits;
use output::Output;
use plan::Plan;
use window::Window;

pub use copy::{COPY_HEADER, COPY_TRAILER};
pub use error::{FileError, SinkClosed};
pub use reject::Reject;

/// What a file's bytes are, and what its rows shall become.
#[derive(Clone, Copy, Debug)]
pub struct RowSpec<'a> {
    /// The table's columns in the table's order; a row's fields leave in this order.
    pub columns: &'a [pipeline::Column],
    /// Unquoted CSV fields that mean NULL. JSON has a `null` of its own and takes no notice of these.
    pub null_values: &'a [String],
    pub format: Format,
    pub compression: Compression,
    /// Appended to every row as a last bigint field.
    pub lineage: Option<i64>,
}

/// Where rows go. An error stops the reading.
pub trait Sink {
    /// Whole tuples in binary COPY format, without [`COPY_HEADER`] before the first and [`COPY_TRAILER`] after the last.
    fn copy(&mut self, binary_copy_tuples: bytes::Bytes) -> Result<(), SinkClosed>;
    fn reject(&mut self, reject: Reject) -> Result<(), SinkClosed>;
}

/// What became of a file's records: `rows_read = rows_loaded + rows_rejected`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub rows_read: u64,
    pub rows_loaded: u64,
    pub rows_rejected: u64,
    pub decompressed_bytes: u64,
}

/// Turns a file into tuples and rejects, in the file's order, at a memory that does not depend on its size.
///
/// A record that does not fit is rejected and the next one read. An error is about the file as a whole: whatever the
/// sink got until then must be thrown away.
pub fn convert(spec: &RowSpec<'_>, mut input: impl Read, sink: &mut impl Sink) -> Result<Counts, FileError> {
    convert_within(&Limits::DEFAULT, spec, &mut input, sink)
}

/// Not generic, so that the loop over the rows is compiled, and optimised, in this crate.
fn convert_within(
    limits: &Limits,
    spec: &RowSpec<'_>,
    input: &mut dyn Read,
    sink: &mut dyn Sink,
) -> Result<Counts, FileError> {
    let plan = Plan::new(spec);
    let source = decompress::open(spec.compression, input, limits)?;
    let mut window = Window::open(source, limits)?;
    disguise::check(window.unread(), spec)?;
    let mut output = Output::new(&plan, sink, limits);
    match spec.format {
        Format::Csv => csv::read(&plan, &mut window, &mut output, limits)?,
        Format::Json => json::read_array(&plan, &mut window, &mut output)?,
        Format::Jsonl => json::read_lines(&plan, &mut window, &mut output)?,
    }
    output.finish(window.bytes_read())
}
