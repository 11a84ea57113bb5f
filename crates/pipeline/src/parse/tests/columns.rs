//! Columns: sources, and options for values.

use chrono_tz::Tz;

use super::{FILE, errors};
use crate::column::{BooleanWords, Column, ColumnSource, NumberFormat, ObjectProperty, Rounding, ValueFormat};
use crate::definition::Definition;

/// Parses one column `x` of a file with this name.
fn column_of(file_name: &str, x: &str) -> Column {
    let text = dataset(file_name, x);
    let definition = Definition::parse("p", FILE, &text).unwrap_or_else(|errors| panic!("{text}\n{errors}"));
    definition.datasets[0].columns[0].clone()
}

fn column(x: &str) -> Column {
    column_of("orders.csv", x)
}

fn dataset(file_name: &str, x: &str) -> String {
    format!("[datasets.d]\nsource = 'dt={{dt:%F}}/{{shop}}/{file_name}'\ntable = 'd'\ncolumns.x = {x}\n")
}

/// Checks the errors of one column `x` without their common prefix.
fn check_errors_of(file_name: &str, x: &str, expected: &[&str]) {
    let found = errors(&dataset(file_name, x));
    let found: Vec<String> = found.iter().map(|error| error.replacen(":4: datasets.d.columns.", "", 1)).collect();
    assert_eq!(found, expected, "{file_name} {x}");
}

fn check_errors(x: &str, expected: &[&str]) {
    check_errors_of("orders.csv", x, expected);
}

#[test]
fn column_sources_parse() {
    let check = |x: &str, source: ColumnSource, header: &str| {
        let column = column(x);
        assert_eq!((column.source, column.header.as_str()), (source, header), "{x}");
    };
    check("'text'", ColumnSource::Header, "x");
    check("{ type = 'text', from = 'X' }", ColumnSource::Header, "X");
    check("{ type = 'text', from = 3 }", ColumnSource::Position(3), "x");
    check("{ type = 'text', from_key = 'shop' }", ColumnSource::Key("shop".to_owned()), "x");
    check("{ type = 'date', from_key = 'dt' }", ColumnSource::Key("dt".to_owned()), "x");
    check("{ type = 'bigint', from_line = true }", ColumnSource::Line, "x");
    check("{ type = 'text', from_object = 'key' }", ColumnSource::Object(ObjectProperty::Key), "x");
    check("{ type = 'text', from_object = 'version_id' }", ColumnSource::Object(ObjectProperty::VersionId), "x");
    check("{ type = 'text', from_object = 'etag' }", ColumnSource::Object(ObjectProperty::Etag), "x");
    let modified = ColumnSource::Object(ObjectProperty::LastModified);
    check("{ type = 'timestamptz', from_object = 'last_modified' }", modified, "x");
    assert_eq!(column_of("o.json", "{ type = 'text', from = '/user/id' }").header, "/user/id");
    assert_eq!(column("{ type = 'text', from = '/~x' }").header, "/~x", "a header of CSV is no pointer");
}

#[test]
fn column_source_errors_name_the_expected_value() {
    check_errors(
        "{ type = 'text', from = 'X', from_key = 'shop' }",
        &["x.from_key: a column has either `from` or `from_key`, not both"],
    );
    check_errors("{ type = 'text', from = 0 }", &["x.from: expected a position from 1, found 0"]);
    check_errors("{ type = 'text', from = -1 }", &["x.from: expected a whole number from 0, found -1"]);
    check_errors("{ type = 'text', from = true }", &["x.from: expected a string, found true"]);
    let position = "x.from: a position applies to CSV files; expected a name";
    check_errors_of("o.jsonl", "{ type = 'text', from = 3 }", &[position]);
    check_errors_of("o.parquet", "{ type = 'text', from = 3 }", &[position]);
    check_errors_of(
        "o.json",
        "{ type = 'text', from = '/~x' }",
        &["x.from: `/~x` is not a JSON Pointer; expected, for example, \"/data/items\""],
    );
    check_errors(
        "{ type = 'text', from_key = 'shap' }",
        &["x.from_key: `{shap}` is not a placeholder of `source`; did you mean `shop`?"],
    );
    check_errors(
        "{ type = 'integer', from_key = 'dt' }",
        &["x.from_key: `{dt}` is a time; expected the type date, timestamp or timestamptz"],
    );
    check_errors(
        "{ type = 'bigint', from_line = false }",
        &["x.from_line: expected true; remove `from_line` for a column of the file"],
    );
    check_errors("{ type = 'integer', from_line = true }", &["x.from_line: the number of a line has the type bigint"]);
    check_errors(
        "{ type = 'text', from_object = 'size' }",
        &["x.from_object: `size` is not one of key, version_id, etag, last_modified"],
    );
    check_errors("{ type = 'uuid', from_object = 'etag' }", &["x.from_object: this property has the type text"]);
    check_errors(
        "{ type = 'text', from_object = 'last_modified' }",
        &["x.from_object: this property has the type timestamptz"],
    );
    check_errors(
        "{ type = 'timestamptz', from_object = 'last_modified', timezone = 'UTC' }",
        &["x.timezone: `timezone` applies to values of the file or of its key"],
    );
    let two = format!("{}columns.y = {{ type = 'text', from = 3 }}", dataset("o.csv", "{ type = 'text', from = 3 }"));
    assert_eq!(errors(&two), [":4: datasets.d.columns: two columns have the position 3"]);
    let same = format!("{}columns.y = {{ type = 'text', from_key = 'shop' }}", dataset("o.csv", "'text'"));
    assert_eq!(errors(&same), [""; 0]);
}

