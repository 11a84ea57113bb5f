use pipeline::CsvOptions;
use protocol::Format;

use super::delimiter::find;
use super::dialect::{CustomDialect, Dialect, StandardDialect};
use super::header::Header;
use super::records::{advance, next_record};
use super::scanner::{Quoting, Scanner};
use crate::error::FileError;
use crate::limits::Limits;
use crate::reject::{Record, RejectReason, RowError};
use crate::rescued::RescuedObject;
use crate::row_encoder::RowEncoder;
use crate::row_writer::RowWriter;
use crate::window::Window;

pub(crate) fn read(
    format: Format,
    options: &CsvOptions,
    encoder: &RowEncoder<'_>,
    window: &mut Window<'_>,
    writer: &mut RowWriter<'_>,
    limits: &Limits,
) -> Result<(), FileError> {
    let dialect = CustomDialect::new(find(format, options, encoder, window, limits)?, options);
    if dialect.is_standard() {
        read_in(StandardDialect, options, encoder, window, writer, limits)
    } else {
        read_in(dialect, options, encoder, window, writer, limits)
    }
}

fn read_in<D: Dialect>(
    dialect: D,
    options: &CsvOptions,
    encoder: &RowEncoder<'_>,
    window: &mut Window<'_>,
    writer: &mut RowWriter<'_>,
    limits: &Limits,
) -> Result<(), FileError> {
    let comment = options.comment;
    let mut scanner = Scanner::new(dialect, limits.fields_max);
    let quoted_lines_max = limits.quoted_lines_max;
    let header = if options.header {
        read_header(comment, quoted_lines_max, encoder, window, &mut scanner, writer)?
    } else {
        writer.header(b"");
        Header::declared(encoder)
    };

    let mut scratch = Vec::new();
    while let Some(extent) = next_record(comment, quoted_lines_max, window, &mut scanner)? {
        let is_text = window.is_text(extent.length);
        let bytes = &window.unread()[..extent.length];
        let (line, byte_offset) = (window.line(), window.byte_offset());
        let record = Record { line, last_line: line + extent.line_feeds as u64, byte_offset, bytes };
        if extent.length > 0 {
            writer.row(record, |out| {
                check(&header, &scanner, bytes, is_text)?;
                encode(encoder, &header, &scanner, bytes, &mut scratch, out)?;
                if encoder.rescued_column().is_some() {
                    rescue(encoder, &header, &scanner, bytes, &mut scratch, out);
                }
                Ok(())
            })?;
        } else if header.field_count() > 1 {
            writer.blank_line(line, byte_offset, extent.consumed)?;
        } else {
            writer.row(record, |_| Err(RowError::of_row(RejectReason::BlankLine)))?;
        }
        advance(window, &mut scanner, extent);
    }
    Ok(())
}

fn read_header<D: Dialect>(
    comment: Option<u8>,
    quoted_lines_max: usize,
    encoder: &RowEncoder<'_>,
    window: &mut Window<'_>,
    scanner: &mut Scanner<D>,
    writer: &mut RowWriter<'_>,
) -> Result<Header, FileError> {
    let Some(extent) = next_record(comment, quoted_lines_max, window, scanner)? else {
        return Err(FileError::Malformed { line: window.line(), reason: "the file ends before its header".to_owned() });
    };
    let header = Header::read(encoder, window, scanner, extent)?;
    writer.header(&window.unread()[..extent.length]);
    advance(window, scanner, extent);
    Ok(header)
}

/// Checks a record's structure and encoding, before its values.
#[inline]
fn check<D: Dialect>(header: &Header, scanner: &Scanner<D>, bytes: &[u8], is_text: bool) -> Result<(), RowError> {
    if let Some((position, reason)) = scanner.error() {
        return Err(RowError { column: header.column(position), reason: reason.clone() });
    }
    if scanner.field_count() != header.field_count() {
        return Err(RowError::of_row(header.field_count_error(scanner.field_count())));
    }
    if is_text { Ok(()) } else { check_text(header, scanner, bytes) }
}

/// Checks each field that is read. Ignored fields may contain any bytes.
#[cold]
fn check_text<D: Dialect>(header: &Header, scanner: &Scanner<D>, bytes: &[u8]) -> Result<(), RowError> {
    for (position, field) in scanner.fields().iter().enumerate().filter(|(position, _)| header.is_read(*position)) {
        let text = &bytes[field.start..field.end];
        let reason = match memchr::memchr(0, text) {
            Some(_) => RejectReason::Nul,
            None if simdutf8::basic::from_utf8(text).is_err() => RejectReason::InvalidUtf8,
            None => continue,
        };
        return Err(RowError { column: header.column(position), reason });
    }
    Ok(())
}

#[inline]
fn encode<D: Dialect>(
    encoder: &RowEncoder<'_>,
    header: &Header,
    scanner: &Scanner<D>,
    bytes: &[u8],
    unescaped: &mut Vec<u8>,
    out: &mut Vec<u8>,
) -> Result<(), RowError> {
    let fields = scanner.fields();
    for (column, position) in header.positions().iter().enumerate() {
        let field = &fields[*position];
        let text = &bytes[field.start..field.end];
        match field.quoting {
            Quoting::None if encoder.is_null(text) => encoder.encode_null(column, out)?,
            Quoting::None | Quoting::Plain => encoder.encode(column, text, out)?,
            Quoting::Escaped => {
                unescaped.clear();
                scanner.dialect().unescape(text, unescaped);
                encoder.encode(column, unescaped, out)?;
            }
        }
    }
    Ok(())
}

/// Appends the undeclared fields as one JSON object of strings, without NULLs. The field is NULL if the object is
/// empty.
fn rescue<D: Dialect>(
    encoder: &RowEncoder<'_>,
    header: &Header,
    scanner: &Scanner<D>,
    bytes: &[u8],
    unescaped: &mut Vec<u8>,
    out: &mut Vec<u8>,
) {
    let mut object = RescuedObject::begin(out);
    for (position, name) in header.rescued_fields() {
        let field = &scanner.fields()[*position];
        let text = &bytes[field.start..field.end];
        match field.quoting {
            Quoting::None if encoder.is_null(text) => {
                if encoder.rescues_nulls {
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
