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

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Builds an archive with these members. A streaming writer writes sizes and checksum after the data.
fn zip(members: &[(&str, &[u8])], method: u16, is_streamed: bool) -> Vec<u8> {
    let mut archive = Vec::new();
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
    for (name, bytes) in members {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        let packed = if method == 8 { encoder.finish().unwrap() } else { bytes.to_vec() };
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(bytes);
        let facts = [checksum.finalize(), length(&packed), length(bytes)].map(u32::to_le_bytes).concat();
        archive.extend_from_slice(b"PK\x03\x04\x14\0");
        archive.extend_from_slice(&u16::to_le_bytes(if is_streamed { 8 } else { 0 }));
        archive.extend_from_slice(&method.to_le_bytes());
        archive.extend_from_slice(&[0; 4]);
        archive.extend_from_slice(if is_streamed { &[0; 12] } else { &facts });
        archive.extend_from_slice(&[u8::try_from(name.len()).unwrap(), 0, 0, 0]);
        archive.extend_from_slice(name.as_bytes());
        archive.extend_from_slice(&packed);
        if is_streamed {
            archive.extend_from_slice(&[b"PK\x07\x08", facts.as_slice()].concat());
        }
    }
    archive.extend_from_slice(b"PK\x01\x02");
    archive
}

#[test]
fn zip_archive_with_one_file_loads() {
    let setup = setup(Compression::Zip);
    let file = ("a.csv", b"a,b\n1,x\n".as_slice());
    for (method, is_streamed) in [(8, false), (8, true), (0, false)] {
        setup.check(zip(&[file], method, is_streamed), &["1|x"], &[]);
        let several = zip(&[file, ("b.csv", b"a,b\n")], method, is_streamed);
        setup.check_error(several, "line 1: the ZIP archive has several members: upload the files in it");
        let mut damaged = zip(&[file], method, is_streamed);
        let end = damaged.len();
        damaged.truncate(end - 3);
        setup.check_error(damaged, "line 1: the compressed stream ends in the middle, after 8 decompressed bytes");
    }
    setup.check_error(
        zip(&[], 8, false),
        "line 1: the compressed stream is damaged (no ZIP member), after 0 decompressed bytes",
    );
    setup.check_error(zip(&[file], 9, false), "line 1: the ZIP archive has compression method 9, expected deflate");
    setup.check_error(
        zip(&[("folder/", b"")], 0, false),
        "line 1: the ZIP archive has a folder, expected one file: upload the files in it",
    );
    setup.check_error(b"PK\x05\x06\0\0\0\0\0\0\0\0", "line 1: the ZIP archive is empty");
    let wrong: Vec<u8> = zip(&[file], 0, false).iter().map(|byte| if *byte == b'x' { b'y' } else { *byte }).collect();
    setup.check_error(
        wrong,
        "line 1: the compressed stream is damaged (checksum or size of the ZIP member differs), after 8 decompressed bytes",
    );
}

fn setup(compression: Compression) -> TestFile {
    TestFile { compression, ..TestFile::new(Format::Csv, &["a integer", "b text"]) }
}

type Codec = (Compression, fn(&[u8]) -> Vec<u8>);

const CODECS: [Codec; 3] = [(Compression::Gzip, gzip), (Compression::Zstd, zstd), (Compression::Bzip2, bzip2)];

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
    let damaged = "line 1: the compressed stream is damaged: its name or dataset says";
    for (compression, name, file, found) in [
        (Compression::Gzip, "gzip", zstd(b"a,b\n"), "zstd"),
        (Compression::Zstd, "zstd", gzip(b"a,b\n"), "gzip"),
        (Compression::Gzip, "gzip", b"a,b\n".to_vec(), "none"),
        (Compression::Zstd, "zstd", b"a,b\n".to_vec(), "none"),
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
