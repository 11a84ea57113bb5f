use pipeline::CsvOptions;

use super::dialect::Dialect;
use super::line_ends::{check_line_ends, line_ends, skip_line};
use super::scanner::{Extent, Scan, Scanner};
use crate::error::FileError;
use crate::window::Window;

/// The options that decide where a record begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordRules {
    comment: Option<u8>,
    /// A quoted field of more lines fails the file, because its quote is usually a stray one.
    quoted_lines_max: usize,
}

impl RecordRules {
    pub(super) fn new(options: &CsvOptions) -> Self {
        Self { comment: options.comment, quoted_lines_max: options.quoted_lines as usize }
    }
}

/// Finds the next record.
#[inline]
pub(super) fn next_record<D: Dialect>(
    rules: RecordRules,
    window: &mut Window<'_>,
    scanner: &mut Scanner<D>,
) -> Result<Option<Extent>, FileError> {
    let RecordRules { comment, quoted_lines_max } = rules;
    if let Some(comment) = comment {
        skip_comments(comment, scanner.dialect(), window)?;
    }
    loop {
        if window.unread().is_empty() && window.ended() {
            return Ok(None);
        }
        match scanner.scan(window.unread(), window.ended()) {
            Scan::Record(mut extent) => {
                // Only quoted fields can contain line ends.
                if scanner.has_quotes() {
                    extent.line_feeds = line_ends(scanner.dialect(), &window.unread()[..extent.length]);
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
                let reason = "a quote opens here and is never closed".to_owned();
                return Err(malformed_at(at, scanner.dialect(), window, reason));
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
        // A field with one line end has two lines.
        if line_ends(scanner.dialect(), text) >= lines_max {
            let reason = format!("a quote opens here, and its field has more than {lines_max} lines");
            return Err(malformed_at(field.start, scanner.dialect(), window, reason));
        }
    }
    Ok(())
}

fn malformed_at<D: Dialect>(at: usize, dialect: D, window: &Window<'_>, reason: String) -> FileError {
    let line = window.line() + line_ends(dialect, &window.unread()[..at]) as u64;
    FileError::Malformed { line, reason }
}

/// Skips comments of any length without keeping them in memory.
#[cold]
fn skip_comments<D: Dialect>(comment: u8, dialect: D, window: &mut Window<'_>) -> Result<(), FileError> {
    loop {
        match window.unread().first() {
            None if window.ended() => return Ok(()),
            None => window.fill()?,
            Some(first) if *first != comment => return Ok(()),
            Some(_) => skip_line(dialect.ends_lines_with_cr(), window)?,
        }
    }
}

/// Consumes the record.
#[inline]
pub(super) fn advance<D: Dialect>(window: &mut Window<'_>, scanner: &mut Scanner<D>, extent: Extent) {
    window.consume(extent.consumed, extent.line_feeds + 1);
    scanner.reset();
}
