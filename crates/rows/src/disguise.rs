use contracts::{Compression, Format};

use crate::{FileError, RowSpec};

/// What a file is when it begins with these bytes. No UTF-8 begins with any of them, so no good file is refused.
const MARKS: [(&[u8], Disguise); 4] = [
    (b"\xff\xfe", Disguise::Utf16),
    (b"\xfe\xff", Disguise::Utf16),
    (b"\x1f\x8b", Disguise::Packed { as_what: "gzip", suffix: "gz" }),
    (b"\x28\xb5\x2f\xfd", Disguise::Packed { as_what: "zstd", suffix: "zst" }),
];

/// As many bytes of a file's beginning as must be seen.
pub(crate) const MARK_BYTES_MAX: usize = 4;

#[derive(Clone, Copy)]
enum Disguise {
    Utf16,
    Packed { as_what: &'static str, suffix: &'static str },
}

/// Tells what the file is and what to do, where its first line would only be odd. `start` is decompressed.
pub(crate) fn check(start: &[u8], spec: &RowSpec<'_>) -> Result<(), FileError> {
    let Some((_, disguise)) = MARKS.iter().find(|(mark, _)| start.starts_with(mark)) else { return Ok(()) };
    let reason = match (disguise, spec.compression) {
        (Disguise::Utf16, _) => "this is UTF-16: save it as UTF-8".to_owned(),
        (Disguise::Packed { as_what, suffix }, Compression::None) => {
            format!("this is {as_what}: name it .{}.{suffix}", extension(spec.format))
        }
        (Disguise::Packed { as_what, .. }, _) => format!("decompressed, this is {as_what} again: compress it once"),
    };
    Err(FileError::Malformed { line: 1, reason })
}

fn extension(format: Format) -> &'static str {
    match format {
        Format::Csv => "csv",
        Format::Json => "json",
        Format::Jsonl => "jsonl",
    }
}
