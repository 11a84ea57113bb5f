//! Runs the checks of the fuzz targets on bytes that resemble valid input.

use bytes::Bytes;
use penstock_tests::any_bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::check_property;

/// Mostly text that has a meaning, so that rare cases are frequent.
fn token_mix(tokens: &[&'static str], longest: usize) -> impl Strategy<Value = String> {
    vec(select(tokens.to_vec()), 0..longest).prop_map(|tokens| tokens.concat())
}

/// Replaces bytes, also by bytes that are not UTF-8.
fn with_bad_bytes(text: impl Strategy<Value = String>) -> impl Strategy<Value = Vec<u8>> {
    let spoil = prop::option::weighted(0.2, (any::<prop::sample::Index>(), select(b"\x00\xff\xc3\xe2".to_vec())));
    (text, spoil).prop_map(|(text, spoil)| {
        let mut bytes = text.into_bytes();
        if let Some((place, byte)) = spoil {
            bytes.insert(place.index(bytes.len() + 1), byte);
        }
        bytes
    })
}

/// Puts two bytes of choices before the input. [`Bytes`] prints as text.
fn with_choices(bytes: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Bytes> {
    (any::<u8>(), 0_u8..12, bytes)
        .prop_map(|(choices, size, bytes)| [&[choices, size], bytes.as_slice()].concat().into())
}

#[test]
fn csv_pieces_equal_csv_crate() {
    let tokens = [
        "1",
        "22,33\n",
        "x;y\n",
        "\"a\",\"b\"\r\n",
        "'a';'b'\n",
        ",",
        ",",
        ";",
        ";",
        "\n",
        "\n",
        "\r\n",
        "\r",
        "\"",
        "\"",
        "'",
        "'",
        "\"\"",
        "''",
        "\\",
        "\\\"",
        "#",
        "#x\n",
        "abc",
        "é",
        "\u{feff}",
    ];
    check_property(with_choices(with_bad_bytes(token_mix(&tokens, 30))), |bytes| any_bytes::csv(&bytes));
}

#[test]
fn json_pieces_equal_serde_json() {
    let tokens = [
        "{\"a\":\"x\"}",
        "{\"j\":[1,2.50]}",
        "{\"a\":\"é\\n\\u00e9\",\"j\":null}",
        "{\"a\":\"",
        "\",\"j\":",
        "}",
        "{",
        "[",
        "]",
        "[",
        "]",
        ",",
        ",",
        ":",
        "\n",
        "\n",
        "\r\n",
        " ",
        "\"",
        "\\",
        "\\u00",
        "1e5",
        "-0",
        "true",
        "null",
        "{\"x\":{}}",
        "\u{feff}",
    ];
    check_property(with_choices(with_bad_bytes(token_mix(&tokens, 30))), |bytes| any_bytes::json(&bytes));
    // Lines and arrays that are valid except for one byte.
    let line = select(vec![
        "{\"a\":\"x]\\\"\",\"j\":{\"k\":[]}}",
        "{\"j\":\"\\ud83d\\ude00\",\"y\":1}",
        "{}",
        " {\"a\":null} ",
    ]);
    let files = (vec(line, 0..6), any::<bool>())
        .prop_map(|(lines, is_array)| if is_array { format!("[{}]", lines.join(",\n")) } else { lines.join("\n") });
    check_property(with_choices(with_bad_bytes(files)), |bytes| any_bytes::json(&bytes));
}

#[test]
fn template_rebuilds_matched_key() {
    let tokens = [
        "raw",
        "/",
        "/",
        "_",
        "-",
        ".csv",
        "{name}",
        "{a}",
        "{date:%Y-%m-%d}",
        "{date:%H}",
        "{scheduled:%Y%m%d%H%M%S}",
        "{at:%s}",
        "*",
        "{",
        "}",
        "{{",
        "}}",
        "%",
        ":",
        "é",
        "s3://",
    ];
    let keys = [
        "raw",
        "/",
        "/",
        "_",
        "-",
        ".csv",
        "x",
        "é",
        "2024-02-29",
        "2023-02-29",
        "07",
        "20240229235960",
        "20240101000000",
    ];
    let both = (token_mix(&tokens, 8), token_mix(&keys, 8)).prop_map(|(template, key)| format!("{template}\n{key}"));
    check_property(both, |text| any_bytes::template(text.as_bytes()));
    // Placeholders next to matching text, so that most keys match.
    let pairs = select(vec![
        ("raw", "raw"),
        ("/", "/"),
        ("_", "_"),
        ("{a}", "x"),
        ("{b}", "y_z"),
        ("{a}", "x_x"),
        ("{date:%Y-%m-%d}", "2024-02-29"),
        ("{date:%H%M}", "0730"),
        ("{at:%Y/%m}", "1999/12"),
        ("*", "any"),
    ]);
    let both = vec(pairs, 1..8).prop_map(|pairs| {
        let (templates, keys): (Vec<&str>, Vec<&str>) = pairs.into_iter().unzip();
        format!("{}\n{}", templates.concat(), keys.concat())
    });
    check_property(both, |text| any_bytes::template(text.as_bytes()));
}

#[test]
fn key_survives_event_of_every_shape() {
    check_property("(?s).{1,40}", |key| any_bytes::event_of_key(&key));
    check_property(
        token_mix(&["a", "/", "+", "%", "%2B", "%20", " ", "é", "\\", "\"", "..", "\u{202e}", "\0", "&#x0a;"], 12),
        |key| {
            any_bytes::event_of_key(&key);
        },
    );
    for length in [0, 1023, 1024, 1025] {
        any_bytes::event_of_key(&"k".repeat(length));
    }
}

#[test]
fn any_json_is_event_or_error() {
    let names = vec![
        "Records",
        "s3",
        "Sns",
        "body",
        "Type",
        "Message",
        "MessageId",
        "Event",
        "Bucket",
        "bucket",
        "key",
        "detail-type",
        "detail",
        "execution",
        "event",
        "object",
        "name",
        "eventName",
        "eventTime",
        "requestParameters",
        "bucketName",
    ];
    let leaf = prop_oneof![
        select(vec![
            "Notification",
            "s3:TestEvent",
            "Object Created",
            "ObjectCreated:Put",
            "AWS API Call via CloudTrail",
            "PutObject",
            "{}",
            "x",
            "",
            "{\"bucket\":\"b\",\"key\":\"k\"}",
            "2024-05-01T09:00:00Z",
        ])
        .prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        Just(serde_json::Value::Null),
    ];
    let json = leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            1 => vec(inner.clone(), 0..3).prop_map(serde_json::Value::from),
            4 => vec((select(names.clone()), inner), 0..6).prop_map(|fields| {
                serde_json::Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            }),
        ]
    });
    check_property(json, |event| any_bytes::event(event.to_string().as_bytes()));
}

