//! The options of `csv` that change records: lines that are no data, ragged records, quotes, spaces, line ends,
//! delimiters of several characters.

use pipeline::{Column, ColumnSource, CsvOptions, Delimiter, LineEnd, Quoting, Ragged};
use protocol::Format;

use proptest::prelude::*;
use proptest::sample::select;

use super::{TestFile, column};

fn setup(csv: CsvOptions) -> TestFile {
    TestFile { csv, ..TestFile::new(Format::Csv, &["a text", "b text"]) }
}

fn standard() -> CsvOptions {
    CsvOptions::default()
}

/// Checks the file with every small size of the read blocks.
#[track_caller]
fn check_in_blocks(setup: &TestFile, file: &str, rows: &[&str], rejects: &[&str]) {
    for read_block_bytes in [1, 2, 3, 4, 5, 7, 11, 1024] {
        let mut setup = setup.clone();
        setup.limits.read_block_bytes = read_block_bytes;
        setup.check(file, rows, rejects);
    }
}

#[track_caller]
fn check_skipped(setup: &TestFile, file: &str, lines: u64) {
    assert_eq!(setup.load(file.as_bytes()).unwrap().counts.lines_skipped, lines, "{file:?}");
}

#[test]
fn quoted_lines_limits_a_quoted_field() {
    let setup = |quoted_lines| setup(CsvOptions { quoted_lines, ..standard() });
    setup(3).check("a,b\n1,\"2\n3\n4\"\n", &["1|2\n3\n4"], &[]);
    let message = "line 2: a quote opens here, and its field has more than 2 lines";
    setup(2).check_error("a,b\n1,\"2\n3\n4\"\n", message);
    setup(1).check("a,b\n1,\"2\"\n", &["1|2"], &[]);
}

#[test]
fn skip_drops_lines_before_header() {
    let setup = setup(CsvOptions { skip: 2, ..standard() });
    check_in_blocks(
        &setup,
        "Report \"of\r\n\r\na,b\r\n1,2\r\nx\r\n",
        &["1|2"],
        &["5@24: 1 field, but the header has 2"],
    );
    check_skipped(&setup, "x\n\na,b\n", 2);
    setup.check("\u{feff}x\ny\na,b\n1,2\n", &["1|2"], &[]);
    setup.check_error("x\ny\n", "line 3: the file ends before its header");
    setup.check_error("x\n", "line 2: the file has fewer lines than `csv.skip = 2`");
    let headless = TestFile { csv: CsvOptions { header: false, ..setup.csv }, ..setup };
    headless.check("x\ny\n1,2\n", &["1|2"], &[]);
    headless.check("x\ny\n", &[], &[]);
}

#[test]
fn skip_footer_drops_last_records() {
    let one = setup(CsvOptions { skip_footer: 1, ..standard() });
    check_in_blocks(&one, "a,b\n1,2\n\"3\n\",4\nTotal\n", &["1|2", "3\n|4"], &[]);
    check_in_blocks(&one, "a,b\n1,2\n\n\nTotal,\"x\ny\"\n\n", &["1|2"], &[]);
    one.check("a,b\n1\n\n3,4\nTotal", &["3|4"], &["2@4: 1 field, but the header has 2", "3@6: blank line"]);
    check_skipped(&one, "a,b\n1,2\n\nTotal,\"x\ny\"\n\n", 3);
    one.check("a,b\n1,2\n", &[], &[]);
    one.check("a,b\n", &[], &[]);
    let two = setup(CsvOptions { skip_footer: 2, header: false, ..standard() });
    two.check("1,2\n3,4\n5,6\nx\ny", &["1|2", "3|4", "5|6"], &[]);
    two.check("x\ny\n", &[], &[]);
    let column = TestFile { columns: vec![column("a text")], ..one };
    column.check("a\n1\n\n\n", &["1"], &["3@4: blank line"]);
}

#[test]
fn skip_blank_drops_and_counts_blank_lines() {
    let two = setup(CsvOptions { skip_blank: true, ..standard() });
    two.check("\na,b\n\n1,2\r\n\r\n\n3,4\n\n", &["1|2", "3|4"], &[]);
    check_skipped(&two, "\na,b\n\n1,2\r\n\r\n\n3,4\n\n", 5);
    let one = TestFile { columns: vec![column("a text")], ..two };
    one.check("a\n1\n\n2\n\n", &["1", "2"], &[]);
    check_skipped(&one, "a\n1\n\n2\n\n", 2);
}

