use pipeline::CsvOptions;
use proptest::prelude::*;
use protocol::Format;

use super::TestFile;
use crate::error::FileError;

fn csv(columns: &[&str]) -> TestFile {
    TestFile::new(Format::Csv, columns)
}

fn texts() -> TestFile {
    csv(&["a text", "b text"])
}

#[test]
fn lf_and_crlf_end_records() {
    for file in [
        "a,b\n1,2\n3,4\n",
        "a,b\r\n1,2\r\n3,4\r\n",
        "a,b\n1,2\r\n3,4",
        "a,b\r\n1,2\n3,4\r\n",
        "\u{feff}a,b\n1,2\n3,4\n",
    ] {
        texts().check(file, &["1|2", "3|4"], &[]);
    }
    texts().check(
        "a,b\n1\r2,3\n4,5\n",
        &["4|5"],
        &["2@4 a: a carriage return without a line feed, in a field without quotes"],
    );
    texts().check("a,b\n1,2\r", &[], &["2@4 b: a carriage return without a line feed, in a field without quotes"]);
    texts().check("a,b\n1,\"\r\"\n", &["1|\r"], &[]);
}

#[test]
fn empty_field_is_null_quoted_empty_is_text() {
    texts().check("a,b\n,\"\"\n\"\",\n", &["NULL|", "|NULL"], &[]);
    let mut setup = csv(&["d date", "t text"]);
    setup.null_values = vec![String::new(), "1000-01-01".to_owned(), "NA".to_owned()];
    setup.check("d,t\n1000-01-01,NA\n\"1000-01-01\",\"NA\"\n,x\n", &["NULL|NULL", "1000-01-01|NA", "NULL|x"], &[]);
    setup.null_values = vec!["NA".to_owned()];
    setup.check("d,t\nNA,\n,x\n", &["NULL|", "NULL|x"], &[]);
}

#[test]
fn empty_field_is_null_in_every_type_but_text() {
    for kind in [
        "smallint",
        "integer",
        "bigint",
        "numeric",
        "numeric(5,2)",
        "real",
        "double precision",
        "boolean",
        "date",
        "time",
        "timestamp",
        "timestamptz",
        "uuid",
        "jsonb",
    ] {
        csv(&["a text", &format!("v {kind}")]).check("a,v\n1,\"\"\n2,\n", &["1|NULL", "2|NULL"], &[]);
        csv(&["a text", &format!("v {kind} not null")]).check(
            "a,v\n1,\"\"\n",
            &[],
            &["2@4 v: null in a not null column"],
        );
    }
    csv(&["a text", "v varchar(3)"]).check("a,v\n1,\"\"\n2,\n", &["1|", "2|NULL"], &[]);
}

#[test]
fn null_in_not_null_column_is_rejected() {
    let setup = csv(&["a integer not null", "b text not null"]);
    setup.check(
        "a,b\n1,x\n,x\n1,\n1,\"\"\n",
        &["1|x", "1|"],
        &["3@8 a: null in a not null column", "4@11 b: null in a not null column"],
    );
}

#[test]
fn quoted_fields_keep_special_bytes() {
    texts().check("a,b\n\"1,1\",\"2\n2\"\nx,\"say \"\"hi\"\"\"\n", &["1,1|2\n2", "x|say \"hi\""], &[]);
    texts().check("a,b\n\"\"\"\",\"\"\"\"\"\"\n", &["\"|\"\""], &[]);
    texts().check("a,b\r\n\"x\",\"y\"\r\n\"z\",\"\"", &["x|y", "z|"], &[]);
}

