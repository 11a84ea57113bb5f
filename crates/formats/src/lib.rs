//! Bytes to typed rows to PostgreSQL's binary COPY format: decompression, CSV, JSON, strict types, rejects, limits.
//!
//! No I/O of its own: bytes come from any [`Read`], rows go to any [`Sink`]. Memory does not grow with the file.
//! What is read is loaded exactly as declared, or rejected with its line, column and reason. Nothing is guessed but the
//! delimiter of a file whose dataset declares none, and that only where its header leaves no choice.

mod columns;
mod copy;
mod csv;
mod decompress;
mod disguise;
mod error;
mod infer;
mod json;
pub mod limits;
mod numeric;
mod output;
mod parquet;
mod plan;
mod reject;
mod rescued;
mod transcode;
mod types;
mod window;

#[cfg(test)]
mod tests;

use std::io::{self, Read};
use std::sync::Arc;

use limits::Limits;
use output::Output;
use pipeline::{CsvOptions, Encoding, Extra};
use plan::Plan;
use protocol::{Compression, Format};
use transcode::Source;
use window::Window;

pub use copy::{COPY_HEADER, COPY_TRAILER};
pub use error::{FileError, SinkClosed};
pub use infer::{Inference, infer};
pub use numeric::Numeric;
pub use parquet::RandomAccess;
pub use reject::Reject;

/// What a file's bytes are, and what its rows shall become.
#[derive(Clone, Copy, Debug)]
pub struct RowSpec<'a> {
    /// The table's columns in the table's order; a row's fields leave in this order, then [`pipeline::RESCUED_COLUMN`]
    /// if there is one, then the lineage.
    pub columns: &'a [pipeline::Column],
    /// Unquoted CSV fields that mean NULL. JSON has a `null` of its own and takes no notice of these.
    pub null_values: &'a [String],
    pub format: Format,
    /// As the file's name says it. A file whose name says none is decompressed all the same when it begins as gzip or
    /// zstd do.
    pub compression: Compression,
    pub csv: &'a CsvOptions,
    /// Byte order marks are never data. UTF-8 may have one and needs none; UTF-16 needs one, unless its byte order is
    /// declared, and then none of the other order may come; a file in a one-byte encoding must not begin with UTF-8's.
    pub encoding: Encoding,
    /// What becomes of columns, or keys, that the dataset does not have. [`Extra::Rescue`] adds a jsonb field to every
    /// tuple: an object of name and value (text in CSV) without those that are NULL, or NULL.
    pub extra: Extra,
    /// Appended to every row as a last bigint field.
    pub lineage: Option<i64>,
}

/// Where rows go. An error stops the reading.
pub trait Sink {
    /// The header of a CSV file as it stands there, without its line end, or empty where none is declared. UTF-8, and before
    /// all else.
    fn header(&mut self, _raw: &[u8]) {}
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

/// The delimiter of a CSV file that is not the one of its ending, so that a dataset for such files declares it. Reads
/// the header alone.
pub fn unusual_delimiter(spec: &RowSpec<'_>, mut input: impl Read) -> Result<Option<u8>, FileError> {
    let limits = &Limits::DEFAULT;
    let mut window = open(spec, &mut input, limits)?;
    let found = csv::delimiter::find(spec.format, spec.csv, &Plan::new(spec), &mut window, limits)?;
    Ok(Some(found).filter(|found| *found != csv::delimiter::by_ending(spec.format)))
}

/// Turns a file into tuples and rejects, in the file's order, at a memory that does not depend on its size.
///
/// A record that does not fit is rejected and the next one read. An error is about the file as a whole: whatever the
/// sink got until then must be thrown away.
pub fn convert(spec: &RowSpec<'_>, mut input: impl Read, sink: &mut impl Sink) -> Result<Counts, FileError> {
    convert_within(&Limits::DEFAULT, spec, &mut input, sink)
}

/// The same for Parquet, which is no stream: its end says where its columns lie.
pub fn convert_parquet(
    spec: &RowSpec<'_>,
    file: &Arc<dyn RandomAccess>,
    sink: &mut impl Sink,
) -> Result<Counts, FileError> {
    convert_parquet_within(&Limits::DEFAULT, spec, file, sink)
}

fn convert_parquet_within(
    limits: &Limits,
    spec: &RowSpec<'_>,
    file: &Arc<dyn RandomAccess>,
    sink: &mut dyn Sink,
) -> Result<Counts, FileError> {
    let plan = Plan::new(spec);
    let mut output = Output::new(&plan, sink, limits);
    let decompressed_bytes = parquet::read(&plan, file, &mut output, limits)?;
    output.finish(decompressed_bytes)
}

/// The columns of a Parquet file that are not among the specification's, as its schema tells them.
pub fn infer_parquet(spec: &RowSpec<'_>, file: &Arc<dyn RandomAccess>) -> Result<Inference, FileError> {
    parquet::infer(spec.columns, file)
}

/// Not generic, so that the loop over the rows is compiled, and optimised, in this crate.
fn convert_within(
    limits: &Limits,
    spec: &RowSpec<'_>,
    input: &mut dyn Read,
    sink: &mut dyn Sink,
) -> Result<Counts, FileError> {
    convert_as(&Plan::new(spec), limits, spec, input, sink)
}

fn convert_as(
    plan: &Plan<'_>,
    limits: &Limits,
    spec: &RowSpec<'_>,
    input: &mut dyn Read,
    sink: &mut dyn Sink,
) -> Result<Counts, FileError> {
    let mut window = open(spec, input, limits)?;
    let mut output = Output::new(plan, sink, limits);
    match spec.format {
        Format::Csv | Format::Tsv => csv::read(spec.format, spec.csv, plan, &mut window, &mut output, limits)?,
        Format::Json => json::read_array(plan, &mut window, &mut output)?,
        Format::Jsonl => json::read_lines(plan, &mut window, &mut output)?,
        Format::Parquet => return Err(FileError::Read(io::Error::other("Parquet is no stream: it begins at its end"))),
    }
    output.finish(window.bytes_read())
}

fn open<'a>(spec: &RowSpec<'_>, input: &'a mut dyn Read, limits: &'a Limits) -> Result<Window<'a>, FileError> {
    let decompressor = decompress::open(spec.compression, input, limits)?;
    let window = Window::open(Source::new(decompressor, spec.encoding, limits), limits)?;
    disguise::check(window.unread())?;
    Ok(window)
}
