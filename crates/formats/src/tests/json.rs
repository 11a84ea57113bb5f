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
    check(
        "\n{\"a\":1}",
        "line 2: the file is a JSON object, expected an array of objects; a file with one object per line is named .jsonl",
    );
    check("1", "line 1: the file is not a JSON array of objects");
    check(" \n ", "line 2: the file has no JSON array");
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