#[test]
fn any_text_is_definition_or_error() {
    let lines = [
        "timezone = \"Europe/Berlin\"",
        "[run]",
        "when = \"all\"",
        "per = \"day\"",
        "deadline = \"6h\"",
        "again = \"rerun\"",
        "[datasets.orders]",
        "[datasets.\"é\"]",
        "source = \"raw/{date:%Y-%m-%d}/orders.csv\"",
        "source = \"raw/*.csv\"",
        "trigger = \"t/{status}_{date:%F}.trig\"",
        "wait = \"10m\"",
        "table = \"staging.orders\"",
        "table = \"x\"",
        "write = \"upsert\"",
        "key = [\"a\"]",
        "columns.a = \"integer not null\"",
        "columns.b = { type = \"date\", from = \"B\", format = \"%d/%m/%Y\" }",
        "columns.c = \"numeric(10,2)\"",
        "null_values = [\"\", \"NA\"]",
        "csv.delimiter = \";\"",
        "csv.quote = \"\"",
        "rejects.max_ratio = 0.5",
        "rejects.export = \"x/{load_id}.csv\"",
        "extra = \"rescue\"",
        "evolve = \"add\"",
        "encoding = \"utf-16\"",
        "[[transforms]]",
        "sql = \"a.sql\"",
        "[[exports]]",
        "to = \"out/{run_date}.csv\"",
        "query = \"select 1\"",
        "[notify]",
        "success = false",
        "= ",
        "[",
        "\"\"\"",
    ];
    let definition = vec(select(lines.to_vec()), 0..14).prop_map(|lines| lines.join("\n"));
    check_property(definition, |text| any_bytes::definition(text.as_bytes()));
    let whole = vec(select(lines[14..27].to_vec()), 0..6).prop_map(|lines| {
        format!("[datasets.orders]\nsource = \"raw/{{date:%F}}/*.csv\"\ntable = \"s.t\"\n{}\n", lines.join("\n"))
    });
    check_property(whole, |text| any_bytes::definition(text.as_bytes()));
    let sql = [
        "select ",
        "1",
        ";",
        ";",
        "'",
        "'a;b'",
        "E'\\''",
        "\"",
        "$$",
        "$x$",
        "--",
        "\n",
        "/*",
        "*/",
        ":run_date",
        ":run_id",
        "::date",
        ":x",
        "a[1:2]",
        "begin",
        "copy t from stdin",
        "\\d",
        "é",
        "\u{feff}",
        "insert into t values (1)",
        " ",
    ];
    check_property(token_mix(&sql, 20), |text| any_bytes::definition(text.as_bytes()));
}
