//! Reads CSV by RFC 4180 (<https://www.rfc-editor.org/rfc/rfc4180>), or in the dialect that the dataset declares.
//!
//! - Without a header, a record must have exactly the dataset's columns, in order.
//! - LF and CRLF both end a record, also mixed in one file. The last record needs no line end.
//! - An unquoted field can mean NULL. A quoted field never does.
//! - A blank line is rejected, or skipped with `csv.skip_blank`. Blank lines at the end of the file are ignored, except
//!   in a file of one column: there, a blank line can be a row with an empty field.
//! - The quotes that open fields decide where a record ends, also in a record that is rejected for its quotes.
//! - A quoted field has at most as many lines as `csv.quoted_lines` says.
//! - Only lines that begin with the declared comment byte are comments. `\.` and `#` are data.
//! - An escape byte has a meaning only inside quotes, before a quote or an escape byte. Elsewhere it is data.

mod delimiter;
mod dialect;
mod extended_dialect;
mod footer;
mod header;
mod line_ends;
mod preamble;
mod reader;
mod records;
mod scanner;

pub(crate) use delimiter::{by_ending, find_delimiter};
pub(crate) use reader::read;
