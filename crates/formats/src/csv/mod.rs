//! CSV after RFC 4180: <https://www.rfc-editor.org/rfc/rfc4180>, or in the dialect that the dataset declares.
//!
//! - Without a header, a record's fields are the dataset's columns in their order, no more and no less.
//! - LF and CRLF end a record, mixed as they may be; the last one needs neither.
//! - An unquoted field can mean NULL; a quoted one never does.
//! - A blank line is rejected, also where the table has one column only; at the end of the file blank lines are ignored.
//! - Where a record ends is decided by the quotes that open fields, also in a record that is rejected for its quotes.
//! - No line is special but those that begin with the declared comment byte; `\.` and `#` are data.
//! - An escape, inside quotes only, goes before a quote or an escape; before anything else it is data itself.

pub(crate) mod delimiter;
mod dialect;
mod header;
mod scanner;

use pipeline::CsvOptions;
use protocol::Format;

use crate::FileError;
use crate::limits::Limits;
use crate::output::Output;
use crate::plan::Plan;
use crate::reject::{Reason, Record, RowFault};
use crate::rescued::Rescued;
use crate::window::Window;
use dialect::{Declared, Dialect, Standard};
use header::Header;
use scanner::{Extent, Quoting, Scan, Scanner};

pub(crate) fn read(
    format: Format,
    options: &CsvOptions,
    plan: &Plan<'_>,
    window: &mut Window<'_>,
    output: &mut Output<'_>,
    limits: &Limits,
) -> Result<(), FileError> {
    let dialect = Declared::new(delimiter::find(format, options, plan, window, limits)?, options);
    if dialect.is_standard() {
        read_in(Standard, options, plan, window, output, limits)
    } else {
        read_in(dialect, options, plan, window, output, limits)
    }
}

fn read_in<D: Dialect>(
    dialect: D,
    options: &CsvOptions,
    plan: &Plan<'_>,
    window: &mut Window<'_>,
    output: &mut Output<'_>,
    limits: &Limits,
) -> Result<(), FileError> {
    let comment = options.comment;
    let mut scanner = Scanner::new(dialect, limits.fields_max);
    let header = if options.header {
        read_header(comment, plan, window, &mut scanner, output)?
    } else {
        output.header(b"");
        Header::declared(plan)
    };

    let mut scratch = Vec::new();
    while let Some(extent) = next_record(comment, window, &mut scanner)? {
        if extent.length == 0 {
            output.blank_line(window.line(), window.byte_offset(), extent.consumed)?;
        } else {
            let is_text = window.is_text(extent.length);
            let bytes = &window.unread()[..extent.length];
            let record = Record { line: window.line(), byte_offset: window.byte_offset(), bytes };
            output.row(record, |out| {
                check(&header, &scanner, bytes, is_text)?;
                encode(plan, &header, &scanner, bytes, &mut scratch, out)?;
                if plan.rescued_column().is_some() {
                    rescue(plan, &header, &scanner, bytes, &mut scratch, out);
                }
                Ok(())
            })?;
        }
        advance(window, &mut scanner, extent);
    }
    Ok(())
}

fn read_header<D: Dialect>(
    comment: Option<u8>,
    plan: &Plan<'_>,
    window: &mut Window<'_>,
    scanner: &mut Scanner<D>,
    output: &mut Output<'_>,
) -> Result<Header, FileError> {
    let Some(extent) = next_record(comment, window, scanner)? else {
        return Err(FileError::Malformed { line: window.line(), reason: "the file ends before its header".to_owned() });
    };
    let header = Header::read(plan, window, scanner, extent)?;
    output.header(&window.unread()[..extent.length]);
    advance(window, scanner, extent);
    Ok(header)
}

#[inline]
fn next_record<D: Dialect>(
    comment: Option<u8>,
    window: &mut Window<'_>,
    scanner: &mut Scanner<D>,
) -> Result<Option<Extent>, FileError> {
    if let Some(comment) = comment {
        skip_comments(comment, window)?;
    }
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

/// However long a comment is, it needs no memory.
#[cold]
fn skip_comments(comment: u8, window: &mut Window<'_>) -> Result<(), FileError> {
    let mut inside = false;
    loop {
        let unread = window.unread();
        match unread.first() {
            None if window.ended() => return Ok(()),
            None => window.fill()?,
            Some(first) if !inside && *first != comment => return Ok(()),
            Some(_) => {
                let line_feed = memchr::memchr(b'\n', unread);
                let length = line_feed.map_or(unread.len(), |line_feed| line_feed + 1);
                inside = line_feed.is_none();
                window.consume(length, usize::from(!inside));
            }
        }
    }
}

/// Goes past the record. Only quotes hide line feeds in one, so only then are they counted.
#[inline]
fn advance<D: Dialect>(window: &mut Window<'_>, scanner: &mut Scanner<D>, extent: Extent) {
    let hidden = if scanner.has_quotes() { line_feeds(&window.unread()[..extent.length]) } else { 0 };
    window.consume(extent.consumed, hidden + 1);
    scanner.reset();
}

/// Everything that is wrong with a record before its values are looked at.
#[inline]
fn check<D: Dialect>(header: &Header, scanner: &Scanner<D>, bytes: &[u8], is_text: bool) -> Result<(), RowFault> {
    if let Some((place, reason)) = scanner.fault() {
        return Err(RowFault { column: header.column(place), reason: reason.clone() });
    }
    if scanner.field_count() != header.field_count() {
        return Err(RowFault::of_row(header.field_count_fault(scanner.field_count())));
    }
    if is_text { Ok(()) } else { check_text(header, scanner, bytes) }
}

/// What nobody reads may be anything.
#[cold]
fn check_text<D: Dialect>(header: &Header, scanner: &Scanner<D>, bytes: &[u8]) -> Result<(), RowFault> {
    for (place, field) in scanner.fields().iter().enumerate().filter(|(place, _)| header.is_read(*place)) {
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
fn encode<D: Dialect>(
    plan: &Plan<'_>,
    header: &Header,
    scanner: &Scanner<D>,
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
                scanner.dialect().unescape(text, unescaped);
                plan.encode(column, unescaped, out)?;
            }
        }
    }
    Ok(())
}

/// The fields of no column as one JSON object of texts. NULLs are left out, and so is an object of NULLs alone.
fn rescue<D: Dialect>(
    plan: &Plan<'_>,
    header: &Header,
    scanner: &Scanner<D>,
    bytes: &[u8],
    unescaped: &mut Vec<u8>,
    out: &mut Vec<u8>,
) {
    let mut object = Rescued::begin(out);
    for (place, name) in header.extras() {
        let field = &scanner.fields()[*place];
        let text = &bytes[field.start..field.end];
        match field.quoting {
            Quoting::None if plan.is_null(text) => {
                if plan.rescues_nulls {
                    object.add_null(name.as_bytes());
                }
            }
            Quoting::None | Quoting::Plain => object.add_text(name.as_bytes(), text),
            Quoting::Escaped => {
                unescaped.clear();
                scanner.dialect().unescape(text, unescaped);
                object.add_text(name.as_bytes(), unescaped);
            }
        }
    }
    object.end();
}

fn line_feeds(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}