#[test]
fn wrong_quotes_reject_only_their_record() {
    let inside = "a quote in a field that does not begin with a quote";
    let after = "text after the closing quote";
    texts().check("a,b\n1,x\"y\n3,4\n", &["3|4"], &[&format!("2@4 b: {inside}")]);
    texts().check("a,b\n\"1\"x,2\n3,4\n", &["3|4"], &[&format!("2@4 a: {after}")]);
    texts().check("a,b\n1, \"2\"\n3,4\n", &["3|4"], &[&format!("2@4 b: {inside}")]);
    texts().check("a,b\n\"1\" ,2\n3,4\n", &["3|4"], &[&format!("2@4 a: {after}")]);
    // Well-quoted fields decide where the record ends, so no line inside them is a row.
    texts().check("a,b\nx\"y,\"1\n2,3\"\n3,4\n", &["3|4"], &[&format!("2@4 a: {inside}")]);
    texts().check("a,b\n1,2,x\"y\n3,4\n", &["3|4"], &[&format!("2@4: {inside}")]);
}

#[test]
fn unclosed_quote_fails_file() {
    texts().check_error("a,b\n1,2\n\"x\ny\",\"3\n4,5\n", "line 4: a quote opens here and is never closed");
    texts().check_error("a,b\n1,\"2", "line 2: a quote opens here and is never closed");
    texts().check_error("a,b\n1,\"", "line 2: a quote opens here and is never closed");
    texts().check_error("\"a,b\n1,2\n", "line 1: a quote opens here and is never closed");
}

#[test]
fn reject_has_physical_line_and_byte_offset() {
    let file = "\u{feff}i,t\n1,\"é\n\n\"\nx,y\n\"2\",\"\r\n\"\r\ny,\nz,\n";
    csv(&["i integer", "t text"]).check(
        file,
        &["1|é\n\n", "2|\r\n"],
        &["5@16 i: not an integer", "8@30 i: not an integer", "9@33 i: not an integer"],
    );
}

#[test]
fn wrong_field_count_is_rejected() {
    texts().check(
        "a,b\n1\n1,2,3\n1,2\n,\n",
        &["1|2", "NULL|NULL"],
        &["2@4: 1 field, but the header has 2", "3@6: 3 fields, but the header has 2"],
    );
}

#[test]
fn blank_line_before_record_is_rejected() {
    texts().check("a,b\n1,2\n\n\n", &["1|2"], &[]);
    texts().check("a,b\n1,2\r\n\r\n\n\r\n", &["1|2"], &[]);
    texts().check(
        "a,b\n\n1,2\n\r\n\n3,4\n\n",
        &["1|2", "3|4"],
        &["2@4: blank line", "4@9: blank line", "5@11: blank line"],
    );
    texts().check(
        "a,b\n\n\n\n\r\n\r\n\n1,2\n",
        &["1|2"],
        &[
            "2@4: blank line",
            "3@5: blank line",
            "4@6: blank line",
            "5@7: blank line",
            "6@9: blank line",
            "7@11: blank line",
        ],
    );
    // In a file of one column, a blank line can be a row with an empty field.
    csv(&["a text"]).check("a\n1\n\n2\n\"\"\n\n", &["1", "2", ""], &["3@4: blank line", "6@10: blank line"]);
    let headerless = TestFile { csv: CsvOptions { header: false, ..CsvOptions::default() }, ..csv(&["a text"]) };
    headerless.check("\n\r\n", &[], &["1@0: blank line", "2@1: blank line"]);
    texts().check("a,b\n \n", &[], &["2@4: 1 field, but the header has 2"]);
}

#[test]
fn reject_has_first_and_last_line() {
    let spans = |setup: &TestFile, file: &str| -> Vec<(u64, u64)> {
        let loaded = setup.load(file.as_bytes()).unwrap();
        loaded.rejects.iter().map(|reject| (reject.line, reject.last_line)).collect()
    };
    assert_eq!(spans(&texts(), "a,b\n1\n\"2\n\n\"\n3,\"\r\n\"x\r\n4,5\n"), [(2, 2), (3, 5), (6, 7)]);
    let array = TestFile::new(Format::Json, &["a integer"]);
    assert_eq!(spans(&array, "[{\"a\":\n1},\n{\n\"a\":\n\"x\"},2]"), [(3, 5), (5, 5)]);
    let lines = TestFile::new(Format::Jsonl, &["a integer"]);
    assert_eq!(spans(&lines, "{}\n1\n"), [(2, 2)]);
}