#[test]
fn sep_line_declares_the_delimiter() {
    let plain = setup(standard());
    check_in_blocks(&plain, "sep=;\r\na;b\r\n1,1;2\r\nx\r\n", &["1,1|2"], &["4@19: 1 field, but the header has 2"]);
    plain.check("\u{feff}SEP=^\na^b\n1^2\n", &["1|2"], &[]);
    plain.check("\"sep=\t\"\na\tb\n1\t2\n", &["1|2"], &[]);
    check_skipped(&plain, "sep=;\na;b\n", 1);
    // It counts as a line of `csv.skip`, and a declared delimiter stays.
    setup(CsvOptions { skip: 3, ..standard() }).check("sep=;\nReport\n\na;b\n1;2\n", &["1|2"], &[]);
    setup(CsvOptions { delimiter: Some(b','.into()), ..standard() }).check("sep=;\na,b\n1;,2\n", &["1;|2"], &[]);
    let headless = setup(CsvOptions { header: false, ..standard() });
    headless.check("sep=|\n1|2\n", &["1|2"], &[]);
    // A line that may be data is data.
    let one = TestFile { columns: vec![column("a text")], ..headless };
    one.check("sep=;\n1\n", &["sep=;", "1"], &[]);
    let named =
        TestFile { columns: vec![Column { header: "sep=;".to_owned(), ..column("a text") }], ..setup(standard()) };
    named.check("sep=;\n1;2\n", &["1;2"], &[]);
    for line in ["sep=", "sep=;;", "sep=x"] {
        assert!(plain.load(format!("{line}\na,b\n").as_bytes()).is_err(), "{line}");
    }
}

#[test]
fn ragged_records_are_padded_or_trimmed() {
    let file = "a,b\n1\n2,3,,\"\"\n4,5,6\n\n7,\n";
    let few = "2@4: 1 field, but the header has 2";
    let empty = "3@6: 4 fields, but the header has 2";
    let extra = "4@14: 3 fields, but the header has 2";
    let blank = "5@20: blank line";
    let setup = |ragged| setup(CsvOptions { ragged, ..standard() });
    setup(Ragged::Reject).check(file, &["7|NULL"], &[few, empty, extra, blank]);
    setup(Ragged::Pad).check(file, &["1|NULL", "7|NULL"], &[empty, extra, blank]);
    setup(Ragged::Trim).check(file, &["2|3", "7|NULL"], &[few, extra, blank]);
    setup(Ragged::Both).check(file, &["1|NULL", "2|3", "7|NULL"], &[extra, blank]);
    // A delimiter may end every line, also the header.
    setup(Ragged::Trim).check("a,b,\n1,2,\n3,4\n", &["1|2", "3|4"], &[]);
    // A missing field is NULL, also if the empty text is not.
    let mut kept = setup(Ragged::Pad);
    kept.null_values.clear();
    kept.check("a,b\n,\n1\n", &["|", "1|NULL"], &[]);
    kept.columns = vec![column("a text"), column("b text not null")];
    kept.check("a,b\n1\n", &[], &["2@4 b: null in a not null column"]);
}

#[test]
fn trim_removes_outer_spaces() {
    let setup = setup(CsvOptions { trim: true, ..standard() });
    check_in_blocks(&setup, " a , \"b\" \n 1 ,  x y  \n", &["1|x y"], &[]);
    check_in_blocks(&setup, "a,b\n   , \"1, \"\"2\"\" \" \n\" x \",\t3\n", &["NULL|1, \"2\" ", " x |\t3"], &[]);
    setup.check(
        "a,b\n \"1\" \"2\",3\n 1\"2,3\n",
        &[],
        &["2@4 a: text after the closing quote", "3@15 a: a quote in a field that does not begin with a quote"],
    );
}

#[test]
fn lenient_quotes_are_data_where_misplaced() {
    let setup = setup(CsvOptions { quoting: Quoting::Lenient, ..standard() });
    check_in_blocks(&setup, "a,b\n6\" pipe,it\"\"s\n", &["6\" pipe|it\"\"s"], &[]);
    check_in_blocks(&setup, "a,b\n\"A\" Ltd,\"say \"\"hi\"\"\"x\"\n", &["A Ltd|say \"hi\"x\""], &[]);
    check_in_blocks(&setup, "a,b\n\"1,\n2\",\"\"\n", &["1,\n2|"], &[]);
    setup.check_error("a,b\n1,\"2\n", "line 2: a quote opens here and is never closed");
    let escaped = TestFile { csv: CsvOptions { escape: Some(b'\\'), ..setup.csv }, ..setup };
    check_in_blocks(&escaped, "a,b\n\"x\\\"y\"z,\"1\"\"2\"\n", &["x\"yz|1\"2\""], &[]);
}

