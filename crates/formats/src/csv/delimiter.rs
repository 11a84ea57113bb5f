//! Finds the delimiter of a file: the declared one, else the default of the file's ending, unless the header shows
//! another.

use pipeline::{CsvOptions, Delimiter};
use protocol::Format;

use super::dialect::CustomDialect;
use super::records::next_record;
use super::scanner::{Scan, Scanner};
use crate::error::FileError;
use crate::limits::Limits;
use crate::row_encoder::RowEncoder;
use crate::window::Window;

const USUAL: [u8; 4] = [b',', b';', b'\t', b'|'];

pub(crate) fn by_ending(format: Format) -> u8 {
    if format == Format::Tsv { b'\t' } else { b',' }
}

/// Finds the delimiter. Consumes nothing but comments.
///
/// Another delimiter than the default needs two conditions: the default gives a header of one field that is not a
/// column's name, and exactly one other common delimiter splits the header.
pub(crate) fn find(
    format: Format,
    options: &CsvOptions,
    encoder: &RowEncoder<'_>,
    window: &mut Window<'_>,
    limits: &Limits,
) -> Result<u8, FileError> {
    let by_ending = by_ending(format);
    // The scanner does not support delimiters of several bytes yet.
    if let Some(declared) = options.delimiter.and_then(Delimiter::byte) {
        return Ok(declared);
    }
    if !options.header {
        return Ok(by_ending);
    }
    let mut scanner = Scanner::new(CustomDialect::new(by_ending, options), limits.fields_max);
    let Some(extent) = next_record(options.comment, limits.quoted_lines_max, window, &mut scanner)? else {
        return Ok(by_ending);
    };
    let header = &window.unread()[..extent.length];
    if scanner.field_count() > 1 || encoder.headers().iter().any(|name| name.as_bytes() == header) {
        return Ok(by_ending);
    }
    let parts = |delimiter: &u8| {
        let mut scanner = Scanner::new(CustomDialect::new(*delimiter, options), limits.fields_max);
        let is_whole = matches!(scanner.scan(header, true), Scan::Record(found) if found.length == header.len());
        is_whole && scanner.error().is_none() && scanner.field_count() > 1
    };
    let mut others = USUAL.into_iter().filter(|delimiter| *delimiter != by_ending && parts(delimiter));
    Ok(match (others.next(), others.next()) {
        (Some(only), None) => only,
        _ => by_ending,
    })
}
