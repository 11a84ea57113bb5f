use std::io::{self, Read};
use std::sync::Arc;

use pipeline::Delimiter;
use protocol::Format;

use crate::error::FileError;
use crate::limits::Limits;
use crate::object_fields::ObjectFields;
use crate::random_access::RandomAccess;
use crate::row_encoder::RowEncoder;
use crate::row_writer::RowWriter;
use crate::sink::{Counts, Sink};
use crate::spec::RowSpec;
use crate::transcode::TextSource;
use crate::window::Window;
use crate::{csv, decompress, json, parquet};

/// Returns the delimiter of a CSV file if it differs from the default of the file's ending. The dataset must then
/// declare it.
/// Reads only the header.
pub fn unusual_delimiter(spec: &RowSpec<'_>, mut input: impl Read) -> Result<Option<Delimiter>, FileError> {
    let limits = &Limits::DEFAULT;
    let mut window = open(spec, &mut input, limits)?;
    let found = csv::find_delimiter(spec.format, spec.csv, &RowEncoder::new(spec), &mut window, limits)?;
    Ok(Some(found).filter(|found| *found != csv::by_ending(spec.format)))
}

/// Converts a file to COPY tuples and rejects, in the order of the file. Memory use does not depend on the file's size.
///
/// A record that does not fit the columns is rejected, and reading continues. An error concerns the whole file: the
/// caller must then discard everything that the sink received.
pub fn convert(spec: &RowSpec<'_>, mut input: impl Read, sink: &mut impl Sink) -> Result<Counts, FileError> {
    convert_within(&Limits::DEFAULT, spec, &mut input, sink)
}

/// Converts a Parquet file. Parquet needs random access, because the footer at the end says where the columns are.
pub fn convert_parquet(
    spec: &RowSpec<'_>,
    file: &Arc<dyn RandomAccess>,
    sink: &mut impl Sink,
) -> Result<Counts, FileError> {
    convert_parquet_within(&Limits::DEFAULT, spec, file, sink)
}

pub(crate) fn convert_parquet_within(
    limits: &Limits,
    spec: &RowSpec<'_>,
    file: &Arc<dyn RandomAccess>,
    sink: &mut dyn Sink,
) -> Result<Counts, FileError> {
    let encoder = RowEncoder::new(spec);
    let mut writer = RowWriter::new(&encoder, ObjectFields::new(spec)?, sink, limits);
    let decompressed_bytes = parquet::read(&encoder, file, &mut writer, limits)?;
    writer.finish(decompressed_bytes)
}

/// Not generic, so that this crate compiles and optimizes the loop over the rows.
pub(crate) fn convert_within(
    limits: &Limits,
    spec: &RowSpec<'_>,
    input: &mut dyn Read,
    sink: &mut dyn Sink,
) -> Result<Counts, FileError> {
    convert_as(&RowEncoder::new(spec), limits, spec, input, sink)
}

pub(crate) fn convert_as(
    encoder: &RowEncoder<'_>,
    limits: &Limits,
    spec: &RowSpec<'_>,
    input: &mut dyn Read,
    sink: &mut dyn Sink,
) -> Result<Counts, FileError> {
    let mut window = open(spec, input, limits)?;
    let mut writer = RowWriter::new(encoder, ObjectFields::new(spec)?, sink, limits);
    match spec.format {
        Format::Csv | Format::Tsv => csv::read(spec.format, spec.csv, encoder, &mut window, &mut writer, limits)?,
        Format::Json | Format::Jsonl => {
            json::read(spec.format, spec.json_records, encoder, &mut window, &mut writer)?;
        }
        Format::Parquet => return Err(FileError::Read(io::Error::other("Parquet needs random access"))),
    }
    writer.finish(window.bytes_read())
}

fn open<'a>(spec: &RowSpec<'_>, input: &'a mut dyn Read, limits: &'a Limits) -> Result<Window<'a>, FileError> {
    let decompressor = decompress::open(spec.compression, input, limits)?;
    Window::open(TextSource::open(decompressor, spec.encoding, limits)?, limits)
}
