use crate::FileError;

/// What a file is when it begins with these bytes. No text begins with any of them, so no good file is refused.
const MARKS: [(&[u8], &str); 5] = [
    (b"\xff\xfe", "this is UTF-16: declare encoding = \"utf-16\""),
    (b"\xfe\xff", "this is UTF-16: declare encoding = \"utf-16\""),
    (crate::decompress::GZIP_MAGIC, "decompressed, this is gzip again: compress it once"),
    (crate::decompress::ZSTD_MAGIC, "decompressed, this is zstd again: compress it once"),
    // What follows PAR1 is the first page's header, and its first byte no character of a text.
    (b"PAR1\x15", "this is Parquet: name it .parquet"),
];

/// As many bytes of a file's beginning as must be seen.
pub(crate) const MARK_BYTES_MAX: usize = 5;

/// Tells what the file is and what to do, where its first line would only be odd. `start` is decompressed, and UTF-8
/// if the file is good.
pub(crate) fn check(start: &[u8]) -> Result<(), FileError> {
    match MARKS.iter().find(|(mark, _)| start.starts_with(mark)) {
        Some((_, reason)) => Err(FileError::Malformed { line: 1, reason: (*reason).to_owned() }),
        None => Ok(()),
    }
}
