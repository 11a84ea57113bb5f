use std::io::{Error, ErrorKind, Read, Write};

use flate2::write::GzEncoder;
use protocol::{Compression, Format};

use super::TestFile;
use crate::error::FileError;

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

fn setup(compression: Compression) -> TestFile {
    TestFile { compression, ..TestFile::new(Format::Csv, &["a integer", "b text"]) }
}

type Codec = (Compression, fn(&[u8]) -> Vec<u8>);

const CODECS: [Codec; 2] = [(Compression::Gzip, gzip), (Compression::Zstd, zstd)];

#[test]
fn compressed_members_are_concatenated() {
    for (compression, pack) in CODECS {
        setup(compression).check(pack(b"a,b\n1,x\n"), &["1|x"], &[]);
        setup(compression).check(
            [pack(b"a,b\n1,"), pack(b"x\n2"), pack(b""), pack(b",y\n")].concat(),
            &["1|x", "2|y"],
            &[],
        );
    }
}

#[test]
fn compressed_empty_file_is_empty() {
    for (compression, pack) in CODECS {
        assert!(matches!(setup(compression).load(&pack(b"")), Err(FileError::Empty)));
        assert!(matches!(setup(compression).load(b""), Err(FileError::Empty)));
    }
}

#[test]
fn magic_bytes_select_codec_for_plain_name() {
    let plain = setup(Compression::None);
    for (_, pack) in CODECS {
        plain.check(pack(b"a,b\n1,x\n"), &["1|x"], &[]);
        assert!(matches!(plain.load(&pack(b"")), Err(FileError::Empty)));
    }
    let mut limited = plain.clone();
    limited.limits.decompressed_bytes_max = 7;
    assert!(matches!(limited.load(&gzip(b"a,b\n1,x\n")), Err(FileError::DecompressionLimit { .. })));
    // A shorter prefix of the magic number is text.
    plain.check_error(b"\x1f\x8b", "line 1: in the header: invalid UTF-8");
}

#[test]
fn name_and_codec_mismatch_is_malformed() {
    let damaged = "line 1: the compressed stream is damaged: its name says";
    for (compression, name, file, found) in [
        (Compression::Gzip, "gzip", zstd(b"a,b\n"), "zstd"),
        (Compression::Zstd, "zstd", gzip(b"a,b\n"), "gzip"),
        (Compression::Gzip, "gzip", b"a,b\n".to_vec(), "neither gzip nor zstd"),
        (Compression::Zstd, "zstd", b"a,b\n".to_vec(), "neither gzip nor zstd"),
    ] {
        setup(compression).check_error(file, &format!("{damaged} {name}, its first bytes say {found}"));
    }
    let skipped = [b"\x50\x2a\x4d\x18\x01\0\0\0x", zstd(b"a,b\n1,x\n").as_slice()].concat();
    setup(Compression::Zstd).check(skipped, &["1|x"], &[]);
}

fn noise(rows: usize) -> Vec<u8> {
    let mut file = b"a,b\n".to_vec();
    let mut state = 1_u64;
    for row in 0..rows {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        writeln!(file, "{row},{state:x}").unwrap();
    }
    file
}

#[test]
fn truncated_stream_is_malformed() {
    let file = noise(2_000);
    for (compression, pack) in CODECS {
        let packed = pack(&file);
        assert_eq!(setup(compression).load(&packed).unwrap().counts.rows_loaded, 2_000);
        for cut in [1, 5, 17, packed.len() / 2, packed.len() - 9, packed.len() - 1] {
            let error = setup(compression).load(&packed[..cut]).unwrap_err().to_string();
            assert!(
                error.contains("the compressed stream ends in the middle, after "),
                "{compression:?} {cut}: {error}"
            );
            assert!(error.ends_with(" decompressed bytes"), "{error}");
        }
    }
}

#[test]
fn damaged_stream_is_malformed() {
    for (compression, pack) in CODECS {
        let good = pack(b"a,b\n1,x\n");
        let check = |file: &[u8]| {
            let error = setup(compression).load(file).unwrap_err();
            assert!(matches!(error, FileError::Malformed { .. }), "{compression:?}: {error}");
            assert!(error.to_string().contains("the compressed stream "), "{error}");
        };
        check(b"a,b\n1,x\n");
        check(&[&good, &b"no second part"[..]].concat());
    }
    let mut wrong_checksum = gzip(b"a,b\n1,x\n");
    let end = wrong_checksum.len();
    wrong_checksum[end - 6] ^= 1;
    let error = setup(Compression::Gzip).load(&wrong_checksum).unwrap_err();
    assert!(
        error.to_string().contains("is damaged (corrupt gzip stream does not have a matching checksum)"),
        "{error}"
    );
}

#[test]
fn foreign_format_is_named_in_error() {
    let check = |format, compression, file: &[u8], reason: &str| {
        let setup = TestFile { compression, ..TestFile::new(format, &["a integer", "b text"]) };
        setup.check_error(file, &format!("line 1: {reason}"));
    };
    for mark in [b"\xff\xfe", b"\xfe\xff"] {
        for format in [Format::Csv, Format::Json, Format::Jsonl] {
            let reason = "the file is UTF-16: declare encoding = \"utf-16\"";
            check(format, Compression::None, mark, reason);
            check(format, Compression::Gzip, &gzip(mark), reason);
        }
    }
    for (compression, pack) in CODECS {
        for compression in [compression, Compression::None] {
            let (as_gzip, as_zstd) = (gzip(b"a,b\n1,x\n"), zstd(b"a,b\n1,x\n"));
            check(Format::Csv, compression, &pack(&as_gzip), "the decompressed file is gzip again: compress it once");
            check(Format::Csv, compression, &pack(&as_zstd), "the decompressed file is zstd again: compress it once");
        }
    }
}

#[test]
fn zstd_window_above_8_mib_is_refused() {
    // Magic number, frame header without checksum and size, window size as a power of two from 10, one last raw block.
    let file = |window_log: u8| {
        let table = b"a,b\n1,x\n";
        [&[0x28, 0xb5, 0x2f, 0xfd, 0, (window_log - 10) << 3, 1 | 8 << 3, 0, 0], &table[..]].concat()
    };
    setup(Compression::Zstd).check(file(23), &["1|x"], &[]);
    for window_log in [24, 27, 31, 41] {
        let error = setup(Compression::Zstd).load(&file(window_log)).unwrap_err();
        let FileError::DecompressionLimit { limit, .. } = error else { panic!("{window_log}: {error}") };
        assert!(limit.contains("above the limit of 8388608 bytes"), "{limit}");
    }
}

#[test]
fn read_error_is_not_malformed() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(Error::new(ErrorKind::UnexpectedEof, "cut off"))
        }
    }
    let none: Codec = (Compression::None, <[u8]>::to_vec);
    for (compression, pack) in [none].into_iter().chain(CODECS) {
        let packed = pack(&noise(2_000));
        let input = packed[..packed.len() / 2].chain(Failing);
        let error = setup(compression).load_from(input).unwrap_err();
        let FileError::Read(source) = error else { panic!("{error}") };
        assert_eq!(source.to_string(), "cut off");
    }
}