#[test]
fn optional_columns_may_be_null() {
    assert!(column("{ type = 'text', optional = true }").optional);
    assert!(!column("{ type = 'text', optional = false }").optional);
    assert!(!column("{ type = 'text' }").optional);
    check_errors(
        "{ type = 'text not null', optional = true }",
        &["x.optional: `optional` has no effect with `not null`: a missing column is NULL"],
    );
    check_errors(
        "{ type = 'text', from_key = 'shop', optional = true }",
        &["x.optional: `optional` applies to columns of the file"],
    );
    check_errors("{ type = 'text', optional = 1 }", &["x.optional: expected true or false, found 1"]);
}

#[test]
fn number_formats_parse() {
    let check = |x: &str, decimal: char, thousands: Option<char>, strip: &[&str]| {
        let strip = strip.iter().map(|text| (*text).to_owned()).collect();
        assert_eq!(column(x).values.number, NumberFormat { decimal, thousands, strip }, "{x}");
    };
    check("'numeric'", '.', None, &[]);
    check(
        "{ type = 'numeric', decimal = ',', thousands = '.', strip = ['€', '%', ' '] }",
        ',',
        Some('.'),
        &["€", "%", " "],
    );
    check("{ type = 'integer', thousands = '\u{202f}' }", '.', Some('\u{202f}'), &[]);
    check("{ type = 'double precision', thousands = \"'\" }", '.', Some('\''), &[]);

    let text = |key: &str, value: &str| {
        let message = format!("x.{key}: `{key}` applies to numbers, not to text");
        check_errors(&format!("{{ type = 'text', {key} = {value} }}"), &[&message]);
    };
    text("decimal", "','");
    text("thousands", "'.'");
    text("strip", "['€']");
    let one = "expected one character that is not a letter, a digit or a sign, found";
    for wrong in ["", ",,", "5", "e", "-"] {
        let message = format!("x.decimal: {one} {wrong:?}");
        check_errors(&format!("{{ type = 'real', decimal = '{wrong}' }}"), &[&message]);
    }
    check_errors("{ type = 'real', thousands = 'x' }", &[&format!("x.thousands: {one} \"x\"")]);
    let same = |character: char| format!("`thousands` and `decimal` are the same character `{character}`");
    check_errors("{ type = 'real', thousands = '.' }", &[&format!("x.thousands: {}", same('.'))]);
    check_errors("{ type = 'real', decimal = ',', thousands = ',' }", &[&format!("x.thousands: {}", same(','))]);
    check_errors("{ type = 'real', strip = [] }", &["x.strip: expected a list of texts that are not empty"]);
    check_errors("{ type = 'real', strip = [''] }", &["x.strip: expected a list of texts that are not empty"]);
    check_errors("{ type = 'real', strip = '€' }", &["x.strip: expected a list of strings, found the string \"€\""]);
    check_errors(
        "{ type = 'real', strip = ['a1'] }",
        &["x.strip: a text to strip must not contain digits or the decimal separator"],
    );
}

#[test]
fn boolean_words_come_in_pairs() {
    let words = column("{ type = 'boolean', true = ['Y', 'yes'], false = ['N', 'no'] }").values.boolean_words;
    let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    assert_eq!(words, Some(BooleanWords { true_words: list(&["Y", "yes"]), false_words: list(&["N", "no"]) }));
    assert_eq!(column("'boolean'").values.boolean_words, None);

    check_errors("{ type = 'boolean', true = ['Y'] }", &["x.true: `true` requires `false`"]);
    check_errors("{ type = 'boolean', false = ['N'] }", &["x.false: `false` requires `true`"]);
    check_errors("{ type = 'text', true = ['Y'], false = ['N'] }", &["x.true: `true` applies to boolean, not to text"]);
    check_errors("{ type = 'boolean', true = [], false = ['N'] }", &["x.true: expected at least one word"]);
    check_errors("{ type = 'boolean', true = ['Y', 'x'], false = ['x'] }", &["x.false: `x` is both true and false"]);
    check_errors(
        "{ type = 'boolean', true = 'Y', false = ['N'] }",
        &["x.true: expected a list of strings, found the string \"Y\""],
    );
}

