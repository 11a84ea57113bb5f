//! `write`, `key`, columns, encoding, `csv` and `rejects`.

use super::{FILE, ORDERS, errors};
use crate::csv_options::{CsvOptions, Delimiter};
use crate::dataset::{Dataset, OnNewVersion, WriteMode};
use crate::definition::Definition;
use crate::limits::KEY_COLUMNS_MAX;
use crate::options::{Encoding, Evolve, Extra};

fn orders(lines: &str) -> Dataset {
    let text = format!("{ORDERS}{lines}\n");
    let definition = Definition::parse("retail", FILE, &text).unwrap_or_else(|errors| panic!("{text}\n{errors}"));
    definition.datasets.into_iter().next().unwrap()
}

/// Checks the errors of `lines`, which begin on line 5, without their common prefix.
fn check_errors(lines: &str, expected: &[&str]) {
    let found = errors(&format!("{ORDERS}{lines}\n"));
    let found: Vec<&str> = found.iter().map(|error| error.trim_start_matches(':')).collect();
    let found: Vec<String> = found.iter().map(|error| error.replacen(" datasets.orders.", " ", 1)).collect();
    assert_eq!(found, expected, "{lines}");
}

#[test]
fn write_and_key_are_checked_together() {
    let key = |lines: &str| match orders(lines).write {
        WriteMode::Upsert { key } => key.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>().join(" "),
        other => format!("{other:?}"),
    };
    assert_eq!(key("write = 'append'"), "Append");
    assert_eq!(key("write = 'replace'"), "Replace");
    assert_eq!(key("write = 'upsert'\nkey = ['order_id']"), "order_id");
    let two = "columns.day = { type = 'date not null', from = 'Day' }\nwrite = 'upsert'\nkey = ['day', 'order_id']";
    assert_eq!(key(two), "day order_id");
    assert_eq!(orders("write = 'replace'\non_new_version = 'ignore'").on_new_version, OnNewVersion::Ignore);

    check_errors(
        "write = 'apend'",
        &["5: write: `apend` is not one of append, replace, upsert; did you mean `append`?"],
    );
    check_errors(
        "write = 'upsrt'\nkey = ['order_id']",
        &["5: write: `upsrt` is not one of append, replace, upsert; did you mean `upsert`?"],
    );
    check_errors(
        "write = 'upsert'",
        &["5: write: `write = \"upsert\"` requires `key`, for example key = [\"order_id\"]"],
    );
    check_errors("key = ['order_id']", &["5: key: `key` requires `write = \"upsert\"`"]);
    check_errors("write = 'replace'\nkey = ['order_id']", &["6: key: `key` requires `write = \"upsert\"`"]);
    check_errors(
        "write = 'replace'\non_new_version = 'append'",
        &[
            "6: on_new_version: `append` has no effect with `write = \"replace\"`, which keeps the rows of one file only",
        ],
    );
    let upsert = |key: &str| format!("write = 'upsert'\ncolumns.day = {{ type = 'date', from = 'Day' }}\nkey = {key}");
    check_errors(&upsert("'order_id'"), &["7: key: expected a list of strings, found the string \"order_id\""]);
    check_errors(&upsert("[]"), &["7: key: expected 1 to 32 columns, found 0"]);
    check_errors(&upsert("['order_id', 'order_id']"), &["7: key: the key contains `order_id` twice"]);
    check_errors(
        &upsert("['oder_id']"),
        &["7: key: `oder_id` is not a column of the dataset; did you mean `order_id`?"],
    );
    check_errors(&upsert("['Day']"), &["7: key: `Day` is not a column of the dataset; did you mean `day`?"]);
    check_errors(
        &upsert("['day']"),
        &["7: key: `day` may be NULL; a column of the key must be declared as \"date not null\""],
    );
    // An error in the columns is reported once, not also at the key.
    check_errors(
        "write = 'upsert'\nkey = ['x']\ncolumns.x = 'txt'",
        &["7: columns.x: unknown type `txt`; did you mean `text`?"],
    );
}

