use super::dialect::Dialect;
use super::scanner::Scanner;
use crate::error::FileError;
use crate::reject::RejectReason;
use crate::window::Window;

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
