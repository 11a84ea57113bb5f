use super::dialect::Dialect;
use super::scanner::Scanner;
use crate::error::FileError;
use crate::reject::RejectReason;
use crate::window::Window;

/// Counts the line ends in `bytes`.
pub(super) fn line_ends<D: Dialect>(dialect: D, bytes: &[u8]) -> usize {
    let line_feeds = memchr::memchr_iter(b'\n', bytes).count();
    if !dialect.ends_lines_with_cr() {
        return line_feeds;
    }
    let is_lone = |at: &usize| bytes.get(at + 1) != Some(&b'\n');
    line_feeds + memchr::memchr_iter(b'\r', bytes).filter(is_lone).count()
}

/// Skips the rest of a line of any length without keeping it in memory.
#[cold]
pub(super) fn skip_line(ends_with_cr: bool, window: &mut Window<'_>) -> Result<(), FileError> {
    loop {
        let unread = window.unread();
        let found = if ends_with_cr { memchr::memchr2(b'\n', b'\r', unread) } else { memchr::memchr(b'\n', unread) };
        match found {
            // A line feed may follow.
            Some(at) if unread[at] == b'\r' && at + 1 == unread.len() && !window.ended() => {
                window.consume(at, 0);
                window.fill()?;
            }
            Some(at) => {
                let is_crlf = unread[at] == b'\r' && unread.get(at + 1) == Some(&b'\n');
                window.consume(at + 1 + usize::from(is_crlf), 1);
                return Ok(());
            }
            None => {
                window.consume(unread.len(), 0);
                if window.ended() {
                    return Ok(());
                }
                window.fill()?;
            }
        }
    }
}

/// Fails if the next record is the whole file because lines end in carriage returns alone. The record has no line end:
/// the file ends with it, or it is too large.
#[cold]
pub(super) fn check_line_ends<D: Dialect>(dialect: D, window: &Window<'_>) -> Result<(), FileError> {
    let unread = window.unread();
    let record = &unread[..unread.len().min(window.record_bytes_max())];
    if window.line() > 1 || memchr::memchr(b'\n', record).is_some() {
        return Ok(());
    }
    let mut scanner = Scanner::new(dialect, 0);
    let _scan = scanner.scan(record, window.ended() && record.len() == unread.len());
    match scanner.error() {
        Some((_, RejectReason::LoneCarriageReturn)) => {
            let reason = "lines end in a carriage return alone, expected LF or CRLF".to_owned();
            Err(FileError::Malformed { line: 1, reason })
        }
        _ => Ok(()),
    }
}
