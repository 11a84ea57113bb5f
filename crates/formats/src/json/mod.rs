//! Reads JSON files, record by record: an array of objects, or a sequence of objects.

mod array;
mod object;
mod pointer;
mod records;
mod sequence;

use protocol::Format;

use crate::error::FileError;
use crate::json_syntax::is_space;
use crate::row_encoder::RowEncoder;
use crate::row_writer::RowWriter;
use crate::window::Window;

pub(crate) use pointer::{JsonPointer, pointer_to};

/// Reads a file. The first bytes show whether the records are an array or a sequence, whatever the ending. `records` is
/// the JSON Pointer to an array of records.
pub(crate) fn read(
    format: Format,
    records: Option<&str>,
    encoder: &RowEncoder<'_>,
    window: &mut Window<'_>,
    writer: &mut RowWriter<'_>,
) -> Result<(), FileError> {
    if let Some(pointer) = records {
        return records::read_records(pointer, encoder, window, writer);
    }
    if format == Format::Jsonl {
        return if begins_as_array(window)? {
            array::read_array(encoder, window, writer)
        } else {
            sequence::read_sequence(format, encoder, window, writer)
        };
    }
    match array::next_token(window)? {
        Some(b'[') => array::read_array(encoder, window, writer),
        Some(b'{') => sequence::read_sequence(format, encoder, window, writer),
        Some(_) => {
            Err(array::malformed(window.line(), "the file is neither a JSON array of objects nor a JSON object"))
        }
        None => Err(array::malformed(window.line(), "the file has no JSON array and no JSON object")),
    }
}

/// Returns whether JSON Lines begin with an array of objects. A line such as `[1]` or `[error]` is a wrong line.
fn begins_as_array(window: &mut Window<'_>) -> Result<bool, FileError> {
    loop {
        let unread = window.unread();
        let seen = unread.len().min(window.record_bytes_max());
        let mut tokens = unread[..seen].iter().copied().filter(|byte| !is_space(*byte));
        match (tokens.next(), tokens.next()) {
            (None | Some(b'['), None) if seen == unread.len() && !window.ended() => window.fill()?,
            tokens => return Ok(matches!(tokens, (Some(b'['), Some(b'{' | b']')))),
        }
    }
}