#[test]
fn carriage_returns_end_lines_if_declared() {
    let cr = setup(CsvOptions { line_end: LineEnd::Cr, comment: Some(b'#'), ..standard() });
    check_in_blocks(&cr, "#x\ra,b\r1,2\r3,\"4\r5\"\rx\r", &["1|2", "3|4\r5"], &["6@19: 1 field, but the header has 2"]);
    check_in_blocks(&cr, "a,b\r\n1,2\n3,4\r#\r5,6", &["1|2", "3|4", "5|6"], &[]);
    check_in_blocks(&cr, "a,b\r1,2\r\r3,4\r\r", &["1|2", "3|4"], &["3@8: blank line"]);
    let skipping = TestFile { csv: CsvOptions { skip: 1, skip_footer: 1, ..cr.csv }, ..cr.clone() };
    check_in_blocks(&skipping, "x\ra,b\r1,2\rTotal\r", &["1|2"], &[]);
    let limited = TestFile { csv: CsvOptions { quoted_lines: 2, ..cr.csv }, ..cr };
    limited.check_error("a,b\r1,\"2\r3\r4\"\r", "line 2: a quote opens here, and its field has more than 2 lines");
}

#[test]
fn delimiter_may_have_several_characters() {
    let setup = |delimiter| setup(CsvOptions { delimiter: Delimiter::new(delimiter), ..standard() });
    check_in_blocks(&setup("||"), "a||b\n1|1||\"2||2\"\n||x|\n|||y\n", &["1|1|2||2", "NULL|x|", "NULL||y"], &[]);
    check_in_blocks(
        &setup("||"),
        "a||b\n1|2\n3||4||5\n",
        &[],
        &["2@5: 1 field, but the header has 2", "3@9: 3 fields, but the header has 2"],
    );
    check_in_blocks(&setup("||"), "a||b\n\"1\"|2||3\n", &[], &["2@5 a: text after the closing quote"]);
    check_in_blocks(&setup("§"), "a§b\né§ö\n\"x\"§\"y\"\n", &["é|ö", "x|y"], &[]);
    check_in_blocks(&setup("<=12=>|"), "a<=12=>|b\n<=12<=12=>|=>|\n", &["<=12|=>|"], &[]);
    check_in_blocks(&setup("::"), "a::b\n1::2:", &["1|2:"], &[]);
}

#[test]
fn delimiter_is_found_with_other_options() {
    let setup = setup(CsvOptions { trim: true, skip: 1, ..standard() });
    setup.check("Report\n a ; b \n1; 2\n", &["1|2"], &[]);
}

#[test]
fn headerless_columns_may_declare_positions() {
    let mut setup = setup(CsvOptions { header: false, ..standard() });
    for (column, position) in setup.columns.iter_mut().zip([3, 1]) {
        column.source = ColumnSource::Position(position);
    }
    setup.check(
        "1,2,3\n4,5,6\n7\n8,9,10,11\n",
        &["3|1", "6|4"],
        &["3@12: 1 field, but the first record has 3", "4@14: 4 fields, but the first record has 3"],
    );
    setup.check("\n1,2\n4,5,6\n", &["6|4"], &["1@0: blank line", "2@1: 2 fields, but the first record has 3"]);
    setup.check("\n", &[], &[]);
    setup.csv.ragged = Ragged::Both;
    setup.check("1\n4,5,6,\n", &["NULL|1", "6|4"], &[]);
}

fn any_options() -> impl Strategy<Value = CsvOptions> {
    let delimiter = select(vec![None, Delimiter::new(";;"), Delimiter::new("§")]);
    let quoting = select(vec![Quoting::Strict, Quoting::Lenient]);
    let ragged = select(vec![Ragged::Reject, Ragged::Pad, Ragged::Trim, Ragged::Both]);
    let line_end = select(vec![LineEnd::Lf, LineEnd::Cr]);
    let escape = select(vec![None, Some(b'\\')]);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (delimiter, quoting, ragged, line_end, escape, flags, 0..3_u32, 0..3_u32).prop_map(
        |(delimiter, quoting, ragged, line_end, escape, (header, skip_blank, trim), skip, skip_footer)| CsvOptions {
            delimiter,
            escape,
            comment: Some(b'#'),
            header,
            quoting,
            skip,
            skip_footer,
            skip_blank,
            ragged,
            trim,
            line_end,
            ..standard()
        },
    )
}

/// Lines that hold the special characters of every option.
fn any_file() -> impl Strategy<Value = String> {
    let part = select(vec!["a", " ", ",", ";;", ";", "§", "\"", "\"\"", "\\", "\r", "\n", "\r\n", "#", "1"]);
    let header = select(vec!["", "a,b\n", "a;;b\r", "a§b\r\n", "sep=;\n", "x\n"]);
    (header.clone(), header, prop::collection::vec(part, 0..40))
        .prop_map(|(first, second, parts)| format!("{first}{second}{}", parts.concat()))
}

proptest! {
    #[test]
    fn block_size_changes_no_result(options in any_options(), file in any_file(), read_block_bytes in 1..9_usize) {
        let mut in_blocks = setup(options);
        let whole = in_blocks.load(file.as_bytes()).map_err(|error| error.to_string());
        in_blocks.limits.read_block_bytes = read_block_bytes;
        prop_assert_eq!(in_blocks.load(file.as_bytes()).map_err(|error| error.to_string()), whole);
    }
}
