//! Tests each limit at its edge: the largest accepted value, and the first above it.

use protocol::{Compression, Format};

use super::TestFile;
use crate::error::FileError;
use crate::limits::{COPY_BLOCK_BYTES, FIELDS_MAX, JSON_DEPTH_MAX, RECORD_BYTES_MAX};

fn text(format: Format) -> TestFile {
    TestFile::new(format, &["t text"])
}

#[track_caller]
fn check_record(setup: &TestFile, file: &str, line: Option<u64>) {
    let found = match setup.load(file.as_bytes()) {
        Ok(_) => None,
        Err(FileError::RecordTooLarge { line, .. }) => Some(line),
        Err(error) => panic!("{error}"),
    };
    assert_eq!(found, line, "{file:?}");
}

#[test]
fn record_size_is_limited() {
    let mut csv = text(Format::Csv);
    csv.limits.record_bytes_max = 8;
    csv.limits.read_block_bytes = 4;
    for end in ["", "\n", "\r\n"] {
        check_record(&csv, &format!("t\nx\n12345678{end}"), None);
        check_record(&csv, &format!("t\nx\n123456789{end}"), Some(3));
        check_record(&csv, &format!("t\nx\n\"123456\"{end}"), None);
        check_record(&csv, &format!("t\nx\n\"1234567\"{end}"), Some(3));
    }
    check_record(&csv, "t\n\"never closes\n", Some(2));
    check_record(&csv, "a header too long", Some(1));

    let mut lines = text(Format::Jsonl);
    lines.limits = csv.limits;
    for end in ["", "\n", "\r\n"] {
        check_record(&lines, &format!("{{}}\n{{     }}{end}"), None);
        check_record(&lines, &format!("{{}}\n{{      }}{end}").replace("{  ", "{   "), Some(2));
    }

    let mut array = text(Format::Json);
    array.limits = csv.limits;
    check_record(&array, "[               {      }   ]", None);
    check_record(&array, "[ \n {       }  ]", Some(2));
    check_record(&array, "[{},\n{\"a\":\"never closes", Some(2));
}

#[test]
fn endless_line_does_not_grow_memory() {
    let endless = std::io::Read::chain(&b"t\n"[..], std::io::repeat(b'x'));
    let error = text(Format::Csv).load_from(endless).unwrap_err();
    assert!(matches!(error, FileError::RecordTooLarge { line: 2, limit: RECORD_BYTES_MAX }));
    let error = text(Format::Jsonl).load_from(std::io::repeat(b'x')).unwrap_err();
    assert!(matches!(error, FileError::RecordTooLarge { line: 1, limit: RECORD_BYTES_MAX }));
    let commas = std::io::Read::chain(&b"t\n"[..], std::io::repeat(b','));
    assert!(matches!(text(Format::Csv).load_from(commas), Err(FileError::RecordTooLarge { line: 2, .. })));
}