#[test]
fn quoted_field_of_too_many_lines_fails_file() {
    let mut setup = texts();
    setup.csv.quoted_lines = 3;
    let message = "a quote opens here, and its field has more than 3 lines";
    for read_block_bytes in [1, 2, 3, 7, 64] {
        setup.limits.read_block_bytes = read_block_bytes;
        setup.check("a,b\n1,\"2\n3\n4\"\n", &["1|2\n3\n4"], &[]);
        // Two fields with too many lines together, but not alone.
        setup.check("a,b\n\"1\n\n\",\"2\n\n\"\n", &["1\n\n|2\n\n"], &[]);
        setup.check_error("a,b\n1,\"2\n3\n4\n\"\n", &format!("line 2: {message}"));
        setup.check_error("a,b\n\"1\n\",\"2\n3\n4\n\"x\n", &format!("line 3: {message}"));
        setup.check_error("a,b\n1,2\n\"3\n4\n5\n6,7\n", &format!("line 3: {message}"));
        setup.check_error("a,\"b\n\n\n\"\n1,2\n", &format!("line 1: {message}"));
        setup.check_error("a,b\n1,\"2\n3\n4", "line 2: a quote opens here and is never closed");
    }
}

#[test]
fn carriage_returns_as_line_ends_fail_file() {
    let message = "line 1: lines end in a carriage return alone, expected LF or CRLF";
    let headerless = TestFile { csv: CsvOptions { header: false, ..CsvOptions::default() }, ..texts() };
    for setup in [texts(), headerless.clone()] {
        setup.check_error("a,b\r1,2\r", message);
        setup.check_error("a,b\r\"1\r\",2", message);
        let mut large = setup.clone();
        large.limits.record_bytes_max = 64;
        large.limits.read_block_bytes = 64;
        large.check_error("1,2\r".repeat(64), message);
    }
    headerless.check("1,\"2\r\"", &["1|2\r"], &[]);
    headerless.check("1,2\r\n", &["1|2"], &[]);
}

#[test]
fn hash_and_backslash_dot_lines_are_data() {
    csv(&["a text"]).check("a\n\\.\n#x\nNULL\n\\N\n", &["\\.", "#x", "NULL", "\\N"], &[]);
}

#[test]
fn nul_and_invalid_utf8_name_their_column() {
    texts().check(
        b"a,b\n1,2\n3,\xff\n\xc3,4\n5,6\n\0,7\n8,\x009\nx,\xe2\x82\xac\n",
        &["1|2", "5|6", "x|€"],
        &[
            "3@8 b: invalid UTF-8",
            "4@12 a: invalid UTF-8",
            "6@20 a: a NUL byte, which PostgreSQL cannot store in text",
            "7@24 b: a NUL byte, which PostgreSQL cannot store in text",
        ],
    );
    // An incomplete character at the end of a field is not joined with the next field.
    texts().check(b"a,b\n\xe2\x82,\xac\n", &[], &["2@4 a: invalid UTF-8"]);
    texts().check(b"a,b\n1,\xe2\x82", &[], &["2@4 b: invalid UTF-8"]);
}

#[test]
fn header_maps_columns_by_name() {
    let mut setup = csv(&["a integer", "b text"]);
    setup.check("b,a\nx,1\n", &["1|x"], &[]);
    setup.check("\"b\",\"a\"\nx,y\n", &[], &["2@8 a: not an integer"]);
    setup.columns[0].header = "the \"a\", quoted".to_owned();
    setup.check("b,\"the \"\"a\"\", quoted\"\nx,1\n", &["1|x"], &[]);
}