#[test]
fn logical_time_must_be_a_time_of_the_key() {
    let check = |lines: &str, expected: Result<Option<&str>, &str>| {
        let text = format!("[datasets.d]\ntable = 'd'\n{lines}\n");
        let found = Definition::parse("p", FILE, &text);
        let found = found.map(|definition| definition.datasets[0].logical_time.clone());
        let found = found.map_err(|errors| errors.to_string().replace(FILE, ""));
        assert_eq!(found, expected.map(|name| name.map(str::to_owned)).map_err(str::to_owned), "{lines}");
    };
    check("source = '{shop}.csv'", Ok(None));
    check("source = '{day:%F}.csv'", Ok(Some("day")));
    check("source = '{from:%F}_{date:%F}.csv'", Ok(Some("date")));
    check("source = '{from:%F}_{date:%F}.csv'\nlogical_time = 'from'", Ok(Some("from")));
    check(
        "source = '{day:%F}.csv'\ntrigger = '{status}-{day:%F}-{actual:%F}.t'\nlogical_time = 'actual'",
        Ok(Some("actual")),
    );
    check(
        "source = '{from:%F}_{to:%F}.csv'",
        Err(":3: datasets.d.source: the source has several times (from, to); set `logical_time`, for example \
             logical_time = \"from\""),
    );
    check(
        "source = '{day:%F}.csv'\ntrigger = '{status}-{day:%F}-{actual:%F}.t'",
        Err(":4: datasets.d.trigger: the trigger has several times (day, actual); set `logical_time`, for example \
             logical_time = \"day\""),
    );
    check(
        "source = '{day:%F}.csv'\nlogical_time = 'dya'",
        Err(":4: datasets.d.logical_time: `dya` is not a time of the source; expected one of day"),
    );
    check(
        "source = 'a.csv'\nlogical_time = 'day'",
        Err(":4: datasets.d.logical_time: `day` is not a time of the source; the source has none"),
    );
}

#[test]
fn key_columns_are_limited() {
    let upsert = |count: usize| {
        let names: Vec<String> = (0..count).map(|index| format!("c{index}")).collect();
        let columns: String = names.iter().map(|name| format!("columns.{name} = 'text not null'\n")).collect();
        format!("{columns}write = 'upsert'\nkey = {names:?}")
    };
    assert!(
        matches!(orders(&upsert(KEY_COLUMNS_MAX)).write, WriteMode::Upsert { key } if key.len() == KEY_COLUMNS_MAX)
    );
    check_errors(&upsert(KEY_COLUMNS_MAX + 1), &["39: key: expected 1 to 32 columns, found 33"]);
}

#[test]
fn omitted_columns_are_inferred() {
    let check = |lines: &str, expected: &[&str]| {
        let text = format!("[datasets.x]\nsource = 'x.csv'\ntable = 'x'\n{lines}");
        assert_eq!(errors(&text), expected, "{text}");
    };
    check("", &[]);
    check("extra = 'rescue'\nencoding = 'utf-16'\ncsv.delimiter = ';'", &[]);
    check("columns = {}", &[":4: datasets.x.columns: expected 1 to 1500 columns, found 0"]);
    check("write = 'upsert'\nkey = ['id']", &[":5: datasets.x.key: `key` requires declared columns"]);
    check("csv.header = false", &[":4: datasets.x.csv: `columns` is required with `csv.header = false`"]);
}

#[test]
fn extra_and_evolve_are_checked_together() {
    let check = |lines: &str, extra: Extra, evolve: Evolve| {
        let dataset = orders(lines);
        assert_eq!((dataset.extra, dataset.evolve), (extra, evolve), "{lines}");
    };
    check("extra = 'reject'", Extra::Reject, Evolve::Fail);
    check("extra = 'ignore'\nevolve = 'fail'", Extra::Ignore, Evolve::Fail);
    check("extra = 'rescue'", Extra::Rescue, Evolve::Fail);
    check("evolve = 'add'", Extra::Reject, Evolve::Add);
    check("columns._rescued = 'jsonb'", Extra::Reject, Evolve::Fail);

    check_errors(
        "extra = 'rescu'",
        &["5: extra: `rescu` is not one of reject, ignore, rescue; did you mean `rescue`?"],
    );
    check_errors("evolve = true", &["5: evolve: expected a string, found true"]);
    let left = "`extra` has no effect with `evolve = \"add\"`, which adds undeclared columns to the table";
    check_errors("extra = 'ignore'\nevolve = 'add'", &[&format!("5: extra: {left}")]);
    check_errors("evolve = 'add'\nextra = 'rescue'", &[&format!("6: extra: {left}")]);
    check_errors(
        "columns._rescued = 'jsonb'\nextra = 'rescue'",
        &["6: extra: `extra = \"rescue\"` creates the column `_rescued`, which the dataset also declares"],
    );
}

