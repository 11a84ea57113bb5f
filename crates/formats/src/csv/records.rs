use super::dialect::Dialect;
use super::scanner::{Extent, Scan, Scanner};
use crate::error::FileError;
use crate::window::Window;

#[inline]
pub(super) fn next_record<D: Dialect>(
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
                return Err(FileError::Malformed { line, reason: "a quote opens here and is never closed".to_owned() });
            }
        }
    }
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

/// Consumes the record. Only quoted fields can contain line feeds, so other records need no count.
#[inline]
pub(super) fn advance<D: Dialect>(window: &mut Window<'_>, scanner: &mut Scanner<D>, extent: Extent) {
    let hidden = if scanner.has_quotes() { line_feeds(&window.unread()[..extent.length]) } else { 0 };
    window.consume(extent.consumed, hidden + 1);
    scanner.reset();
}

fn line_feeds(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}