#[test]
fn header_mismatch_names_columns() {
    let check = |file: &str, reason: &str| {
        let error = texts().load(file.as_bytes()).unwrap_err();
        let FileError::HeaderMismatch { expected, reason: described, .. } = &error else { panic!("{error}") };
        assert_eq!(expected, &["a", "b"]);
        assert_eq!(described, &format!("the header does not match the dataset's columns: {reason}"));
    };
    check("a\n", "missing [\"b\"]");
    check("a,c\n", "missing [\"b\"], unknown [\"c\"]");
    check("a,b,c\n", "unknown [\"c\"]");
    check("a,b,a\n", "repeated [\"a\"]");
    check("A,b\n", "missing [\"a\"], unknown [\"A\"]");
    check("a, b\n", "missing [\"b\"], unknown [\" b\"]");
    check("\n1,2\n", "missing [\"a\", \"b\"], unknown [\"\"]");
    check("a,b,\n", "unknown [\"\"]");
    check("a,b,\"it's \"\"c\"\"\"\n", "unknown [\"it's \\\"c\\\"\"]");
    check(&format!("a,b,{}\n", "é".repeat(65)), &format!("unknown [\"{}\"…]", "é".repeat(64)));
    texts().check_error(
        "a,c\n",
        "the header does not match the dataset's columns: missing [\"b\"], unknown [\"c\"]; expected [\"a\", \"b\"], found [\"a\", \"c\"]",
    );
    texts().check_error(b"a,\xff\n", "line 1: in the header: invalid UTF-8");
    texts().check_error(b"a,b\0\n", "line 1: in the header: a NUL byte, which PostgreSQL cannot store in text");
    texts().check_error("a,b\"\n", "line 1: in the header: a quote in a field that does not begin with a quote");
}

#[test]
fn header_alone_loads_zero_rows() {
    for file in ["", "\u{feff}"] {
        assert!(matches!(texts().load(file.as_bytes()), Err(FileError::Empty)), "{file:?}");
    }
    for file in ["a,b", "a,b\n", "a,b\r\n", "\u{feff}a,b\n"] {
        texts().check(file, &[], &[]);
    }
}

#[test]
fn every_type_round_trips() {
    let columns = [
        "s smallint",
        "i integer",
        "l bigint",
        "n numeric",
        "m numeric(10,2)",
        "r real",
        "f double precision",
        "o boolean",
        "d date",
        "t time",
        "ts timestamp",
        "tz timestamptz",
        "x text",
        "v varchar(3)",
        "u uuid",
        "j jsonb",
        "c date as %d/%m/%Y",
    ];
    let setup = TestFile { lineage: Some(77), ..csv(&columns) };
    let file = "s,i,l,n,m,r,f,o,d,t,ts,tz,x,v,u,j,c\n\
        -1,2,3,1.50,2.5,0.5,0.25,T,2024-02-29,12:34:56.5,2024-02-29 01:02:03,2024-02-29T01:02:03+01:00,x,äöü,\
        123e4567-e89b-12d3-a456-426614174000,\"{\"\"a\"\": [1, 2.50]}\",03/04/2024\n\
        ,,,,,,,,,,,,,,,,\n";
    setup.check(
        file,
        &[
            "-1|2|3|1.50|2.50|0.5|0.25|true|2024-02-29|12:34:56.500|2024-02-29 01:02:03|2024-02-29 00:02:03+00|x|äöü|\
             123e4567e89b12d3a456426614174000|{\"a\": [1, 2.50]}|2024-04-03|77",
            "NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|77",
        ],
        &[],
    );
}

#[test]
fn rejected_row_leaves_no_bytes() {
    let setup = csv(&["a text", "b integer"]);
    let loaded = setup.load(b"a,b\nlong text before the fault,x\nok,1\n\"quoted\nraw\",y\r\n").unwrap();
    assert_eq!(loaded.rows, ["ok|1"]);
    let raw: Vec<_> = loaded.rejects.iter().map(|reject| String::from_utf8_lossy(&reject.raw)).collect();
    assert_eq!(raw, ["long text before the fault,x", "\"quoted\nraw\",y"]);
    assert_eq!(loaded.counts.decompressed_bytes, 54);
}

