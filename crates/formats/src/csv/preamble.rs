//! Skips the lines before the header: those of `csv.skip`, and Excel's first line `sep=;`.

use pipeline::{CsvOptions, Delimiter, LineEnd};

use super::line_ends::skip_line;
use crate::error::FileError;
use crate::row_encoder::RowEncoder;
use crate::window::Window;

/// The lines before the header.
#[derive(Debug, Default)]
pub(super) struct Preamble {
    /// The delimiter that the first line declares, and that line.
    pub(super) declared: Option<(Delimiter, Vec<u8>)>,
    pub(super) lines: u64,
}

/// `sep=`, one character of UTF-8, quotes and a line end.
const SEP_LINE_BYTES_MAX: usize = 12;

impl Preamble {
    pub(super) fn skip(
        options: &CsvOptions,
        encoder: &RowEncoder<'_>,
        window: &mut Window<'_>,
    ) -> Result<Self, FileError> {
        while matches!(window.unread().first(), Some(b's' | b'S' | b'"'))
            && window.unread().len() < SEP_LINE_BYTES_MAX
            && !window.ended()
        {
            window.fill()?;
        }
        let declared = sep_line(window.unread()).filter(|(_, line)| is_not_data(options, encoder, line));
        let lines = u64::from(options.skip).max(u64::from(declared.is_some()));
        for _ in 0..lines {
            if window.unread().is_empty() && !window.ended() {
                window.fill()?;
            }
            if window.unread().is_empty() {
                let reason = format!("the file has fewer lines than `csv.skip = {}`", options.skip);
                return Err(FileError::Malformed { line: window.line(), reason });
            }
            skip_line(options.line_end == LineEnd::Cr, window)?;
        }
        if window.unread().is_empty() && !window.ended() {
            window.fill()?;
        }
        Ok(Self { declared, lines })
    }
}

/// Returns false if the line may be a header or a record.
fn is_not_data(options: &CsvOptions, encoder: &RowEncoder<'_>, line: &[u8]) -> bool {
    if options.skip > 0 {
        return true;
    }
    if options.header {
        !encoder.headers().iter().any(|name| name.as_bytes() == line)
    } else {
        encoder.columns.len() > 1
    }
}

/// Parses a first line such as `sep=;`, also in quotes.
fn sep_line(start: &[u8]) -> Option<(Delimiter, Vec<u8>)> {
    let start = &start[..start.len().min(SEP_LINE_BYTES_MAX)];
    let line = &start[..start.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?];
    let text = std::str::from_utf8(line).ok()?;
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let (name, character) = text.split_at_checked("sep=".len())?;
    let mut characters = character.chars();
    let is_one = characters.next().is_some_and(|first| !first.is_alphanumeric()) && characters.next().is_none();
    let delimiter = Delimiter::new(character).filter(|_| is_one && name.eq_ignore_ascii_case("sep="))?;
    Some((delimiter, line.to_vec()))
}
