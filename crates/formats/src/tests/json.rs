use proptest::prelude::*;
use protocol::Format;
use serde_json::Value;

use super::TestFile;
use crate::error::FileError;
use crate::json_syntax::JsonLexer;
use crate::reject::RejectReason;

fn lines(columns: &[&str]) -> TestFile {
    TestFile::new(Format::Jsonl, columns)
}

fn array(columns: &[&str]) -> TestFile {
    TestFile::new(Format::Json, columns)
}

const TWO: [&str; 2] = ["a integer", "b text"];

#[test]
fn missing_json_key_is_null() {
    let file = "{\"a\":1,\"b\":\"x\"}\n{\"b\":\"y\",\"a\":2}\r\n{}\n{\"b\":null}\n{\"\\u0061\":3}";
    lines(&TWO).check(file, &["1|x", "2|y", "NULL|NULL", "NULL|NULL", "3|NULL"], &[]);
    lines(&["a integer not null"]).check(
        "{}\n{\"a\":null}\n",
        &[],
        &["1@0 a: null in a not null column", "2@3 a: null in a not null column"],
    );
    let mut setup = lines(&["a integer"]);
    setup.columns[0].header = "A \"quoted\"".to_owned();
    setup.check(r#"{"A \"quoted\"":5}"#, &["5"], &[]);
}

#[test]
fn json_numbers_keep_every_digit() {
    let setup = lines(&["i bigint", "n numeric", "f double precision"]);
    setup.check(
        r#"{"i":9223372036854775807,"n":0.1000000000000000055511151231257827,"f":1e-3}"#,
        &["9223372036854775807|0.1000000000000000055511151231257827|0.001"],
        &[],
    );
    setup.check(r#"{"i":"-12","n":"1.50","f":"2.5"}"#, &["-12|1.50|2.5"], &[]);
    setup.check(r#"{"i":1.0}"#, &["1|NULL|NULL"], &[]);
    setup.check(r#"{"i":1.5}"#, &[], &["1@0 i: not an integer"]);
    setup.check(r#"{"n":"NaN"}"#, &[], &["1@0 n: NaN and infinity are not accepted"]);
}

#[test]
fn wrong_json_type_names_column() {
    let check = |column: &str, json: &str, reason: &str| {
        lines(&[column]).check(format!("{{\"v\":{json}}}"), &[], &[&format!("1@0 v: {reason}")]);
    };
    check("v integer", "true", "JSON boolean, expected number");
    check("v integer", "[1]", "JSON array, expected number");
    check("v text", "1", "JSON number, expected string");
    check("v text", "{}", "JSON object, expected string");
    check("v boolean", "\"true\"", "JSON string, expected boolean");
    check("v boolean", "1", "JSON number, expected boolean");
    check("v date", "20240101", "JSON number, expected string");
    check("v text", r#""\u0000""#, "a JSON string with \\u0000, which PostgreSQL cannot store");
    check("v text", r#""\ud800""#, "a JSON string with half of a surrogate pair");
    check("v jsonb", r#"{"x":"\u0000"}"#, "a JSON string with \\u0000, which PostgreSQL cannot store");
}

#[test]
fn json_values_of_every_type_load() {
    let setup = lines(&["o boolean", "d date", "ts timestamptz", "u uuid", "v varchar(2)", "j jsonb"]);
    setup.check(
        r#"{"o":true,"d":"2024-02-29","ts":"2024-02-29T00:00:00Z","u":"123e4567e89b12d3a456426614174000","v":"\u00e9\n","j":{"x": [1.50, "\u00e9"]}}"#,
        &["true|2024-02-29|2024-02-29 00:00:00+00|123e4567e89b12d3a456426614174000|é\n|{\"x\": [1.50, \"\\u00e9\"]}"],
        &[],
    );
    setup.check(r#"{"j":"text","v":""}"#, &["NULL|NULL|NULL|NULL||\"text\""], &[]);
    setup.check(r#"{"j":null}"#, &["NULL|NULL|NULL|NULL|NULL|NULL"], &[]);
}

#[test]
fn unknown_and_repeated_keys_are_rejected() {
    lines(&TWO).check(
        "{\"a\":1,\"c\":{\"a\":2}}\n{\"a\":1,\"a\":2}\n{\"a\":null,\"b\":\"\",\"\\u0061\":2}\n{\"a\":4}\n",
        &["4|NULL"],
        &[
            "1@0: key \"c\" is not a column of the dataset",
            "2@20 a: key \"a\" is repeated",
            "3@34 a: key \"a\" is repeated",
        ],
    );
    lines(&TWO).check(
        r#"{"it's a \"b\"\n\\":1}"#,
        &[],
        &[r#"1@0: key "it's a \"b\"\n\\" is not a column of the dataset"#],
    );
    lines(&TWO).check(r#"{"":1}"#, &[], &["1@0: key \"\" is not a column of the dataset"]);
}

#[test]
fn invalid_json_line_rejects_only_itself() {
    lines(&TWO).check(
        "{\"a\":1}\n{\"a\":2\n[1]\n3 4\n{\"a\":5} x\n\n{\"a\":6}\n  \n\n",
        &["1|NULL", "6|NULL"],
        &[
            "2@8: invalid JSON at byte 6: expected a comma or a closing brace",
            "3@15: not a JSON object",
            "4@19: invalid JSON at byte 2: text after the value",
            "5@23: invalid JSON at byte 8: text after the value",
            "6@33: blank line",
        ],
    );
}

#[test]
fn invalid_utf8_in_json_names_column() {
    lines(&TWO).check(
        b"{\"a\":1,\"b\":\"\xff\"}\n{\"b\":\"ok\"}\n{\"\xff\":1}\n",
        &["NULL|ok"],
        &["1@0 b: invalid UTF-8", "3@27: key \"\u{fffd}\" is not a column of the dataset"],
    );
    array(&TWO).check(b"[{\"b\":\"\xff\"},{\"b\":\"ok\"}]", &["NULL|ok"], &["1@1 b: invalid UTF-8"]);
}

#[test]
fn json_array_layout_does_not_matter() {
    for file in [
        "[{\"a\":1,\"b\":\"x\"},{\"a\":2}]",
        "\u{feff} [ {\"a\":1,\"b\":\"x\"} , {\"a\":2} ] \r\n",
        "[\n  {\n    \"a\": 1,\n    \"b\": \"x\"\n  },\n  {\n    \"a\": 2\n  }\n]\n",
    ] {
        array(&TWO).check(file, &["1|x", "2|NULL"], &[]);
    }
    array(&TWO).check("[]", &[], &[]);
    array(&TWO).check("[ ]\n", &[], &[]);
    array(&["j jsonb"]).check(
        r#"[{"j":{"x":["]}","\\","\""]}},{"j":[[]]}]"#,
        &[r#"{"x":["]}","\\","\""]}"#, "[[]]"],
        &[],
    );
}

#[test]
fn invalid_element_rejects_only_itself() {
    array(&TWO).check(
        "[1,\n\"],[\" , null,[{}],\n{\"a\":\"x\"},\n{\"a\":\n2}\n,{\"c\":1}]",
        &["2|NULL"],
        &[
            "1@1: not a JSON object",
            "2@4: not a JSON object",
            "2@12: not a JSON object",
            "2@17: not a JSON object",
            "3@23 a: not an integer",
            "6@44: key \"c\" is not a column of the dataset",
        ],
    );
}

#[test]
fn invalid_json_array_fails_file() {
    let check = |file: &str, message: &str| array(&TWO).check_error(file, message);
    check("1", "line 1: the file is neither a JSON array of objects nor a JSON object");
    check(" \n ", "line 2: the file has no JSON array and no JSON object");
    check("[", "line 1: the file ends inside its JSON array");
    check("[{\"a\":1},\n", "line 2: the file ends inside its JSON array");
    check("[{\"a\":1},\n{\"a\":", "line 2: the file ends inside the element of the JSON array that begins here");
    check("[{\"a\":1},]", "line 1: expected an element of the JSON array");
    check("[,{\"a\":1}]", "line 1: expected an element of the JSON array");
    check("[{\"a\":1}\n{\"a\":2}]", "line 2: expected a comma or a closing bracket after an element of the JSON array");
    check("[{\"a\":1}]\n[]", "line 2: text after the JSON array");
    check("[{\"a\":1},\n{\"a\":1,\n\"b\":x}]", "line 3: invalid JSON: expected a value");
    check("[{\"a\":[1}}]", "line 1: invalid JSON: expected a comma or a closing bracket");
    assert!(matches!(array(&TWO).load(b""), Err(FileError::Empty)));
    assert!(matches!(lines(&TWO).load(b""), Err(FileError::Empty)));
    lines(&TWO).check("\n", &[], &[]);
}

#[test]
fn json_objects_load_in_every_layout() {
    let two = &["1|x", "2|NULL"];
    for setup in [lines(&TWO), array(&TWO)] {
        setup.check(r#"{"a":1,"b":"x"}{"a":2}"#, two, &[]);
        setup.check("{\"a\":1,\"b\":\"x\"} \t{\"a\":2}\n", two, &[]);
        setup.check("{\"a\":1,\"b\":\"x\"}\n{\"a\":2}\n", two, &[]);
        setup.check("{\n \"a\": 1,\n \"b\": \"x\"\n}\r\n{\n \"a\": 2\n}\n", two, &[]);
        setup.check("{\n \"a\": 1,\n \"b\": \"x\"\n}{\n \"a\": 2}", two, &[]);
        setup.check("[{\"a\":1,\"b\":\"x\"},\n{\"a\":2}]\n", two, &[]);
        setup.check(r#"{"a":2}"#, &["2|NULL"], &[]);
        setup.check("{\n\"a\":2,\n\"c\":1}\n", &[], &["1@0: key \"c\" is not a column of the dataset"]);
    }
}

#[test]
fn syntax_error_costs_its_line_alone() {
    for setup in [lines(&TWO), array(&TWO)] {
        setup.check(
            "{\"a\":1}\n{\"a\":2\n{\"a\":3}\n{\"a\":4}x\n{\"a\":5}{\"a\":6} y\n{\"a\":7},{\"a\":8}\n{\"a\":9}{\"b\":\"",
            &["1|NULL", "3|NULL", "5|NULL", "9|NULL"],
            &[
                "2@8: invalid JSON at byte 6: expected a comma or a closing brace",
                "4@23: invalid JSON at byte 7: text after the value",
                "5@39: invalid JSON at byte 8: text after the value",
                "6@49: invalid JSON at byte 7: text after the value",
                "7@72: invalid JSON at byte 6: a string is not closed",
            ],
        );
    }
    let cut_off = "{\"a\":1}\n{\n\"a\":\n{\"a\":2} x}\n";
    array(&TWO).check_error(cut_off, "line 4: invalid JSON: expected a comma or a closing brace");
    assert_eq!(lines(&TWO).load(cut_off.as_bytes()).unwrap().rejects.len(), 3);
}

#[test]
fn many_json_objects_on_a_line_load() {
    let mut setup = lines(&["a integer"]);
    setup.limits.read_block_bytes = 64;
    setup.limits.record_bytes_max = 100;
    let file: String = (0..1000).map(|number| format!("{{\"a\":{number}}}")).collect();
    let rows: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    setup.check(&file, &rows, &[]);
    array(&["a integer"]).check_error(
        format!("{file}{{\"a\" 1}}{}", "{\"a\":1}".repeat(2000)),
        &format!("line 1: invalid JSON in a line of several objects, after {} bytes of the file", file.len()),
    );
    assert!(matches!(
        setup.load(format!("{{\"a\":\"{}\"}}", "x".repeat(200)).as_bytes()),
        Err(FileError::RecordTooLarge { .. })
    ));
}

#[test]
fn records_are_at_their_pointer() {
    let mut setup = array(&TWO);
    setup.limits.read_block_bytes = 16;
    let spec = |pointer: &'static str| TestFile { json_records: Some(pointer), ..setup.clone() };
    let check = |pointer, file: &str, rows: &[&str]| spec(pointer).check(file, rows, &[]);
    check("/records", "{\"count\":1,\"records\":[{\"a\":3,\"b\":\"c\"}]}", &["3|c"]);
    check(
        "/data/items",
        "{\"x\":{\"data\":[1,\"]}\"]},\n\"data\":{\"items\":[{\"a\":1},{\"a\":2}],\"next\":null}}\n",
        &["1|NULL", "2|NULL"],
    );
    check("/1/r", "[{\"r\":[{\"a\":1}]},{\"r\":[{\"a\":2}]}]", &["2|NULL"]);
    check("/a~1b", "{\"a\\u002fb\":[]}", &[]);
    check("/r", "{\"r\":[{\"a\":1}]}\n{\"r\":[{\"a\":2}]}", &["1|NULL", "2|NULL"]);
    spec("/r").check("{\"r\":[{\"a\":\"x\"},1]}", &[], &["1@6 a: not an integer", "1@16: not a JSON object"]);
    let check_error = |pointer, file: &str, message: &str| spec(pointer).check_error(file, message);
    check_error("/r", "{\"s\":[]}", "line 1: the document has no array at json.records \"/r\"");
    check_error("/r", "{\"r\":{}}", "line 1: json.records \"/r\" is no array");
    check_error("/r", "{\"r\":[],\"r\":[]}", "line 1: a key of json.records is repeated");
    check_error("/r", "{\"r\":[{\"a\":1}]", "line 1: the file ends inside its JSON document");
    check_error("/r", "{\"r\":[{\"a\":1}", "line 1: the file ends inside its JSON array");
    check_error("/r", " \n", "line 2: the file has no JSON document");
}

#[test]
fn column_takes_the_value_at_its_pointer() {
    let mut setup = lines(&["id integer", "name text", "all jsonb", "tag text"]);
    for (column, header) in setup.columns.iter_mut().zip(["/user/id", "/user/name", "user", "/tags/1"]) {
        column.header = header.to_owned();
    }
    setup.check(
        "{\"user\":{\"id\":1,\"name\":\"A\\n\"},\"tags\":[\"x\",\"y\"]}\n{\"user\":null}\n{\"tags\":[]}\n",
        &["1|A\n|{\"id\":1,\"name\":\"A\\n\"}|y", "NULL|NULL|NULL|NULL", "NULL|NULL|NULL|NULL"],
        &[],
    );
    setup.check("{\"user\":{\"id\":1,\"id\":2}}", &[], &["1@0 id: key \"id\" is repeated"]);
    setup.check("{\"user\":{\"id\":\"x\"},\"v\":1}", &[], &["1@0: key \"v\" is not a column of the dataset"]);
    let mut rescued = lines(&["id integer"]);
    rescued.columns[0].header = "/user/id".to_owned();
    rescued.extra = pipeline::Extra::Rescue;
    rescued.check("{\"user\":{\"id\":1,\"x\":2},\"v\":1}", &["1|{\"user\":{\"id\":1,\"x\":2},\"v\":1}"], &[]);
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e300..1e300).prop_map(Value::from),
        "[a-z\"\\\\\n\té😀]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec(("[a-z\"é]{0,4}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn check_like_serde_json(text: &[u8]) {
    let ours = JsonLexer::new(text).document(&mut |_, _| {});
    let theirs = serde_json::from_slice::<&serde_json::value::RawValue>(text);
    let valid_for_us = !matches!(ours, Err(RejectReason::InvalidJson { .. }));
    assert_eq!(valid_for_us, theirs.is_ok(), "{:?}: {ours:?}, {theirs:?}", String::from_utf8_lossy(text));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn json_syntax_equals_serde_json(value in json(), pretty: bool, damaged in any::<proptest::sample::Index>(), with in "[\\[\\]{}\",:0-9e. \\\\u-]") {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        check_like_serde_json(text.as_bytes());
        let mut chars: Vec<char> = text.chars().collect();
        let place = damaged.index(chars.len());
        chars.splice(place..=place, with.chars());
        check_like_serde_json(chars.iter().collect::<String>().as_bytes());
    }

    #[test]
    fn json_strings_equal_serde_json(value in "[a-z\"\\\\\n\t/é😀\u{1}]{0,12}") {
        let file = serde_json::json!([{ "b": value }]).to_string();
        let loaded = array(&TWO).load(file.as_bytes()).unwrap();
        prop_assert_eq!(loaded.rows, vec![format!("NULL|{value}")]);
    }
}

#[test]
fn null_values_apply_to_json_strings() {
    let mut setup = lines(&["a text", "d date", "b boolean", "j jsonb"]);
    setup.null_values = vec![String::new(), "NA".to_owned()];
    let null = "NULL|NULL|NULL|NULL";
    setup.check(r#"{"a":"NA","d":"NA","b":"NA","j":"NA"}"#, &[null], &[]);
    setup.check(r#"{"a":"N\u0041","d":"N\u0041"}"#, &[null], &[]);
    setup.check(r#"{"a":"","d":"","b":""}"#, &["|NULL|NULL|NULL"], &[]);
    setup.check(r#"{"a":"NAN"}"#, &["NAN|NULL|NULL|NULL"], &[]);
    let mut setup = lines(&["a text not null"]);
    setup.null_values = vec!["NA".to_owned()];
    setup.check(r#"{"a":"NA"}"#, &[], &["1@0 a: null in a not null column"]);
}

#[test]
fn json_numbers_ignore_syntax_of_texts() {
    let mut setup = lines(&["n numeric", "b boolean", "t timestamptz"]);
    setup.columns[0].values.number =
        pipeline::NumberFormat { decimal: ',', thousands: Some('.'), strip: vec!["€".to_owned()] };
    setup.columns[1].values.boolean_words = Some(pipeline::BooleanWords {
        true_words: vec!["Y".to_owned(), "1".to_owned()],
        false_words: vec!["N".to_owned()],
    });
    setup.columns[2].values.formats = vec![pipeline::ValueFormat::Epoch];
    let check = |json: &str, number: &str| {
        let loaded = setup.load(json.as_bytes()).unwrap();
        assert_eq!(loaded.rejects, [], "{json}");
        assert!(loaded.rows[0].starts_with(number), "{}", loaded.rows[0]);
    };
    check(r#"{"n":1.234,"b":true,"t":1704103200}"#, "1.234|true|");
    check(r#"{"n":"1.234","b":"Y"}"#, "1234|true|");
    check(r#"{"n":"1.234,5€","b":1,"t":"1704103200"}"#, "1234.5|true|");
    setup.check(r#"{"b":"y"}"#, &[], &["1@0 b: not one of the words that the column lists for true and false"]);
}
