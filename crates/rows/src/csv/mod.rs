//! CSV after RFC 4180, with a header: <https://www.rfc-editor.org/rfc/rfc4180>.
//!
//! - LF and CRLF end a record, mixed as they may be; the last one needs neither.
//! - An unquoted field can mean NULL; a quoted one never does.
//! - A blank line is rejected, also where the table has one column only; at the end of the file blank lines are ignored.
//! - Where a record ends is decided by the quotes that open fields, also in a record that is rejected for its quotes.
//! - No line is special: `\.` and `#` are data.

mod header;
mod scanner;

use crate::FileError;
use crate::limits::Limits;
use crate::output::Output;
use crate::plan::Plan;
use crate::reject::{Reason, Record, RowFault};
use crate::window::Window;
use header::Header;
use scanner::{Extent, Quoting, Scan, Scanner};

pub(crate) fn read(
    plan: &Plan<'_>,
    window: &mut Window<'_>,
    output: &mut Output<'_>,
    limits: &Limits,
) -> Result<(), FileError> {
    let mut scanner = Scanner::new(limits.fields_max);
    let Some(extent) = next_record(window, &mut scanner)? else { return Err(FileError::Empty) };
    let header = Header::read(plan, window, &scanner, extent)?;
    advance(window, &mut scanner, extent);

    let mut unescaped = Vec::new();
    while let Some(extent) = next_record(window, &mut scanner)? {
        if extent.length == 0 {
            output.blank_line(window.line(), window.byte_offset(), extent.consumed)?;
        } else {
            let is_text = window.is_text(extent.length);
            let bytes = &window.unread()[..extent.length];
            let record = Record { line: window.line(), byte_offset: window.byte_offset(), bytes };
            output.row(record, |out| {
                check(&header, &scanner, bytes, is_text)?;
                encode(plan, &header, &scanner, bytes, &mut unescaped, out)
            })?;
        }
        advance(window, &mut scanner, extent);
    }
    Ok(())
}

#[inline]
fn next_record(window: &mut Window<'_>, scanner: &mut Scanner) -> Result<Option<Extent>, FileError> {
    loop {
        if window.unread().is_empty() && window.ended() {
            return Ok(None);
        }
        match scanner.scan(window.unread(), window.ended()) {
            Scan::Record(extent) => {
                window.check_record(extent.length)?;
                return Ok(Some(extent));
            }
            Scan::More => window.fill()?,
            Scan::OpenQuote { at } => {
                window.check_record(window.unread().len())?;
                let line = window.line() + line_feeds(&window.unread()[..at]) as u64;
                return Err(FileError::Malformed { line, reason: "a quote opens here and never closes".to_owned() });
            }
        }
    }
}

/// Goes past the record. Only quotes hide line feeds in one, so only then are they counted.
#[inline]
fn advance(window: &mut Window<'_>, scanner: &mut Scanner, extent: Extent) {
    let hidden = if scanner.has_quotes() { line_feeds(&window.unread()[..extent.length]) } else { 0 };
    window.consume(extent.consumed, hidden + 1);
    scanner.reset();
}

/// Everything that is wrong with a record before its values are looked at.
#[inline]
fn check(header: &Header, scanner: &Scanner, bytes: &[u8], is_text: bool) -> Result<(), RowFault> {
    if let Some((place, reason)) = scanner.fault() {
        return Err(RowFault { column: header.column(place), reason: reason.clone() });
    }
    if scanner.field_count() != header.field_count() {
        let reason = Reason::FieldCount { found: scanner.field_count(), expected: header.field_count() };
        return Err(RowFault::of_row(reason));
    }
    if is_text { Ok(()) } else { check_text(header, scanner, bytes) }
}

#[cold]
fn check_text(header: &Header, scanner: &Scanner, bytes: &[u8]) -> Result<(), RowFault> {
    for (place, field) in scanner.fields().iter().enumerate() {
        let text = &bytes[field.start..field.end];
        let reason = match memchr::memchr(0, text) {
            Some(_) => Reason::Nul,
            None if simdutf8::basic::from_utf8(text).is_err() => Reason::InvalidUtf8,
            None => continue,
        };
        return Err(RowFault { column: header.column(place), reason });
    }
    Ok(())
}

#[inline]
fn encode(
    plan: &Plan<'_>,
    header: &Header,
    scanner: &Scanner,
    bytes: &[u8],
    unescaped: &mut Vec<u8>,
    out: &mut Vec<u8>,
) -> Result<(), RowFault> {
    let fields = scanner.fields();
    for (column, place) in header.places().iter().enumerate() {
        let field = &fields[*place];
        let text = &bytes[field.start..field.end];
        match field.quoting {
            Quoting::None if plan.is_null(text) => plan.encode_null(column, out)?,
            Quoting::None | Quoting::Plain => plan.encode(column, text, out)?,
            Quoting::Escaped => {
                unescaped.clear();
                unescape(text, unescaped);
                plan.encode(column, unescaped, out)?;
            }
        }
    }
    Ok(())
}

/// Every `""` means one quote.
fn unescape(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(quote) = memchr::memchr(b'"', rest) {
        out.extend_from_slice(&rest[..=quote]);
        rest = rest.get(quote + 2..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

fn line_feeds(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}
