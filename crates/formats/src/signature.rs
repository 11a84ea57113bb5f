//! Recognizes files in another format by their first bytes.

use pipeline::Encoding;

use crate::error::FileError;

pub(crate) const GZIP_MAGIC: &[u8] = b"\x1f\x8b\x08";
pub(crate) const ZSTD_MAGIC: &[u8] = b"\x28\xb5\x2f\xfd";
/// A zstd file may begin with a skippable frame. A text may begin with the same bytes, so only the file's name decides.
/// <https://datatracker.ietf.org/doc/html/rfc8878#name-skippable-frames>
pub(crate) const ZSTD_SKIPPABLE: &[u8] = b"\x2a\x4d\x18";
pub(crate) const PARQUET_MAGIC: &[u8; 4] = b"PAR1";

/// Magic bytes, and the error for a file that begins with them. No valid text file begins with any of them.
const SIGNATURES: [(&[u8], &str); 10] = [
    (GZIP_MAGIC, "the decompressed file is gzip again: compress it once"),
    (ZSTD_MAGIC, "the decompressed file is zstd again: compress it once"),
    // The byte after PAR1 begins the first page header. In text it would be a control character.
    (b"PAR1\x15", "the file is Parquet: name it .parquet"),
    // An archive with entries, and one without.
    (ZIP_MAGIC, ZIP),
    (b"PK\x05\x06", ZIP),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "the file is an Excel workbook (.xls): save the sheet as CSV"),
    // The block size is a digit, so six bytes of the first block's header follow.
    (b"BZh", "the decompressed file is bzip2 again: compress it once"),
    (b"7z\xbc\xaf\x27\x1c", "the file is a 7z archive: upload the files in it"),
    (b"Rar!\x1a\x07", "the file is a RAR archive: upload the files in it"),
    (b"\xfd7zXZ\0", "the file is compressed with xz: compress it with gzip or zstd"),
];
const ZIP: &str =
    "the file is a ZIP archive: upload the files in it, or declare compression = \"zip\" for an archive with one file";

/// Byte order marks of encodings other than UTF-8. UTF-32 comes first, because its mark begins as that of UTF-16.
const BYTE_ORDER_MARKS: [(&[u8], &str); 4] = [
    (b"\xff\xfe\0\0", UTF_32),
    (b"\0\0\xfe\xff", UTF_32),
    (b"\xff\xfe", "the file is UTF-16: declare encoding = \"utf-16\""),
    (b"\xfe\xff", "the file is UTF-16: declare encoding = \"utf-16\""),
];
const UTF_32: &str = "the file is UTF-32: convert it to UTF-8";

/// <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>, "Local file header": the first entry's name is at
/// offset 30.
pub(crate) const ZIP_MAGIC: &[u8] = b"PK\x03\x04";
const ZIP_NAME_OFFSET: usize = 30;
/// Names of entries that begin an Office document.
const OFFICE_ENTRIES: [&[u8]; 4] = [b"[Content_Types].xml", b"_rels/", b"docProps/", b"xl/"];
const OFFICE: &str = "the file is an Excel workbook (.xlsx) or another Office document: save the sheet as CSV";

/// `BZh`, the block size, and the header of the first block, or the end of a file without blocks:
/// <https://en.wikipedia.org/wiki/Bzip2#File_format>.
const BZIP2_MAGIC: &[u8] = b"BZh";
const BZIP2_BLOCKS: [&[u8]; 2] = [b"1AY&SY", b"\x17\x72\x45\x38\x50\x90"];
/// Bytes that [`is_bzip2`] needs.
pub(crate) const BZIP2_BYTES: usize = 10;

/// Returns whether a file begins as bzip2.
pub(crate) fn is_bzip2(start: &[u8]) -> bool {
    let block = start.strip_prefix(BZIP2_MAGIC).and_then(|rest| rest.get(1..)).unwrap_or_default();
    BZIP2_BLOCKS.iter().any(|magic| block.starts_with(magic))
}

/// Bytes of the file that [`check`] needs.
pub(crate) const SIGNATURE_BYTES: usize = ZIP_NAME_OFFSET + 19;

/// Rejects a file in another format, and names that format. `start` is the decompressed file's beginning.
pub(crate) fn check(start: &[u8], encoding: Encoding) -> Result<(), FileError> {
    let starts = |(magic, _): &&(&[u8], &str)| start.starts_with(magic);
    let mark = BYTE_ORDER_MARKS.iter().find(starts);
    // The decoder of UTF-16 checks the byte order.
    let mark = mark.filter(|(_, reason)| encoding == Encoding::Utf8 || *reason == UTF_32);
    let reason = match mark.or_else(|| SIGNATURES.iter().find(starts)) {
        None => return Ok(()),
        Some((b"BZh", _)) if !is_bzip2(start) => return Ok(()),
        Some((magic, _)) if *magic == ZIP_MAGIC && is_office_document(start) => OFFICE,
        Some((_, reason)) => reason,
    };
    Err(FileError::Malformed { line: 1, reason: reason.to_owned() })
}

fn is_office_document(start: &[u8]) -> bool {
    let name = start.get(ZIP_NAME_OFFSET..).unwrap_or_default();
    OFFICE_ENTRIES.iter().any(|entry| name.starts_with(entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_start(start: &[u8], expected: Option<&str>) {
        let found = check(start, Encoding::Utf8).err().map(|error| error.to_string());
        assert_eq!(found, expected.map(|reason| format!("line 1: {reason}")), "{start:?}");
    }

    #[test]
    fn signature_names_the_format() {
        let entry = |name: &[u8]| [b"PK\x03\x04", &[0; 26][..], name].concat();
        check_start(&entry(b"data.csv"), Some(ZIP));
        check_start(b"PK\x05\x06", Some(ZIP));
        for name in [&b"[Content_Types].xml"[..], b"xl/workbook.xml", b"_rels/.rels", b"docProps/app.xml"] {
            check_start(&entry(name), Some(OFFICE));
        }
        check_start(
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            Some("the file is an Excel workbook (.xls): save the sheet as CSV"),
        );
        check_start(b"BZh91AY&SY", Some("the decompressed file is bzip2 again: compress it once"));
        check_start(b"7z\xbc\xaf\x27\x1c", Some("the file is a 7z archive: upload the files in it"));
        check_start(b"Rar!\x1a\x07\x01\0", Some("the file is a RAR archive: upload the files in it"));
        check_start(b"\xfd7zXZ\0", Some("the file is compressed with xz: compress it with gzip or zstd"));
        check_start(b"\xff\xfe\0\0a\0\0\0", Some(UTF_32));
        check_start(b"\0\0\xfe\xff\0\0\0a", Some(UTF_32));
        check_start(b"\xff\xfea\0", Some("the file is UTF-16: declare encoding = \"utf-16\""));
        assert!(check(b"\xff\xfea\0", Encoding::Utf16).is_ok());
        assert!(check(b"\xff\xfe\0\0a\0\0\0", Encoding::Utf16).is_err());
    }

    #[test]
    fn text_has_no_signature() {
        for text in ["", "P", "PK", "PK,name\n1,x\n", "BZh9,x\n", "7z,x\n", "Rar!,x\n", "PAR1,x\n"] {
            check_start(text.as_bytes(), None);
        }
    }
}