#[test]
fn jsonb_rejects_values_postgresql_cannot_store() {
    let setup = csv(&["j jsonb"]);
    let check = |json: &str, rejects: &[&str]| {
        let quoted = json.replace('"', "\"\"");
        let rows: &[&str] = if rejects.is_empty() { &[json] } else { &[] };
        setup.check(format!("j\n\"{quoted}\"\n"), rows, rejects);
    };
    for json in [
        "null",
        "true",
        "\"\"",
        "-0.5e-3",
        " [ ] ",
        "{\"a\":{\"b\":[null]}}",
        "\"\\ud83d\\ude00\\n\"",
        "1e1000",
        "0e999999",
        "\"😀\"",
    ] {
        check(json, &[]);
    }
    check("{", &["2@2 j: invalid JSON at byte 1: expected a key in quotes"]);
    check("[1,]", &["2@2 j: invalid JSON at byte 3: expected a value"]);
    check("{\"a\":1,}", &["2@2 j: invalid JSON at byte 7: expected a key in quotes"]);
    check("01", &["2@2 j: invalid JSON at byte 1: text after the value"]);
    check("+1", &["2@2 j: invalid JSON at byte 0: expected a value"]);
    check("1.", &["2@2 j: invalid JSON at byte 2: expected a digit"]);
    check("NaN", &["2@2 j: invalid JSON at byte 0: expected a value"]);
    check("'a'", &["2@2 j: invalid JSON at byte 0: expected a value"]);
    check("\"\t\"", &["2@2 j: invalid JSON at byte 1: a control character inside a string"]);
    check("\"\\x\"", &["2@2 j: invalid JSON at byte 2: unknown escape"]);
    check("\"a", &["2@2 j: invalid JSON at byte 2: a string is not closed"]);
    check("1 2", &["2@2 j: invalid JSON at byte 2: text after the value"]);
    check("[\"\\u0000\"]", &["2@2 j: a JSON string with \\u0000, which PostgreSQL cannot store"]);
    check("{\"\\u0000\":1}", &["2@2 j: a JSON string with \\u0000, which PostgreSQL cannot store"]);
    check("\"\\ud83d\"", &["2@2 j: a JSON string with half of a surrogate pair"]);
    check("1e131072", &["2@2 j: out of range for a number in jsonb"]);
    check("0e9999999999", &["2@2 j: out of range for a number in jsonb"]);
    check("[1e-16384]", &["2@2 j: out of range for a number in jsonb"]);
}

fn written(rows: &[Vec<String>], terminator: csv::Terminator, quotes: csv::QuoteStyle) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().terminator(terminator).quote_style(quotes).from_writer(Vec::new());
    writer.write_record(["a", "b", "c"]).unwrap();
    for row in rows {
        writer.write_record(row).unwrap();
    }
    writer.into_inner().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn valid_csv_equals_csv_crate(
        rows in proptest::collection::vec(proptest::collection::vec("[a-zé😀,\"\r\n ]{0,12}", 3), 0..20),
        crlf: bool,
        always_quoted: bool,
    ) {
        let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let quotes = if always_quoted { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
        let file = written(&rows, terminator, quotes);
        let mut reader = csv::ReaderBuilder::new().from_reader(file.as_slice());
        let expected: Vec<String> = reader.records().map(|row| row.unwrap().iter().collect::<Vec<_>>().join("|")).collect();

        let mut setup = csv(&["a text", "b text", "c text"]);
        setup.null_values.clear();
        let loaded = setup.load(&file).unwrap();
        prop_assert!(loaded.rejects.is_empty(), "{:?}", loaded.rejects);
        prop_assert_eq!(loaded.rows, expected);
    }
}