#[test]
fn encodings_parse() {
    let check = |name: &str, expected: Encoding| {
        assert_eq!(orders(&format!("encoding = '{name}'")).encoding, expected, "{name}");
    };
    check("utf-8", Encoding::Utf8);
    check("utf-16", Encoding::Utf16);
    check("utf-16le", Encoding::Utf16Le);
    check("utf-16be", Encoding::Utf16Be);
    check("latin-1", Encoding::Latin1);
    check("windows-1252", Encoding::Windows1252);
    check("utf8", Encoding::Utf8);
    check("iso-8859-1", Encoding::Windows1252);
    check("ISO-8859-15", Encoding::Other(encoding_rs::ISO_8859_15));
    check("shift_jis", Encoding::Other(encoding_rs::SHIFT_JIS));
    check("cp1251", Encoding::Other(encoding_rs::WINDOWS_1251));
    check_errors("encoding = 'iso-2022-kr'", &["5: encoding: unknown encoding `iso-2022-kr`"]);
    check_errors("encoding = 'utf_8'", &["5: encoding: unknown encoding `utf_8`; did you mean `utf-8`?"]);
}

#[test]
fn csv_options_parse() {
    let default = CsvOptions::default();
    let check = |lines: &str, expected: CsvOptions| assert_eq!(orders(lines).csv, expected, "{lines}");
    check("csv = {}", default);
    check("csv.delimiter = ';'", CsvOptions { delimiter: Some(b';'.into()), ..default });
    check(r#"csv.delimiter = "\t""#, CsvOptions { delimiter: Some(b'\t'.into()), ..default });
    check(r#"csv.delimiter = "\u0001""#, CsvOptions { delimiter: Some(1.into()), ..default });
    check("csv.quote = ''", CsvOptions { quote: None, ..default });
    check(r#"csv.quote = "'""#, CsvOptions { quote: Some(b'\''), ..default });
    check(
        "csv.quote = ','\ncsv.delimiter = '|'",
        CsvOptions { quote: Some(b','), delimiter: Some(b'|'.into()), ..default },
    );
    check(r"csv.escape = '\'", CsvOptions { escape: Some(b'\\'), ..default });
    check("csv.escape = '\"'", default);
    let delimiter = |text: &str| CsvOptions { delimiter: Delimiter::new(text), ..default };
    check("csv.delimiter = '||'", delimiter("||"));
    check("csv.delimiter = '~x~'", delimiter("~x~"));
    check("csv.delimiter = '§'", delimiter("§"));
    check("csv.delimiter = '¦¦¦¦¦¦¦¦'", delimiter("¦¦¦¦¦¦¦¦"));
    check("csv = { comment = '#', header = false }", CsvOptions { comment: Some(b'#'), header: false, ..default });
}

#[test]
fn contradicting_csv_options_are_errors() {
    check_errors("csv = ';'", &["5: csv: expected a table, found the string \";\""]);
    check_errors("csv.delimeter = ';'", &["5: csv.delimeter: unknown key `delimeter`; did you mean `delimiter`?"]);
    let eight = "expected 1 to 8 characters, for example \";\" or \"\\t\", found";
    check_errors("csv.delimiter = ''", &[&format!("5: csv.delimiter: {eight} \"\"")]);
    check_errors("csv.delimiter = '|||||||||'", &[&format!("5: csv.delimiter: {eight} \"|||||||||\"")]);
    check_errors(r#"csv.delimiter = "|\u0000""#, &[&format!("5: csv.delimiter: {eight} \"|\\0\"")]);
    let letters = "has only letters and digits, which values contain; a tab is written \"\\t\"";
    check_errors("csv.delimiter = 'tab'", &[&format!("5: csv.delimiter: `tab` {letters}")]);
    let one = "expected one ASCII character, for example \"#\", found";
    check_errors(
        "csv.quote = '«'\ncsv.escape = '||'",
        &[&format!("5: csv.quote: {one} \"«\""), &format!("6: csv.escape: {one} \"||\"")],
    );
    check_errors(r#"csv.comment = "\u0000""#, &[&format!("5: csv.comment: {one} \"\\0\"")]);
    check_errors(r#"csv.delimiter = "\n""#, &["5: csv.delimiter: a line end always ends the record"]);
    check_errors(
        "csv.delimiter = 't'",
        &["5: csv.delimiter: `t` has only letters and digits, which values contain; a tab is written \"\\t\""],
    );
    check_errors("csv.header = 'none'", &["5: csv.header: expected true or false, found the string \"none\""]);

    check_errors(
        "csv.delimiter = '|'\ncsv.quote = '|'",
        &["6: csv.quote: `quote` and `delimiter` are the same character"],
    );
    check_errors("csv.delimiter = '\"'", &["5: csv.delimiter: `quote` and `delimiter` are the same character"]);
    check_errors("csv.quote = ','", &["5: csv.quote: `quote` and `delimiter` are the same character"]);
    check_errors(r#"csv.comment = "\t""#, &["5: csv.comment: `comment` and `delimiter` are the same character"]);
    check_errors("csv.escape = ','", &["5: csv.escape: `escape` and `delimiter` are the same character"]);
    check_errors("csv.comment = '\"'", &["5: csv.comment: `comment` and `quote` are the same character"]);
    check_errors(
        "csv.comment = '#'\ncsv.escape = '#'",
        &["5: csv.comment: `comment` and `escape` are the same character"],
    );
    check_errors(
        "csv.quote = ''\ncsv.escape = '#'",
        &["6: csv.escape: `escape` has no effect without quotes: it applies inside quotes"],
    );

    check_errors(
        "csv.header = false\nextra = 'ignore'",
        &["6: extra: `extra` has no effect with `csv.header = false`"],
    );
    check_errors(
        "csv.header = false\nevolve = 'add'",
        &["6: evolve: `evolve` has no effect with `csv.header = false`"],
    );
    check_errors(
        "csv.header = false\ncolumns.x = { type = 'text', from = 'X' }",
        &["4: columns: `from` of `x` has no effect with `csv.header = false`"],
    );

    let not_csv = |source: &str| errors(&format!("{ORDERS}csv.comment = '#'").replace("orders.csv", source));
    let refused = ":5: datasets.orders.csv: `csv` applies to CSV files, and this dataset has another format";
    assert_eq!(not_csv("orders.jsonl.gz"), [refused]);
    assert_eq!(not_csv("orders.parquet"), [refused]);
    assert_eq!(not_csv("orders.tsv"), [""; 0]);
    assert_eq!(not_csv("orders.*"), [""; 0]);
    assert_eq!(not_csv("{name}"), [""; 0]);

    let encoded = |source: &str| errors(&format!("{ORDERS}encoding = 'latin-1'").replace("orders.csv", source));
    assert_eq!(
        encoded("orders.parquet"),
        [":5: datasets.orders.encoding: `encoding` does not apply to Parquet, which is always UTF-8"]
    );
    assert_eq!(encoded("orders.json"), [""; 0]);
}

#[test]
fn rejects_export_requires_load_id() {
    let exported = |key: &str| format!("rejects.export = '{key}'");
    let dataset = orders(&exported("rejects/{date:%Y/%m}/{load_id}.csv"));
    let key = dataset.rejects_key("raw/2024-02-29/orders.csv", 42).unwrap();
    assert_eq!(key.as_deref(), Ok("rejects/2024/02/42.csv"));
    assert!(dataset.rejects_key("elsewhere/orders.csv", 42).unwrap().is_err());
    assert_eq!(orders("").rejects_key("raw/2024-02-29/orders.csv", 42), None);

    // The key of rejects need not be reversible, because nothing reads its values.
    let text = format!("{ORDERS}{}", exported("{shop}_{load_id}.csv")).replace("orders.csv", "{shop}.csv");
    let definition = Definition::parse("retail", FILE, &text).unwrap();
    let key = definition.datasets[0].rejects_key("raw/2024-02-29/a_b.csv", 42).unwrap();
    assert_eq!(key.as_deref(), Ok("a_b_42.csv"));

    check_errors(
        &exported("rejects.csv"),
        &["5: rejects.export: the key requires {load_id}, or loads would overwrite each other's rejects"],
    );
    check_errors(
        &exported("{load_id}/{shop}.csv"),
        &["5: rejects.export: cannot build the key: `{shop}` is not in the source"],
    );
    check_errors(
        &exported("{load_id}/{date:%F %H}.csv"),
        &["5: rejects.export: cannot build the key: `{date:%F %H}` has more parts than {date} of the source"],
    );
    check_errors(
        &exported("{load_id}/*.csv"),
        &["5: rejects.export: cannot build the key: a key cannot be built from a template with `*`"],
    );
    check_errors(
        &exported("{date}/{load_id}.csv"),
        &["5: rejects.export: `{date}` requires a format, for example {date:%Y-%m-%d}"],
    );
    check_errors(
        &exported("s3://other/{load_id}.csv"),
        &["5: rejects.export: expected a key of the curated bucket, without s3://"],
    );
    check_errors("rejects.export = true", &["5: rejects.export: expected a string, found true"]);
    let own = format!("{ORDERS}{}", exported("{load_id}.csv")).replace("orders.csv", "{load_id}.csv");
    assert_eq!(
        errors(&own),
        [
            ":5: datasets.orders.rejects.export: {load_id} is the number of the load here; rename the placeholder {load_id} of the source",
        ]
    );
}