#[test]
fn header_fields_are_limited() {
    let names: Vec<_> = (0..FIELDS_MAX).map(|index| format!("c{index} text")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let header = names.join(",").replace(" text", "");
    let row = vec!["x"; FIELDS_MAX].join(",");
    let setup = TestFile::new(Format::Csv, &names);
    assert_eq!(setup.load(format!("{header}\n{row}\n").as_bytes()).unwrap().counts.rows_loaded, 1);
    setup.check(
        format!("{header}\n{row},x\n"),
        &[],
        &[&format!("2@{}: 1601 fields, but the header has 1600", header.len() + 1)],
    );
    setup.check_error(format!("{header},one more\n"), "line 1: in the header: 1601 fields, the limit is 1600");
}

#[test]
fn raw_record_is_cut_at_limit() {
    let mut setup = TestFile::new(Format::Csv, &["i integer"]);
    setup.limits.reject_raw_bytes_max = 4;
    let loaded = setup.load(b"i\nabcd\nabcde\n").unwrap();
    assert!(loaded.rejects.iter().all(|reject| reject.raw == b"abcd"));
}

#[test]
fn blank_lines_at_end_are_ignored() {
    let two = TestFile::new(Format::Csv, &["t text", "u text"]);
    for end in ["\n", "\r\n"] {
        two.check(format!("t,u\nx,y\n{}", end.repeat(100_000)), &["x|y"], &[]);
    }
    let mut setup = two;
    setup.limits.blank_runs_max = 2;
    setup.check("t,u\nx,y\n\n\n\r\n\r\n", &["x|y"], &[]);
    setup.check(
        "t,u\nx,y\n\n\n\r\n\r\n\n",
        &["x|y"],
        &["3@8: blank line", "4@9: blank line", "5@10: blank line", "6@12: blank line"],
    );
    let mut lines = text(Format::Jsonl);
    lines.limits.blank_runs_max = 2;
    lines.check("{}\n  \n\t\r\n\n   ", &["NULL"], &["2@3: blank line", "3@6: blank line", "4@9: blank line"]);
}

#[test]
fn copy_blocks_end_between_rows() {
    let mut setup = text(Format::Csv);
    setup.limits.copy_block_bytes = 30;
    // Each tuple has 2 + 4 + 9 bytes.
    assert_eq!(setup.load(b"t\n123456789\n123456789\n").unwrap().blocks, 1);
    assert_eq!(setup.load(b"t\n123456789\n123456789\n123456789\n").unwrap().blocks, 2);
    let file = format!("t\n{}", "123456789\n".repeat(COPY_BLOCK_BYTES / 15 * 4));
    assert_eq!(text(Format::Csv).load(file.as_bytes()).unwrap().blocks, 4);
}

#[test]
fn json_depth_is_limited() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let csv = TestFile::new(Format::Csv, &["j jsonb"]);
    assert_eq!(csv.load(format!("j\n{}\n", nested(JSON_DEPTH_MAX)).as_bytes()).unwrap().counts.rows_loaded, 1);
    csv.check(format!("j\n{}\n", nested(JSON_DEPTH_MAX + 1)), &[], &["2@2 j: JSON nested deeper than 128"]);
    // The enclosing object counts.
    let lines = TestFile::new(Format::Jsonl, &["j jsonb"]);
    let line = |depth: usize| format!("{{\"j\":{}}}", nested(depth));
    assert_eq!(lines.load(line(JSON_DEPTH_MAX - 1).as_bytes()).unwrap().counts.rows_loaded, 1);
    lines.check(line(JSON_DEPTH_MAX), &[], &["1@0: JSON nested deeper than 128"]);
    let endless = TestFile::new(Format::Json, &["j jsonb"]);
    endless.check(format!("[{}]", line(100_000)), &[], &["1@1: JSON nested deeper than 128"]);
}

#[test]
fn decompressed_size_is_limited() {
    let file = format!("t\n{}", "x\n".repeat(499));
    let mut setup = TestFile { compression: Compression::Gzip, ..text(Format::Csv) };
    let packed = super::compression::gzip(file.as_bytes());
    let load = |setup: &TestFile| match setup.load(&packed) {
        Ok(loaded) => Ok(loaded.counts.decompressed_bytes),
        Err(FileError::DecompressionLimit { limit, .. }) => Err(limit),
        Err(error) => panic!("{error}"),
    };
    setup.limits.decompressed_bytes_max = 1000;
    assert_eq!(load(&setup), Ok(1000));
    setup.limits.decompressed_bytes_max = 999;
    assert_eq!(load(&setup), Err("the limit is 999 bytes".to_owned()));
    setup.limits.decompressed_bytes_max = 1000;
    setup.limits.decompression_ratio_max = 2;
    setup.limits.decompression_ratio_free_bytes = 1000;
    assert_eq!(load(&setup), Ok(1000));
    setup.limits.decompression_ratio_free_bytes = 999;
    assert_eq!(load(&setup), Err("the limit is 2 times the compressed size".to_owned()));
    // An uncompressed file has no such limits.
    setup.compression = Compression::None;
    setup.limits.decompressed_bytes_max = 1;
    assert_eq!(setup.load(file.as_bytes()).unwrap().counts.rows_loaded, 499);
}
