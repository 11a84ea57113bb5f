//! Reads a sequence of objects: one per line, several on a line, or one over several lines.

use protocol::Format;

use super::object::ObjectReader;
use crate::error::FileError;
use crate::json_syntax::{JsonLexer, is_space};
use crate::limits::REJECT_RAW_BYTES_MAX;
use crate::reject::{Record, RejectReason};
use crate::row_encoder::RowEncoder;
use crate::row_writer::RowWriter;
use crate::window::Window;

/// Bytes before the end of the buffer in which an error can be due to a token that the buffer cuts, such as `\u00e9`.
const CUT_TOKEN_BYTES: usize = 8;

/// The longest line end.
const LINE_END_BYTES: usize = 2;

/// Reads a sequence of objects: <https://jsonlines.org>, and the same without line ends. A line that is not an object is
/// rejected, and reading continues with the next line.
///
/// A line that is one object takes the fast path. Any other line is read value by value.
pub(crate) fn read_sequence(
    format: Format,
    encoder: &RowEncoder<'_>,
    window: &mut Window<'_>,
    writer: &mut RowWriter<'_>,
) -> Result<(), FileError> {
    let mut reader = ObjectReader::new(encoder);
    loop {
        match next_line(window)? {
            Line::End => return Ok(()),
            Line::Whole { length, line_end } => {
                let is_text = window.is_text(length);
                let bytes = &window.unread()[..length];
                let parsed = reader.parse(bytes);
                let is_invalid =
                    parsed.as_ref().is_err_and(|error| matches!(error.reason, RejectReason::InvalidJson { .. }));
                if is_invalid || length > window.record_bytes_max() {
                    if bytes.iter().copied().all(is_space) {
                        window.check_record(length)?;
                        writer.blank_line(window.line(), window.byte_offset(), length + line_end)?;
                        window.consume(length + line_end, usize::from(line_end > 0));
                    } else {
                        read_values(format, &mut reader, window, writer)?;
                    }
                    continue;
                }
                let line = window.line();
                let record = Record { line, last_line: line, byte_offset: window.byte_offset(), bytes };
                writer.row(record, |out| {
                    parsed?;
                    reader.encode(bytes, is_text, out)
                })?;
                window.consume(length + line_end, usize::from(line_end > 0));
            }
            Line::Long => read_values(format, &mut reader, window, writer)?,
        }
    }
}

enum Line {
    /// `line_end` is the length of the line end. A carriage return may stay in the line, because it is white space in
    /// JSON.
    Whole {
        length: usize,
        line_end: usize,
    },
    /// The buffer is full and has no line end.
    Long,
    End,
}

fn next_line(window: &mut Window<'_>) -> Result<Line, FileError> {
    let (mut searched, mut is_filled) = (0, false);
    loop {
        let unread = window.unread();
        if let Some(found) = memchr::memchr(b'\n', &unread[searched..]) {
            let length = searched + found;
            let carriage_return = usize::from(unread[..length].ends_with(b"\r"));
            return Ok(Line::Whole { length: length - carriage_return, line_end: carriage_return + 1 });
        }
        searched = unread.len();
        if window.ended() {
            return Ok(if searched > 0 { Line::Whole { length: searched, line_end: 0 } } else { Line::End });
        }
        if is_filled || searched > window.record_bytes_max() {
            return Ok(Line::Long);
        }
        window.fill()?;
        is_filled = true;
    }
}

/// The text after a value.
enum Next {
    /// The value ends its line, with so many bytes up to and including the line end.
    LineEnd(usize),
    /// Another object on the same line, after so many bytes.
    Object(usize),
    Other,
    /// The buffer ends before the next token.
    Unread,
}

