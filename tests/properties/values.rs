//! PostgreSQL accepts each text that a column accepts, and stores the same value.

use formats::RowSpec;
use penstock_tests::any_bytes::convert;
use pipeline::{CsvOptions, Encoding, Extra, HeaderMatch};
use proptest::prelude::*;
use protocol::{Compression, Format};

use crate::check_property;
use crate::postgresql::{Session, TextRow};
use crate::rows::{TYPES, column};

#[test]
fn accepted_value_equals_postgresql_value() {
    let session = Session::open();
    check_property((prop::sample::select(TYPES.to_vec()), prop::collection::vec(text(), 1..100)), |(kind, texts)| {
        check(&session, kind, &texts);
    });
}

/// Texts that resemble numbers, dates, times, booleans, JSON and others. Many are not valid.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[-+]?[0-9]{0,6}",
        "[-+]?[0-9]{0,40}\\.?[0-9]{0,20}",
        "[-+]?[0-9]{1,4}\\.?[0-9]{0,3}[eE][-+]?[0-9]{1,3}",
        "(32767|32768|-32768|-32769|2147483648|-2147483648|9223372036854775808|NaN|Infinity|-0|1_000|0x1F|1e400|1e-400)",
        "[0-9]{4}-(0[0-9]|1[0-3])-[0-3][0-9]",
        "[0-9]{4}-(0[0-9]|1[0-3])-[0-3][0-9][ T][0-2][0-9]:[0-6][0-9](:[0-6][0-9](\\.[0-9]{1,7})?)?(Z|[+-][01][0-9](:?[0-6][0-9])?)?",
        "[0-2][0-9]:[0-6][0-9](:[0-6][0-9](\\.[0-9]{1,7})?)?",
        "(0000-01-01|9999-12-31|24:00|24:00:00|24:00:01|23:59:60|today|infinity|2024-1-1|20240101|01/02/2024|2024-02-29|2023-02-29)",
        "(t|f|T|F|true|FALSE|True|1|0|yes|on|y)",
        "\\{?[0-9a-fA-F]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\\}?",
        "[\\[\\]{}:0-9ae. -]{0,12}",
        "[a-zé😀 ]{0,10}",
    ]
}

/// Removes the zeros after the decimal point of an integer. PostgreSQL does not accept `2.0` there.
fn integer_text<'t>(kind: &str, text: &'t str) -> &'t str {
    let is_integer = ["smallint", "integer", "bigint"].contains(&kind);
    if is_integer { text.split('.').next().unwrap_or(text) } else { text }
}

/// Loads one text per line, without quotes and NULLs.
fn check(session: &Session, kind: &str, texts: &[String]) {
    let columns = [column("v", kind)];
    let spec = RowSpec {
        json_records: None,
        columns: &columns,
        null_values: &[],
        format: Format::Tsv,
        compression: Compression::None,
        csv: &CsvOptions { quote: None, header: false, ..CsvOptions::default() },
        header_match: HeaderMatch::Exact,
        encoding: Encoding::Utf8,
        extra: Extra::Reject,
        object_values: &[],
        lineage: None,
    };
    let lines: Vec<&str> = texts.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
    if lines.is_empty() {
        return;
    }
    let conversion = convert(&spec, lines.join("\n").as_bytes(), &[usize::MAX]).unwrap();
    let is_taken = |line: usize| !conversion.rejects.iter().any(|reject| reject.line == line as u64);
    let taken: Vec<TextRow> = lines
        .iter()
        .zip(1..)
        .filter(|(_, line)| is_taken(*line))
        .map(|(text, _)| vec![Some(integer_text(kind, text).to_owned())])
        .collect();
    let stored = session.store(&columns, &conversion.tuples);
    for ((text, ours), theirs) in taken.iter().zip(stored).zip(session.read(&columns, &taken)) {
        assert_eq!(ours, theirs, "{text:?} as {kind}");
    }
}
