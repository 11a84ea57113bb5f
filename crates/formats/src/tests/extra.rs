use pipeline::{CsvOptions, Extra};
use protocol::Format;

use super::TestFile;

fn setup(format: Format, extra: Extra) -> TestFile {
    TestFile { extra, lineage: Some(7), ..TestFile::new(format, &["a integer", "b text"]) }
}

#[test]
fn undeclared_csv_columns_are_ignored() {
    let setup = setup(Format::Csv, Extra::Ignore);
    setup.check("x,b,y,a\n8,two,9,1\n", &["1|two|7"], &[]);
    // A trailing comma in a header adds a column without a name.
    setup.check("a,b,,\n1,two,,\n2,x,\n", &["1|two|7"], &["3@14: 3 fields, but the header has 4"]);
    setup.check(b"a,b,x\n1,two,\xff\0\n2,\xff,y\n", &["1|two|7"], &["3@15 b: invalid UTF-8"]);
    setup.check_error(
        "a,x,a,x\n",
        "the header does not match the dataset's columns: missing [\"b\"], repeated [\"a\"]; \
         expected [\"a\", \"b\"], found [\"a\", \"x\", \"a\", \"x\"]",
    );
}

#[test]
fn undeclared_csv_columns_are_rescued() {
    let setup = setup(Format::Csv, Extra::Rescue);
    setup.check("b,a\ntwo,1\n", &["1|two|NULL|7"], &[]);
    setup.check(
        "x,b,\"say \"\"hi\"\"\",a\n8,two,\"a \"\"b\"\"\\\t\",1\n,two,\"\",1\n,two,,1\n\u{1},,é,2\n",
        &[
            r#"1|two|{"x":"8","say \"hi\"":"a \"b\"\\\t"}|7"#,
            r#"1|two|{"say \"hi\"":""}|7"#,
            "1|two|NULL|7",
            r#"2|NULL|{"x":"\u0001","say \"hi\"":"é"}|7"#,
        ],
        &[],
    );
    setup.check(
        b"a,b,x\n1,two,\xff\n1,two,\0\n",
        &[],
        &["2@6 _rescued: invalid UTF-8", "3@14 _rescued: a NUL byte, which PostgreSQL cannot store in text"],
    );
    setup.check_error(
        "a,b,x,x\n",
        "the header does not match the dataset's columns: repeated [\"x\"]; expected [\"a\", \"b\"], found [\"a\", \"b\", \"x\", \"x\"]",
    );
    let headerless = TestFile { csv: CsvOptions { header: false, ..CsvOptions::default() }, ..setup };
    headerless.check("1,two\n1,two,3\n", &["1|two|NULL|7"], &["2@6: 3 fields, but the dataset has 2 columns"]);
}

#[test]
fn undeclared_json_keys_are_ignored() {
    for (format, file) in [
        (
            Format::Jsonl,
            "{\"x\":{\"a\":2},\"a\":1,\"y\":0,\"b\":\"two\"}\n{\"b\":\"x\",\"z\":0,\"z\":\"\\u0000\",\"a\":2}",
        ),
        (Format::Json, "[{\"x\":[1,\"]\"],\"a\":1,\"b\":\"two\"},\n {\"b\":\"x\",\"y\":null,\"a\":2}]"),
    ] {
        setup(format, Extra::Ignore).check(file, &["1|two|7", "2|x|7"], &[]);
    }
    let setup = setup(Format::Jsonl, Extra::Ignore);
    setup.check("{\"a\":1,\"a\":2}", &[], &["1@0 a: key \"a\" is repeated"]);
    // An ignored key may have any name.
    setup.check("{\"\\u0000a\":1,\"a\":1,\"\\ud800\":2,\"b\":\"two\"}", &["1|two|7"], &[]);
}

#[test]
fn undeclared_json_keys_are_rescued() {
    let setup = setup(Format::Jsonl, Extra::Rescue);
    setup.check(
        "{\"a\":1}\n{\"x\": {\"a\" : 2}, \"a\":1, \"\\u0079\":-0.50}\n{\"x\":null,\"a\":1}\n{\"x\":\"é\",\"b\":\"\",\"y\":[null]}\n",
        &[
            "1|NULL|NULL|7",
            "1|NULL|{\"x\":{\"a\" : 2},\"\\u0079\":-0.50}|7",
            "1|NULL|NULL|7",
            "NULL||{\"x\":\"é\",\"y\":[null]}|7",
        ],
        &[],
    );
    setup.check(
        b"{\"x\":1,\"\\u0078\":2}\n{\"x\":\"\\u0000\"}\n{\"x\":1e999999}\n{\"x\":\"\xff\"}\n{\"\\ud800\":1}\n",
        &[],
        &[
            "1@0: key \"x\" is repeated",
            "2@19 _rescued: a JSON string with \\u0000, which PostgreSQL cannot store",
            "3@34 _rescued: out of range for a number in jsonb",
            "4@49 _rescued: invalid UTF-8",
            "5@59: a JSON string with half of a surrogate pair",
        ],
    );
}
