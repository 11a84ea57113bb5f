use crate::error::FileError;

pub(crate) const GZIP_MAGIC: &[u8] = b"\x1f\x8b\x08";
pub(crate) const ZSTD_MAGIC: &[u8] = b"\x28\xb5\x2f\xfd";
/// A zstd file may begin with a skippable frame. A text may begin with the same bytes, so only the file's name decides.
/// <https://datatracker.ietf.org/doc/html/rfc8878#name-skippable-frames>
pub(crate) const ZSTD_SKIPPABLE: &[u8] = b"\x2a\x4d\x18";
pub(crate) const PARQUET_MAGIC: &[u8; 4] = b"PAR1";

/// Magic bytes and the error for a file that begins with them. No valid text file begins with any of them.
const MARKS: [(&[u8], &str); 5] = [
    (b"\xff\xfe", "the file is UTF-16: declare encoding = \"utf-16\""),
    (b"\xfe\xff", "the file is UTF-16: declare encoding = \"utf-16\""),
    (GZIP_MAGIC, "the decompressed file is gzip again: compress it once"),
    (ZSTD_MAGIC, "the decompressed file is zstd again: compress it once"),
    // The byte after PAR1 begins the first page header. In text it would be a control character.
    (b"PAR1\x15", "the file is Parquet: name it .parquet"),
];

/// Bytes of the file that [`check`] needs.
pub(crate) const MARK_BYTES_MAX: usize = 5;

/// Rejects a file in another format its first bytes say, and names the format. `start` is decompressed, and UTF-8 if the
/// file is valid.
pub(crate) fn check(start: &[u8]) -> Result<(), FileError> {
    match MARKS.iter().find(|(mark, _)| start.starts_with(mark)) {
        Some((_, reason)) => Err(FileError::Malformed { line: 1, reason: (*reason).to_owned() }),
        None => Ok(()),
    }
}