/// Reads the objects from the first unread byte up to the next line end that is not inside an object.
fn read_values(
    format: Format,
    reader: &mut ObjectReader<'_>,
    window: &mut Window<'_>,
    writer: &mut RowWriter<'_>,
) -> Result<(), FileError> {
    let mut is_first = true;
    loop {
        let space = window.unread().iter().position(|byte| !is_space(*byte)).unwrap_or(0);
        let unread = &window.unread()[space..];
        if unread.first() != Some(&b'{') {
            return reject_line(space, is_first, reader, window, writer);
        }
        // The result must not depend on the size of the buffer, so a larger one shows no more of a record than its limit.
        let seen = &unread[..unread.len().min(window.record_bytes_max() + LINE_END_BYTES)];
        let end = match JsonLexer::new(seen).value_end() {
            Ok(end) => space + end,
            Err(RejectReason::InvalidJson { at, .. })
                if at + CUT_TOKEN_BYTES > seen.len() && (seen.len() < unread.len() || !window.ended()) =>
            {
                window.check_record(seen.len().saturating_sub(LINE_END_BYTES - 1))?;
                window.fill()?;
                continue;
            }
            Err(reason) => {
                check_lines(format, &reason, seen, window.line())?;
                return reject_line(0, is_first, reader, window, writer);
            }
        };
        window.check_record(end)?;
        let next = match following(&window.unread()[end..], window.ended()) {
            Next::Unread if window.unread().len() <= window.record_bytes_max() => {
                window.fill()?;
                continue;
            }
            // White space up to the limit ends a record as a line end does.
            Next::Unread => (window.unread().len() - end, true),
            Next::Other => return reject_line(end, is_first, reader, window, writer),
            Next::LineEnd(more) => (more, true),
            Next::Object(more) => (more, false),
        };
        let (more, is_last) = next;
        let is_text = window.is_text(end);
        let bytes = &window.unread()[..end];
        let inside = line_feeds(bytes);
        let line = window.line();
        let record = Record { line, last_line: line + inside as u64, byte_offset: window.byte_offset(), bytes };
        writer.row(record, |out| {
            reader.parse(bytes)?;
            reader.encode(bytes, is_text, out)
        })?;
        let after = line_feeds(&window.unread()[end..end + more]);
        window.consume(end + more, inside + after);
        if is_last {
            return Ok(());
        }
        is_first = false;
    }
}

fn following(rest: &[u8], ended: bool) -> Next {
    match rest.iter().position(|byte| !is_space(*byte) || *byte == b'\n') {
        Some(at) if rest[at] == b'\n' => Next::LineEnd(at + 1),
        Some(at) if rest[at] == b'{' => Next::Object(at),
        Some(_) => Next::Other,
        None if ended => Next::LineEnd(rest.len()),
        None => Next::Unread,
    }
}

/// Fails for an object over several lines with a syntax error after its first line: the lines after the error could be
/// parts of the object, and must not be read as records. In JSON Lines they are records. A line that begins with an
/// object is one, too: then the line before it is cut off.
fn check_lines(format: Format, reason: &RejectReason, unread: &[u8], line: u64) -> Result<(), FileError> {
    let RejectReason::InvalidJson { at, what } = reason else { return Ok(()) };
    let before = &unread[..(*at).min(unread.len())];
    let begins_object = unread.get(*at) == Some(&b'{') && before.ends_with(b"\n");
    if format == Format::Jsonl || begins_object || *at >= unread.len() || !before.contains(&b'\n') {
        return Ok(());
    }
    Err(malformed(line + line_feeds(before) as u64, format!("invalid JSON: {what}")))
}

/// Rejects the bytes up to the first line end at or after `from`.
fn reject_line(
    from: usize,
    is_first: bool,
    reader: &mut ObjectReader<'_>,
    window: &mut Window<'_>,
    writer: &mut RowWriter<'_>,
) -> Result<(), FileError> {
    let (length, line_end) = loop {
        let unread = window.unread();
        if let Some(found) = memchr::memchr(b'\n', &unread[from..]) {
            let length = from + found;
            let carriage_return = usize::from(unread[..length].ends_with(b"\r"));
            break (length - carriage_return, carriage_return + 1);
        }
        if window.ended() {
            break (unread.len(), 0);
        }
        window.fill()?;
    };
    window.check_record(length)?;
    let is_text = window.is_text(length);
    let bytes = &window.unread()[..length];
    let (line, inside) = (window.line(), line_feeds(bytes));
    if !is_first && length > REJECT_RAW_BYTES_MAX {
        // A reject would keep only a part of the records that follow the error.
        let reason =
            format!("invalid JSON in a line of several objects, after {} bytes of the file", window.byte_offset());
        return Err(malformed(line, reason));
    }
    let record = Record { line, last_line: line + inside as u64, byte_offset: window.byte_offset(), bytes };
    writer.row(record, |out| {
        reader.parse(bytes)?;
        reader.encode(bytes, is_text, out)
    })?;
    window.consume(length + line_end, inside + usize::from(line_end > 0));
    Ok(())
}

fn malformed(line: u64, reason: String) -> FileError {
    FileError::Malformed { line, reason }
}

fn line_feeds(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}
