use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, GB18030, GBK, ISO_2022_JP, ISO_8859_2, KOI8_R, MACINTOSH, SHIFT_JIS, WINDOWS_1251,
    WINDOWS_1253,
};
use pipeline::Encoding;
use protocol::{Compression, Format};

use super::TestFile;
use super::compression::gzip;
use crate::error::FileError;

const TEXT: &str = "id,t\n1,Zoë\n2,\"€ “x”\n\"\n";

fn setup(encoding: Encoding) -> TestFile {
    TestFile { encoding, ..TestFile::new(Format::Csv, &["id integer", "t text"]) }
}

fn utf_16_le(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn utf_16_be(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

#[test]
fn utf_16_converts_in_both_byte_orders() {
    let rows = ["1|Zoë", "2|€ “x”\n"];
    let marked = format!("\u{feff}{TEXT}");
    setup(Encoding::Utf16).check(utf_16_le(&marked), &rows, &[]);
    setup(Encoding::Utf16).check(utf_16_be(&marked), &rows, &[]);
    for text in [TEXT, &marked] {
        setup(Encoding::Utf16Le).check(utf_16_le(text), &rows, &[]);
        setup(Encoding::Utf16Be).check(utf_16_be(text), &rows, &[]);
    }
    let json = TestFile { format: Format::Json, ..setup(Encoding::Utf16) };
    json.check(utf_16_le("\u{feff}[{\"id\":1,\"t\":\"😀\"}]"), &["1|😀"], &[]);
    let packed = TestFile { compression: Compression::Gzip, ..setup(Encoding::Utf16) };
    packed.check(gzip(&utf_16_be(&marked)), &rows, &[]);
}

#[test]
fn one_byte_encodings_convert_to_utf_8() {
    let file = b"id,t\n1,Zo\xeb\n2,\x80\x93\xff\n";
    setup(Encoding::Windows1252).check(file, &["1|Zoë", "2|€“ÿ"], &[]);
    setup(Encoding::Latin1).check(file, &["1|Zoë", "2|\u{80}\u{93}ÿ"], &[]);
}

#[track_caller]
fn check_error(encoding: Encoding, file: impl AsRef<[u8]>, message: &str) {
    setup(encoding).check_error(file, message);
}

#[test]
fn wrong_byte_order_mark_fails_file() {
    let none = "line 1: no byte order mark, so the byte order (utf-16le or utf-16be) is unknown, at byte 0 of the file; \
                the dataset declares utf-16";
    check_error(Encoding::Utf16, utf_16_le(TEXT), none);
    check_error(Encoding::Utf16, "x", none);
    let marked = format!("\u{feff}{TEXT}");
    for (encoding, name, file) in [
        (Encoding::Utf16, "utf-16", marked.as_bytes().to_vec()),
        (Encoding::Utf16Le, "utf-16le", utf_16_be(&marked)),
        (Encoding::Utf16Be, "utf-16be", utf_16_le(&marked)),
        (Encoding::Latin1, "latin-1", marked.as_bytes().to_vec()),
        (Encoding::Windows1252, "windows-1252", utf_16_le(&marked)),
    ] {
        let message = "line 1: the byte order mark of another encoding, at byte 0 of the file; the dataset declares";
        check_error(encoding, file, &format!("{message} {name}"));
    }
    for encoding in [Encoding::Utf16, Encoding::Utf16Le, Encoding::Latin1, Encoding::Windows1252] {
        assert!(matches!(setup(encoding).load(b""), Err(FileError::Empty)));
    }
    assert!(matches!(setup(Encoding::Utf16).load(b"\xff\xfe"), Err(FileError::Empty)));
}

#[test]
fn invalid_bytes_fail_file_at_their_offset() {
    let fault = |line: u64, at: usize, encoding: &str| {
        format!("line {line}: invalid bytes, at byte {at} of the file; the dataset declares {encoding}")
    };
    check_error(Encoding::Windows1252, b"id,t\n1,x\n2,\x81\n", &fault(3, 11, "windows-1252"));
    let half = [utf_16_le("id,t\n1,"), vec![0x3d, 0xd8], utf_16_le("x\n")].concat();
    check_error(Encoding::Utf16Le, &half, &fault(2, 14, "utf-16le"));
    let odd = [utf_16_be("id,t\n1,x"), vec![0]].concat();
    check_error(Encoding::Utf16Be, &odd, &fault(2, 16, "utf-16be"));
    for block in 1..20 {
        for (encoding, name, file, at) in
            [(Encoding::Utf16Le, "utf-16le", &half, 14), (Encoding::Utf16Be, "utf-16be", &odd, 16)]
        {
            let mut setup = setup(encoding);
            setup.limits.transcode_block_bytes = block;
            setup.check_error(file, &fault(2, at, name));
        }
    }
}

#[test]
fn transcoding_blocks_may_end_anywhere() {
    let file = utf_16_le("\u{feff}id,t\n1,a😀é€\n2,\"x\n\"\n");
    for transcode_block_bytes in 1..24 {
        for read_block_bytes in [1, 2, 3, 5, 64] {
            // One byte is not a byte order mark.
            let mut setup = setup(if transcode_block_bytes < 2 { Encoding::Utf16Le } else { Encoding::Utf16 });
            setup.limits.transcode_block_bytes = transcode_block_bytes;
            setup.limits.read_block_bytes = read_block_bytes;
            setup.check(&file, &["1|a😀é€", "2|x\n"], &[]);
        }
    }
}

#[test]
fn every_whatwg_encoding_converts_to_utf_8() {
    let check = |encoding: &'static encoding_rs::Encoding, text: &str| {
        let file = format!("id,t\n1,{text}\n2,\"{text}\n{text}\"\n");
        let (bytes, _, has_unmappable) = encoding.encode(&file);
        assert!(!has_unmappable, "{}", encoding.name());
        let rows = [format!("1|{text}"), format!("2|{text}\n{text}")];
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        for transcode_block_bytes in [1, 2, 3, 5, 64 * 1024] {
            let mut setup = setup(Encoding::Other(encoding));
            setup.limits.transcode_block_bytes = transcode_block_bytes;
            setup.check(&*bytes, &rows, &[]);
        }
    };
    check(ISO_8859_2, "žluťoučký");
    check(KOI8_R, "Привет");
    check(WINDOWS_1251, "Привет №1");
    check(MACINTOSH, "naïve ©");
    check(SHIFT_JIS, "日本語ｱｲｳ");
    check(EUC_JP, "日本語");
    check(ISO_2022_JP, "日本語 abc");
    check(EUC_KR, "한국어");
    check(GBK, "中文");
    check(GB18030, "中文😀é");
    check(BIG5, "中文");
}

#[test]
fn undefined_bytes_of_an_encoding_fail_file() {
    let other = |encoding| Encoding::Other(encoding);
    let fault = |at: usize, encoding: &str| {
        format!("line 2: invalid bytes, at byte {at} of the file; the dataset declares {encoding}")
    };
    // 0x98 and 0x81 are undefined, but the WHATWG Encoding Standard maps them to control characters.
    check_error(other(WINDOWS_1251), b"id,t\n1,x\x98\n", &fault(8, "windows-1251"));
    check_error(other(WINDOWS_1253), b"id,t\n1,\x81\n", &fault(7, "windows-1253"));
    check_error(other(SHIFT_JIS), b"id,t\n1,\x82\n", &fault(7, "Shift_JIS"));
    check_error(other(EUC_JP), b"id,t\n1,x\xff\n", &fault(8, "EUC-JP"));
    check_error(
        other(KOI8_R),
        "\u{feff}id,t\n",
        "line 1: the byte order mark of another encoding, at byte 0 of the file; the dataset declares KOI8-R",
    );
    let rows = ["1|\u{85}"];
    setup(other(ISO_8859_2)).check(b"id,t\n1,\x85\n", &rows, &[]);
}
