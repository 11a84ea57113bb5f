use pipeline::CsvOptions;
use protocol::Format;

use super::delimiter::find;
use super::dialect::{Dialect, StandardDialect};
use super::extended_dialect::ExtendedDialect;
use super::footer::{Footer, HeldRecord};
use super::header::{Header, has_positions};
use super::preamble::Preamble;
use super::records::{RecordRules, advance, next_record};
use super::scanner::{FieldQuoting, Scanner};
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
    let preamble = Preamble::skip(options, encoder, window)?;
    writer.skip_lines(preamble.lines);
    let delimiter = find(format, options, &preamble, encoder, window, limits)?;
    let input = CsvInput { options, preamble: &preamble, encoder, limits };
    let extended = ExtendedDialect::new(delimiter, options);
    match extended.without_extensions() {
        Some(custom) if custom.is_standard() => read_in(StandardDialect, input, window, writer),
        Some(custom) => read_in(custom, input, window, writer),
        None => read_in(extended, input, window, writer),
    }
}

#[derive(Clone, Copy)]
struct CsvInput<'a> {
    options: &'a CsvOptions,
    preamble: &'a Preamble,
    encoder: &'a RowEncoder<'a>,
    limits: &'a Limits,
}

fn read_in<D: Dialect>(
    dialect: D,
    input: CsvInput<'_>,
    window: &mut Window<'_>,
    writer: &mut RowWriter<'_>,
) -> Result<(), FileError> {
    let CsvInput { options, encoder, limits, .. } = input;
    let mut scanner = Scanner::new(dialect, limits.fields_max);
    let rules = RecordRules::new(options);
    let header = find_header(input, window, &mut scanner, writer)?;
    let mut loader = RecordLoader { encoder, header, skips_blank_lines: options.skip_blank, scratch: Vec::new() };
    if options.skip_footer > 0 {
        return read_to_footer(options.skip_footer, &mut loader, rules, &mut scanner, window, writer);
    }
    while let Some(extent) = next_record(rules, window, &mut scanner)? {
        let is_text = window.is_text(extent.length);
        let bytes = &window.unread()[..extent.length];
        let (line, byte_offset) = (window.line(), window.byte_offset());
        let record = Record { line, last_line: line + extent.line_feeds as u64, byte_offset, bytes };
        loader.load(&mut scanner, record, is_text, extent.consumed, writer)?;
        advance(window, &mut scanner, extent);
    }
    Ok(())
}

/// Reads all records but the last `records_max`.
#[cold]
fn read_to_footer<D: Dialect>(
    records_max: u32,
    loader: &mut RecordLoader<'_>,
    rules: RecordRules,
    scanner: &mut Scanner<D>,
    window: &mut Window<'_>,
    writer: &mut RowWriter<'_>,
) -> Result<(), FileError> {
    let mut footer = Footer::new(records_max);
    while let Some(extent) = next_record(rules, window, scanner)? {
        let line = window.line();
        footer.hold(HeldRecord {
            line,
            last_line: line + extent.line_feeds as u64,
            byte_offset: window.byte_offset(),
            is_text: window.is_text(extent.length),
            bytes: window.unread()[..extent.length].to_vec(),
            consumed: extent.consumed,
            is_blank_line: extent.length == 0 && loader.header.field_count() > 1,
        })?;
        advance(window, scanner, extent);
        while let Some(held) = footer.release() {
            let _scan = scanner.scan(&held.bytes, true);
            loader.load(scanner, held.record(), held.is_text, held.consumed, writer)?;
            scanner.reset();
        }
    }
    writer.skip_lines(footer.lines());
    Ok(())
}

