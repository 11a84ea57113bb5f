use pipeline::{Column, CsvOptions};
use protocol::Format;

use super::{TestFile, column};

fn setup(csv: CsvOptions) -> TestFile {
    TestFile { csv, ..TestFile::new(Format::Csv, &["a text", "b text"]) }
}

fn standard() -> CsvOptions {
    CsvOptions::default()
}

#[test]
fn declared_delimiter_splits_fields() {
    for delimiter in [b';', b'|', b'\t', b' ', b'x', 1] {
        let setup = setup(CsvOptions { delimiter: Some(delimiter.into()), ..standard() });
        let file = "a;b\n1,1;\"2;2\"\n;\"say \"\"hi\"\"\"\n3;4;5\n".replace(';', &char::from(delimiter).to_string());
        let quoted = format!("1,1|2{}2", char::from(delimiter));
        setup.check(file, &[&quoted, "NULL|say \"hi\""], &["4@28: 3 fields, but the header has 2"]);
    }
    setup(CsvOptions { delimiter: Some(b';'.into()), ..standard() }).check_error(
        "a,b\n1,2\n",
        "the header does not match the dataset's columns: missing [\"a\", \"b\"], unknown [\"a,b\"]; expected [\"a\", \"b\"], found [\"a,b\"]",
    );
}

#[test]
fn tsv_ending_means_tab_unless_declared() {
    let tsv = TestFile::new(Format::Tsv, &["a text", "b text"]);
    tsv.check("a\tb\n1,1\t\"2\t2\"\n", &["1,1|2\t2"], &[]);
    let declared = TestFile { csv: CsvOptions { delimiter: Some(b','.into()), ..standard() }, ..tsv };
    declared.check("a,b\n1\t1,2\n", &["1\t1|2"], &[]);
}

#[test]
fn undeclared_delimiter_needs_one_choice() {
    let setup = setup(standard());
    for delimiter in [";", "\t", "|"] {
        setup.check(format!("a{delimiter}b\n1,1{delimiter}\"2{delimiter}2\"\n"), &[&format!("1,1|2{delimiter}2")], &[]);
    }
    // The comma wins. No other delimiter is taken if two fit, or if the whole header is a column's name.
    setup.check("a,b\n1;1,2|2\n", &["1;1|2|2"], &[]);
    setup.check_error(
        "a;b|c\n1;2|3\n",
        "the header does not match the dataset's columns: missing [\"a\", \"b\"], unknown [\"a;b|c\"]; expected [\"a\", \"b\"], found [\"a;b|c\"]",
    );
    let lone = TestFile { columns: vec![Column { header: "a;b".to_owned(), ..column("ab text") }], ..setup.clone() };
    lone.check("a;b\n1;2\n", &["1;2"], &[]);
    // A quote that opens only with another delimiter does not extend into the next line.
    setup.check_error("a;\"b\n1;2\n\"\n", "line 1: in the header: a quote in a field that does not begin with a quote");
    let commented = TestFile { csv: CsvOptions { comment: Some(b'#'), ..standard() }, ..setup.clone() };
    commented.check("# a,b\n\"a\";\"b\"\n1;2", &["1|2"], &[]);
    let tsv = TestFile { format: Format::Tsv, ..setup.clone() };
    tsv.check("a,b\n1\t1,2\n", &["1\t1|2"], &[]);
    let headless = TestFile { csv: CsvOptions { header: false, ..standard() }, ..setup };
    headless.check("1;2\n", &[], &["1@0: 1 field, but the dataset has 2 columns"]);
}

#[test]
fn declared_quote_replaces_double_quote() {
    let setup = setup(CsvOptions { quote: Some(b'\''), ..standard() });
    setup.check("a,'b'\n'1,''1',\"2\"\n'''\n3',''\n", &["1,'1|\"2\"", "'\n3|"], &[]);
    setup.check("a,b\n1,it's\n", &[], &["2@4 b: a quote in a field that does not begin with a quote"]);
    setup.check_error("a,b\n'1,2\n", "line 2: a quote opens here and is never closed");
}

#[test]
fn quotes_are_data_without_quoting() {
    let setup = setup(CsvOptions { quote: None, delimiter: Some(b'\t'.into()), ..standard() });
    setup.check("a\tb\n\"1\tsay \"hi\"\"\n\t\"\"\n", &["\"1|say \"hi\"\"", "NULL|\"\""], &[]);
    setup.check("a\tb\n1\n2\"\t\"\n", &["2\"|\""], &["2@4: 1 field, but the header has 2"]);
}

#[test]
fn escape_applies_to_quote_and_itself() {
    let setup = setup(CsvOptions { escape: Some(b'\\'), ..standard() });
    setup.check(
        r#"a,b
"say \"hi\"","C:\\dir\\"
C:\dir,"\n\,\"#
            .to_owned()
            + "\"\"\n",
        &["say \"hi\"|C:\\dir\\", "C:\\dir|\\n\\,\""],
        &[],
    );
    // Outside quotes, the escape byte is data, also before a quote.
    setup.check("a,b\n\\,\\\"\n1,\\N\n", &["1|\\N"], &["2@4 b: a quote in a field that does not begin with a quote"]);
    setup.check("a,b\n\"x\"\"y\",1\n", &[], &["2@4 a: text after the closing quote"]);
    setup.check("a,b\n1,\"x\\\\\"\n2,\"\\\"\ny\"\n3,z\n", &["1|x\\", "2|\"\ny", "3|z"], &[]);
    setup.check_error("a,b\n1,\"2\\\"\n", "line 2: a quote opens here and is never closed");
    setup.check_error("a,b\n1,\"2\\", "line 2: a quote opens here and is never closed");
}

#[test]
fn comment_lines_are_skipped() {
    let setup = setup(CsvOptions { comment: Some(b'#'), ..standard() });
    setup.check(
        "# made by \"x\na,b\n#1,2\r\n1,#2\n\"#3\",\"4\n#5\"\n 6,#\nx\n#",
        &["1|#2", "#3|4\n#5", " 6|#"],
        &["8@45: 1 field, but the header has 2"],
    );
    setup.check("\u{feff}#\na,b\n\n#\n1,2\n\n#\n\n", &["1|2"], &["3@9: blank line"]);
    setup.check_error("# nothing else\n#", "line 2: the file ends before its header");
    let mut small = setup;
    small.limits.record_bytes_max = 8;
    small.limits.read_block_bytes = 4;
    small.check("# longer than any record may be\na,b\n1,2\n#3456789012", &["1|2"], &[]);
}

#[test]
fn headerless_columns_are_in_declared_order() {
    let setup = setup(CsvOptions { header: false, ..standard() });
    setup.check(
        "1,2\na,b\n3\n4,5,6\n\"\",\n",
        &["1|2", "a|b", "|NULL"],
        &["3@8: 1 field, but the dataset has 2 columns", "4@10: 3 fields, but the dataset has 2 columns"],
    );
    setup.check("\u{feff}1,2", &["1|2"], &[]);
    setup.check("\n\n", &[], &[]);
    let commented = TestFile { csv: CsvOptions { comment: Some(b'#'), ..setup.csv }, ..setup };
    commented.check("# no rows\n", &[], &[]);
}
