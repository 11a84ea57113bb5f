use super::dialect::Dialect;
use super::line_ends::check_line_ends;
use super::scanner::{Extent, Scan, Scanner};
use crate::error::FileError;
use crate::window::Window;

/// Finds the next record. A quoted field of more than `quoted_lines_max` lines fails the file, because its quote is
/// usually a stray one.
#[inline]
pub(super) fn next_record<D: Dialect>(
    comment: Option<u8>,
    quoted_lines_max: usize,
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
            Scan::Record(mut extent) => {
                // Only quoted fields can contain line feeds.
                if scanner.has_quotes() {
                    extent.line_feeds = line_feeds(&window.unread()[..extent.length]);
                    if extent.line_feeds >= quoted_lines_max {
                        check_quoted_fields(scanner, window, quoted_lines_max)?;
                    }
                }
                let checked = window.check_record(extent.length);
                if extent.consumed == extent.length || checked.is_err() {
                    check_line_ends(scanner.dialect(), window)?;
                }
                return checked.map(|()| Some(extent));
            }
            Scan::More => {
                if scanner.has_quotes() {
                    check_quoted_fields(scanner, window, quoted_lines_max)?;
                }
                let filled = window.fill();
                if let Err(FileError::RecordTooLarge { .. }) = filled {
                    check_line_ends(scanner.dialect(), window)?;
                }
                filled?;
            }
            Scan::OpenQuote { at } => {
                check_quoted_fields(scanner, window, quoted_lines_max)?;
                window.check_record(window.unread().len())?;
                return Err(malformed_at(at, window, "a quote opens here and is never closed".to_owned()));
            }
        }
    }
}

/// Counts the lines of each quoted field, as far as they are within the size limit of a record.
#[cold]
fn check_quoted_fields<D: Dialect>(
    scanner: &Scanner<D>,
    window: &Window<'_>,
    lines_max: usize,
) -> Result<(), FileError> {
    let unread = window.unread();
    for field in scanner.quoted_fields(unread.len()) {
        let text = unread.get(field.start..field.end.min(window.record_bytes_max())).unwrap_or_default();
        // A field with one line feed has two lines.
        if line_feeds(text) >= lines_max {
            let reason = format!("a quote opens here, and its field has more than {lines_max} lines");
            return Err(malformed_at(field.start, window, reason));
        }
    }
    Ok(())
}

fn malformed_at(at: usize, window: &Window<'_>, reason: String) -> FileError {
    let line = window.line() + line_feeds(&window.unread()[..at]) as u64;
    FileError::Malformed { line, reason }
}

/// Skips comments of any length without keeping them in memory.
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

/// Consumes the record.
#[inline]
pub(super) fn advance<D: Dialect>(window: &mut Window<'_>, scanner: &mut Scanner<D>, extent: Extent) {
    window.consume(extent.consumed, extent.line_feeds + 1);
    scanner.reset();
}

fn line_feeds(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}
