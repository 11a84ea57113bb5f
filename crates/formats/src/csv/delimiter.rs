//! What parts the fields of a file: what the dataset declares, else what the file's ending says, unless its header
//! shows that it can only be another.

use pipeline::CsvOptions;
use protocol::Format;

use super::dialect::Declared;
use super::next_record;
use super::scanner::{Scan, Scanner};
use crate::FileError;
use crate::limits::Limits;
use crate::plan::Plan;
use crate::window::Window;

const USUAL: [u8; 4] = [b',', b';', b'\t', b'|'];

pub(crate) fn by_ending(format: Format) -> u8 {
    if format == Format::Tsv { b'\t' } else { b',' }
}

/// Another delimiter than the ending's is taken only where that one leaves the header in one piece, which is not the
/// name of a column, and exactly one of the other usual ones does not. Nothing is consumed but comments.
pub(crate) fn find(
    format: Format,
    options: &CsvOptions,
    plan: &Plan<'_>,
    window: &mut Window<'_>,
    limits: &Limits,
) -> Result<u8, FileError> {
    let by_ending = by_ending(format);
    if let Some(declared) = options.delimiter {
        return Ok(declared);
    }
    if !options.header {
        return Ok(by_ending);
    }
    let mut scanner = Scanner::new(Declared::new(by_ending, options), limits.fields_max);
    let Some(extent) = next_record(options.comment, window, &mut scanner)? else { return Ok(by_ending) };
    let header = &window.unread()[..extent.length];
    if scanner.field_count() > 1 || plan.headers().iter().any(|name| name.as_bytes() == header) {
        return Ok(by_ending);
    }
    let parts = |delimiter: &u8| {
        let mut scanner = Scanner::new(Declared::new(*delimiter, options), limits.fields_max);
        let is_whole = matches!(scanner.scan(header, true), Scan::Record(found) if found.length == header.len());
        is_whole && scanner.fault().is_none() && scanner.field_count() > 1
    };
    let mut others = USUAL.into_iter().filter(|delimiter| *delimiter != by_ending && parts(delimiter));
    Ok(match (others.next(), others.next()) {
        (Some(only), None) => only,
        _ => by_ending,
    })
}