#[test]
fn time_formats_parse() {
    let check = |x: &str, expected: &[ValueFormat]| assert_eq!(column(x).values.formats, expected, "{x}");
    let strftime = |format: &str| ValueFormat::Strftime(format.to_owned());
    check("'date'", &[]);
    check("{ type = 'date', format = '%d/%m/%Y' }", &[strftime("%d/%m/%Y")]);
    check(
        "{ type = 'date', format = ['%d/%m/%Y', '%Y%m%d', 'excel'] }",
        &[strftime("%d/%m/%Y"), strftime("%Y%m%d"), ValueFormat::Excel],
    );
    check("{ type = 'timestamptz', format = 'epoch' }", &[ValueFormat::Epoch]);
    check("{ type = 'timestamp', format = 'epoch_ms' }", &[ValueFormat::EpochMs]);
    check("{ type = 'time', format = 'excel' }", &[ValueFormat::Excel]);

    check_errors("{ type = 'date', format = [] }", &["x.format: expected at least one format"]);
    check_errors("{ type = 'date', format = 5 }", &["x.format: expected a string, found 5"]);
    check_errors(
        "{ type = 'date', format = ['%d/%m/%Y', '%d/%m'] }",
        &["x.format: `%d/%m` must describe a complete date (year, month, day) and nothing else"],
    );
    check_errors(
        "{ type = 'date', format = 'epoch' }",
        &["x.format: `epoch` applies to timestamp and timestamptz, not to date"],
    );
    check_errors(
        "{ type = 'integer', format = 'excel' }",
        &["x.format: `excel` applies to date, time, timestamp and timestamptz, not to integer"],
    );
    check_errors(
        "{ type = 'timestamptz', format = 'excel' }",
        &["x.format: `excel` dates have no time zone; add `timezone`"],
    );
}

#[test]
fn timezone_replaces_a_missing_offset() {
    let check = |x: &str| assert_eq!(column(x).values.timezone, Some(Tz::Europe__Berlin), "{x}");
    check("{ type = 'timestamptz', timezone = 'Europe/Berlin' }");
    check("{ type = 'timestamptz', format = '%d/%m/%Y %H:%M', timezone = 'Europe/Berlin' }");
    check("{ type = 'timestamptz', format = 'excel', timezone = 'Europe/Berlin' }");
    check("{ type = 'timestamptz', format = ['epoch', '%d/%m/%Y %H:%M'], timezone = 'Europe/Berlin' }");
    check("{ type = 'timestamptz', format = ['%FT%T%z', '%F %T'], timezone = 'Europe/Berlin' }");
    assert_eq!(column("'timestamptz'").values.timezone, None);

    check_errors(
        "{ type = 'timestamp', timezone = 'Europe/Berlin' }",
        &["x.timezone: `timezone` applies to timestamptz, not to timestamp without time zone"],
    );
    check_errors(
        "{ type = 'timestamptz', timezone = 'Europe/Berln' }",
        &["x.timezone: `Europe/Berln` is not an IANA time zone; did you mean `Europe/Berlin`?"],
    );
    check_errors(
        "{ type = 'timestamptz', format = '%F %T' }",
        &["x.format: `%F %T` must describe a complete timestamp with its offset (`%z`), or have a `timezone`"],
    );
    check_errors(
        "{ type = 'timestamptz', format = '%F', timezone = 'UTC' }",
        &["x.format: `%F` must describe a complete timestamp (date, at least hour and minute)"],
    );
    check_errors(
        "{ type = 'timestamptz', format = ['epoch', '%F %T%z'], timezone = 'UTC' }",
        &["x.timezone: `timezone` has no effect: every `format` gives an instant"],
    );
}

#[test]
fn round_applies_to_times() {
    let check = |x: &str, expected: Rounding| assert_eq!(column(x).values.round, expected, "{x}");
    check("'time'", Rounding::Reject);
    check("{ type = 'time', round = 'reject' }", Rounding::Reject);
    check("{ type = 'timestamp', round = 'truncate' }", Rounding::Truncate);
    check("{ type = 'timestamptz', round = 'half_up' }", Rounding::HalfUp);
    check_errors(
        "{ type = 'date', round = 'truncate' }",
        &["x.round: `round` applies to time, timestamp and timestamptz, not to date"],
    );
    check_errors("{ type = 'time', round = 'up' }", &["x.round: `up` is not one of reject, truncate, half_up"]);
}
