//! Finds the delimiter of a file: the declared one, else the default of the file's ending, unless the header shows
//! another.

use pipeline::{CsvOptions, Delimiter};
use protocol::Format;

use super::extended_dialect::ExtendedDialect;
use super::preamble::Preamble;
use super::records::{RecordRules, next_record};
use super::scanner::{Scan, Scanner};
use crate::error::FileError;
use crate::limits::Limits;
use crate::row_encoder::RowEncoder;
use crate::window::Window;

const USUAL: [u8; 4] = [b',', b';', b'\t', b'|'];

pub(crate) fn by_ending(format: Format) -> Delimiter {
    Delimiter::from(if format == Format::Tsv { b'\t' } else { b',' })
}

/// Skips the lines before the header and finds the delimiter.
pub(crate) fn find_delimiter(
    format: Format,
    options: &CsvOptions,
    encoder: &RowEncoder<'_>,
    window: &mut Window<'_>,
    limits: &Limits,
) -> Result<Delimiter, FileError> {
    let preamble = Preamble::skip(options, encoder, window)?;
    find(format, options, &preamble, encoder, window, limits)
}

/// Finds the delimiter. Consumes nothing but comments.
///
/// Another delimiter than the default needs two conditions: the default gives a header of one field that is not a
/// column's name, and exactly one other common delimiter splits the header.
pub(super) fn find(
    format: Format,
    options: &CsvOptions,
    preamble: &Preamble,
    encoder: &RowEncoder<'_>,
    window: &mut Window<'_>,
    limits: &Limits,
) -> Result<Delimiter, FileError> {
    let by_ending = by_ending(format);
    let declared = options.delimiter.or(preamble.declared.as_ref().map(|(delimiter, _)| *delimiter));
    if let Some(declared) = declared {
        return Ok(declared);
    }
    if !options.header {
        return Ok(by_ending);
    }
    let mut scanner = Scanner::new(ExtendedDialect::new(by_ending, options), limits.fields_max);
    let Some(extent) = next_record(RecordRules::new(options), window, &mut scanner)? else {
        return Ok(by_ending);
    };
    let header = &window.unread()[..extent.length];
    if scanner.field_count() > 1 || encoder.headers().iter().any(|name| name.as_bytes() == header) {
        return Ok(by_ending);
    }
    let parts = |delimiter: &Delimiter| {
        let mut scanner = Scanner::new(ExtendedDialect::new(*delimiter, options), limits.fields_max);
        let is_whole = matches!(scanner.scan(header, true), Scan::Record(found) if found.length == header.len());
        is_whole && scanner.error().is_none() && scanner.field_count() > 1
    };
    let usual = USUAL.into_iter().map(Delimiter::from);
    let mut others = usual.filter(|delimiter| *delimiter != by_ending && parts(delimiter));
    Ok(match (others.next(), others.next()) {
        (Some(only), None) => only,
        _ => by_ending,
    })
}
