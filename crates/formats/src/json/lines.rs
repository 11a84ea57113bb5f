use super::object::ObjectReader;
use crate::error::FileError;
use crate::json_syntax::is_space;
use crate::reject::Record;
use crate::row_encoder::RowEncoder;
use crate::row_writer::RowWriter;
use crate::window::Window;

/// Reads one object per line: <https://jsonlines.org>. A line that is not a JSON object is rejected, and reading
/// continues.
pub(crate) fn read_lines(
    encoder: &RowEncoder<'_>,
    window: &mut Window<'_>,
    writer: &mut RowWriter<'_>,
) -> Result<(), FileError> {
    let mut reader = ObjectReader::new(encoder);
    while let Some((length, line_end)) = next_line(window)? {
        let is_text = window.is_text(length);
        let bytes = &window.unread()[..length];
        if bytes.iter().copied().all(is_space) {
            writer.blank_line(window.line(), window.byte_offset(), length + line_end)?;
        } else {
            let record =
                Record { line: window.line(), last_line: window.line(), byte_offset: window.byte_offset(), bytes };
            writer.row(record, |out| {
                reader.parse(bytes)?;
                reader.encode(bytes, is_text, out)
            })?;
        }
        window.consume(length + line_end, 1);
    }
    Ok(())
}

/// Returns the length of the next line and of its line end. A carriage return may stay in the line, because it is white
/// space in JSON.
fn next_line(window: &mut Window<'_>) -> Result<Option<(usize, usize)>, FileError> {
    let mut searched = 0;
    loop {
        let unread = window.unread();
        if let Some(found) = memchr::memchr(b'\n', &unread[searched..]) {
            let length = searched + found;
            let carriage_return = usize::from(unread[..length].ends_with(b"\r"));
            window.check_record(length - carriage_return)?;
            return Ok(Some((length - carriage_return, carriage_return + 1)));
        }
        searched = unread.len();
        if window.ended() {
            window.check_record(searched)?;
            return Ok((searched > 0).then_some((searched, 0)));
        }
        window.fill()?;
    }
}