fn find_header<D: Dialect>(
    input: CsvInput<'_>,
    window: &mut Window<'_>,
    scanner: &mut Scanner<D>,
    writer: &mut RowWriter<'_>,
) -> Result<Header, FileError> {
    let CsvInput { options, preamble, encoder, .. } = input;
    let rules = RecordRules::new(options);
    if !options.header {
        writer.header(b"");
        if !has_positions(encoder) {
            return Ok(Header::declared(encoder, options));
        }
        while let Some(extent) = next_record(rules, window, scanner)? {
            let field_count = scanner.field_count();
            if extent.length > 0 {
                scanner.reset();
                return Ok(Header::at_positions(encoder, options, field_count));
            }
            writer.blank_line(window.line(), window.byte_offset(), extent.consumed)?;
            advance(window, scanner, extent);
        }
        return Ok(Header::at_positions(encoder, options, 0));
    }
    while let Some(extent) = next_record(rules, window, scanner)? {
        if extent.length == 0 && options.skip_blank {
            writer.skip_lines(1);
            advance(window, scanner, extent);
            continue;
        }
        let header = Header::read(encoder, options, window, scanner, extent)?;
        let raw = &window.unread()[..extent.length];
        match &preamble.declared {
            // A repair needs the line to find the delimiter.
            Some((_, line)) => writer.header(&[line, &b"\n"[..], raw].concat()),
            None => writer.header(raw),
        }
        advance(window, scanner, extent);
        return Ok(header);
    }
    Err(FileError::Malformed { line: window.line(), reason: "the file ends before its header".to_owned() })
}

/// Loads scanned records.
struct RecordLoader<'a> {
    encoder: &'a RowEncoder<'a>,
    header: Header,
    skips_blank_lines: bool,
    scratch: Vec<u8>,
}

impl RecordLoader<'_> {
    /// Loads the record that `scanner` has scanned. `consumed` is its length with the line end.
    #[inline]
    fn load<D: Dialect>(
        &mut self,
        scanner: &mut Scanner<D>,
        record: Record<'_>,
        is_text: bool,
        consumed: usize,
        writer: &mut RowWriter<'_>,
    ) -> Result<(), FileError> {
        let Self { encoder, header, scratch, .. } = self;
        let bytes = record.bytes;
        if bytes.is_empty() {
            return self.blank_line(record, consumed, writer);
        }
        if let Some(fit) = header.fit() {
            scanner.fit(fit, bytes.len());
        }
        writer.row(record, |out| {
            check(header, scanner, bytes, is_text)?;
            encode(encoder, header, scanner, bytes, scratch, out)?;
            if encoder.rescued_column().is_some() {
                rescue(encoder, header, scanner, bytes, scratch, out);
            }
            Ok(())
        })
    }

    #[cold]
    fn blank_line(&self, record: Record<'_>, consumed: usize, writer: &mut RowWriter<'_>) -> Result<(), FileError> {
        if self.skips_blank_lines {
            writer.skip_lines(1);
            Ok(())
        } else if self.header.field_count() > 1 {
            writer.blank_line(record.line, record.byte_offset, consumed)
        } else {
            writer.row(record, |_| Err(RowError::of_row(RejectReason::BlankLine)))
        }
    }
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
            FieldQuoting::None if encoder.is_null(text) => encoder.encode_null(column, out)?,
            FieldQuoting::None | FieldQuoting::Plain => encoder.encode(column, text, out)?,
            FieldQuoting::Escaped | FieldQuoting::WithTail => {
                unescaped.clear();
                scanner.unescape(*field, bytes, unescaped);
                encoder.encode(column, unescaped, out)?;
            }
            FieldQuoting::Missing => encoder.encode_null(column, out)?,
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
        let is_null = match field.quoting {
            FieldQuoting::None => encoder.is_null(text),
            FieldQuoting::Missing => true,
            FieldQuoting::Plain | FieldQuoting::Escaped | FieldQuoting::WithTail => false,
        };
        if is_null {
            if encoder.rescues_nulls {
                object.add_null(name.as_bytes());
            }
            continue;
        }
        if matches!(field.quoting, FieldQuoting::Escaped | FieldQuoting::WithTail) {
            unescaped.clear();
            scanner.unescape(*field, bytes, unescaped);
            object.add_text(name.as_bytes(), unescaped);
        } else {
            object.add_text(name.as_bytes(), text);
        }
    }
    object.end();
}
