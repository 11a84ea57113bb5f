use super::object::ObjectReader;
use crate::error::FileError;
use crate::json_syntax::is_space;
use crate::reject::{Record, RejectReason};
use crate::row_encoder::RowEncoder;
use crate::row_writer::RowWriter;
use crate::window::Window;

/// The syntax that may come next in the array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ArrayState {
    FirstElement,
    Element,
    Separator,
}

/// Reads one array of objects, and nothing after it.
pub(super) fn read_array(
    encoder: &RowEncoder<'_>,
    window: &mut Window<'_>,
    writer: &mut RowWriter<'_>,
) -> Result<(), FileError> {
    next_token(window)?;
    read_elements(window, &mut ObjectReader::new(encoder), writer)?;
    match next_token(window)? {
        None => Ok(()),
        Some(_) => Err(malformed(window.line(), "text after the JSON array")),
    }
}

/// Reads the array at the first unread byte. An element that does not fit is rejected. Invalid JSON fails the file,
/// because the next element's beginning is then unknown.
pub(super) fn read_elements(
    window: &mut Window<'_>,
    reader: &mut ObjectReader<'_>,
    writer: &mut RowWriter<'_>,
) -> Result<(), FileError> {
    window.consume(1, 0);
    let mut expected = ArrayState::FirstElement;
    while let Some(byte) = next_token(window)? {
        expected = match (expected, byte) {
            (ArrayState::FirstElement | ArrayState::Separator, b']') => {
                window.consume(1, 0);
                return Ok(());
            }
            (ArrayState::Separator, b',') => ArrayState::Element,
            (ArrayState::FirstElement | ArrayState::Element, first) if !matches!(first, b',' | b']' | b'}' | b':') => {
                read_element(window, reader, writer)?;
                expected = ArrayState::Separator;
                continue;
            }
            _ => return Err(malformed(window.line(), expected.error_text())),
        };
        window.consume(1, 0);
    }
    Err(malformed(window.line(), "the file ends inside its JSON array"))
}

impl ArrayState {
    fn error_text(self) -> &'static str {
        match self {
            Self::FirstElement | Self::Element => "expected an element of the JSON array",
            Self::Separator => "expected a comma or a closing bracket after an element of the JSON array",
        }
    }
}

pub(super) fn malformed(line: u64, reason: impl Into<String>) -> FileError {
    FileError::Malformed { line, reason: reason.into() }
}

/// Skips white space and returns the next byte without consuming it.
pub(super) fn next_token(window: &mut Window<'_>) -> Result<Option<u8>, FileError> {
    loop {
        let unread = window.unread();
        let space = unread.iter().position(|byte| !is_space(*byte)).unwrap_or(unread.len());
        let line_feeds = line_feeds(&unread[..space]);
        let token = unread.get(space).copied();
        window.consume(space, line_feeds);
        if token.is_some() || window.ended() {
            return Ok(token);
        }
        window.fill()?;
    }
}

fn read_element(
    window: &mut Window<'_>,
    reader: &mut ObjectReader<'_>,
    writer: &mut RowWriter<'_>,
) -> Result<(), FileError> {
    let length = element_length(window)?;
    let is_text = window.is_text(length);
    let bytes = &window.unread()[..length];
    let parsed = reader.parse(bytes);
    if let Err(error) = &parsed
        && let RejectReason::InvalidJson { at, what } = error.reason
    {
        return Err(malformed(window.line() + line_feeds(&bytes[..at]) as u64, format!("invalid JSON: {what}")));
    }
    let line_feeds = line_feeds(bytes);
    let line = window.line();
    let record = Record { line, last_line: line + line_feeds as u64, byte_offset: window.byte_offset(), bytes };
    writer.row(record, |out| {
        parsed?;
        reader.encode(bytes, is_text, out)
    })?;
    window.consume(length, line_feeds);
    Ok(())
}

fn element_length(window: &mut Window<'_>) -> Result<usize, FileError> {
    let mut search = ElementEnd::default();
    loop {
        if let Some(length) = search.find(window.unread()) {
            window.check_record(length)?;
            return Ok(length);
        }
        if window.ended() {
            window.check_record(window.unread().len())?;
            return Err(malformed(
                window.line(),
                "the file ends inside the element of the JSON array that begins here",
            ));
        }
        window.fill()?;
    }
}

/// Finds an element's end by quotes and brackets alone. Continues where it stopped when more bytes are in the buffer.
#[derive(Default)]
pub(super) struct ElementEnd {
    at: usize,
    depth: usize,
    in_string: bool,
}

impl ElementEnd {
    pub(super) fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        while self.at < bytes.len() {
            if self.in_string {
                if !self.skip_string(bytes) {
                    return None;
                }
                if self.depth == 0 {
                    return Some(self.at);
                }
                continue;
            }
            match bytes[self.at] {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth > 1 => self.depth -= 1,
                b'}' | b']' if self.depth == 1 => return Some(self.at + 1),
                byte if self.depth == 0 && (matches!(byte, b',' | b']' | b'}') || is_space(byte)) => {
                    return Some(self.at);
                }
                _ => {}
            }
            self.at += 1;
        }
        None
    }

    /// Continues with the next block, after the caller has consumed the returned number of bytes.
    pub(super) fn restart(&mut self) -> usize {
        std::mem::take(&mut self.at)
    }

    /// Moves past the closing quote. Returns `false` if the quote is not in the buffer yet.
    fn skip_string(&mut self, bytes: &[u8]) -> bool {
        while let Some(found) = memchr::memchr2(b'"', b'\\', &bytes[self.at..]) {
            let special = self.at + found;
            if bytes[special] == b'"' {
                self.at = special + 1;
                self.in_string = false;
                return true;
            }
            if special + 1 == bytes.len() {
                // The next byte is escaped and not in the buffer yet.
                self.at = special;
                return false;
            }
            self.at = special + 2;
        }
        self.at = bytes.len();
        false
    }
}

pub(super) fn line_feeds(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}
