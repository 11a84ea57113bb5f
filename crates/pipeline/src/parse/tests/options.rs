//! `format`, `compression`, `header`, `json`, `csv`, and the options of writing.

use protocol::Format;

use super::{FILE, ORDERS, errors};
use crate::csv_options::{CsvOptions, LineEnd, Quoting, Ragged};
use crate::dataset::{Dataset, OnNewVersion};
use crate::definition::Definition;
use crate::options::{DeclaredCompression, HeaderMatch};

fn orders(lines: &str) -> Dataset {
    let text = format!("{ORDERS}{lines}\n");
    let definition = Definition::parse("retail", FILE, &text).unwrap_or_else(|errors| panic!("{text}\n{errors}"));
    definition.datasets.into_iter().next().unwrap()
}

/// Checks the errors of `lines`, which begin on line 5, without their common prefix.
fn check_errors(lines: &str, expected: &[&str]) {
    check_errors_of("orders.csv", lines, expected);
}

/// The same for a source with this file name.
fn check_errors_of(file_name: &str, lines: &str, expected: &[&str]) {
    let found = errors(&format!("{ORDERS}{lines}\n").replace("orders.csv", file_name));
    let found: Vec<&str> = found.iter().map(|error| error.trim_start_matches(':')).collect();
    let found: Vec<String> = found.iter().map(|error| error.replacen(" datasets.orders.", " ", 1)).collect();
    assert_eq!(found, expected, "{file_name} {lines}");
}

#[test]
fn format_and_compression_parse() {
    let check = |lines: &str, format: Option<Format>, compression: Option<DeclaredCompression>| {
        let dataset = orders(lines);
        assert_eq!((dataset.format, dataset.compression), (format, compression), "{lines}");
    };
    check("", None, None);
    check("format = 'csv'", Some(Format::Csv), None);
    check("format = 'tsv'\ncompression = 'none'", Some(Format::Tsv), Some(DeclaredCompression::None));
    check("format = 'json'\ncompression = 'gzip'", Some(Format::Json), Some(DeclaredCompression::Gzip));
    check("format = 'jsonl'\ncompression = 'bzip2'", Some(Format::Jsonl), Some(DeclaredCompression::Bzip2));
    check("format = 'parquet'", Some(Format::Parquet), None);
    check("compression = 'zstd'", None, Some(DeclaredCompression::Zstd));
    check("compression = 'zip'", None, Some(DeclaredCompression::Zip));

    check_errors("format = 'xml'", &["5: format: `xml` is not one of csv, tsv, json, jsonl, parquet"]);
    check_errors("compression = 'gz'", &["5: compression: `gz` is not one of none, gzip, zstd, bzip2, zip"]);
    check_errors(
        "format = 'parquet'\ncompression = 'gzip'",
        &["6: compression: `compression` does not apply to Parquet, which compresses its pages itself"],
    );
    // The declared format precedes the ending.
    let other = "applies to CSV files, and this dataset has another format";
    check_errors("format = 'json'\ncsv.skip = 1", &[&format!("6: csv: `csv` {other}")]);
    check_errors_of("orders", "format = 'csv'\ncsv.skip = 1", &[]);
    check_errors_of("orders.json", "format = 'csv'\ncsv.skip = 1", &[]);
}

#[test]
fn new_csv_options_parse() {
    let default = CsvOptions::default();
    let check = |lines: &str, expected: CsvOptions| assert_eq!(orders(lines).csv, expected, "{lines}");
    check("csv.quoting = 'strict'", default);
    check("csv.quoting = 'lenient'", CsvOptions { quoting: Quoting::Lenient, ..default });
    check("csv.quoting = 'none'", CsvOptions { quote: None, ..default });
    check("csv.quoting = 'none'\ncsv.quote = ''", CsvOptions { quote: None, ..default });
    check("csv.skip = 2", CsvOptions { skip: 2, ..default });
    check("csv.skip_footer = 1", CsvOptions { skip_footer: 1, ..default });
    check("csv.skip_blank = true", CsvOptions { skip_blank: true, ..default });
    check("csv.ragged = 'reject'", default);
    check("csv.ragged = 'pad'", CsvOptions { ragged: Ragged::Pad, ..default });
    check("csv.ragged = 'trim'", CsvOptions { ragged: Ragged::Trim, ..default });
    check("csv.ragged = 'both'", CsvOptions { ragged: Ragged::Both, ..default });
    check("csv.trim = true", CsvOptions { trim: true, ..default });
    check("csv.line_end = 'lf'", default);
    check("csv.line_end = 'cr'", CsvOptions { line_end: LineEnd::Cr, ..default });
    check("csv.quoted_lines = 50", CsvOptions { quoted_lines: 50, ..default });
    assert_eq!(default.quoted_lines, 1_000);

    check_errors("csv.quoting = 'loose'", &["5: csv.quoting: `loose` is not one of strict, lenient, none"]);
    check_errors(
        "csv.quoting = 'lenient'\ncsv.quote = ''",
        &["5: csv.quoting: `quoting` has no effect with `quote = \"\"`"],
    );
    check_errors(
        "csv.quoting = 'none'\ncsv.quote = \"'\"",
        &["6: csv.quote: `quote` has no effect with `quoting = \"none\"`"],
    );
    check_errors(
        "csv.quoting = 'none'\ncsv.escape = '\\'",
        &["6: csv.escape: `escape` has no effect without quotes: it applies inside quotes"],
    );
    check_errors(
        "csv.quoting = 'none'\ncsv.quoted_lines = 5",
        &["6: csv.quoted_lines: `quoted_lines` has no effect without quotes"],
    );
    check_errors("csv.skip = -1", &["5: csv.skip: expected a whole number from 0, found -1"]);
    check_errors("csv.skip_footer = 4294967296", &["5: csv.skip_footer: the limit is 4294967295"]);
    check_errors("csv.skip_blank = 1", &["5: csv.skip_blank: expected true or false, found 1"]);
    check_errors("csv.ragged = 'cut'", &["5: csv.ragged: `cut` is not one of reject, pad, trim, both"]);
    check_errors("csv.trim = 'left'", &["5: csv.trim: expected true or false, found the string \"left\""]);
    let space = "6: csv.trim: `trim` has no effect with `delimiter = \" \"`";
    check_errors("csv.delimiter = ' '\ncsv.trim = true", &[space]);
    check_errors("csv.line_end = 'crlf'", &["5: csv.line_end: `crlf` is not one of lf, cr"]);
    check_errors("csv.quoted_lines = 0", &["5: csv.quoted_lines: expected a number of lines from 1, found 0"]);
    check_errors(
        "csv.delimiter = '|#|'\ncsv.comment = '#'",
        &["6: csv.comment: `comment` is part of the delimiter \"|#|\""],
    );
}

#[test]
fn header_match_requires_a_header() {
    let check = |lines: &str, expected: HeaderMatch| assert_eq!(orders(lines).header_match, expected, "{lines}");
    check("", HeaderMatch::Exact);
    check("header = {}", HeaderMatch::Exact);
    check("header.match = 'exact'", HeaderMatch::Exact);
    check("header.match = 'fold'\nextra = 'ignore'", HeaderMatch::Fold);
    check("header.match = 'position'", HeaderMatch::Position);

    check_errors("header.match = 'fuzzy'", &["5: header.match: `fuzzy` is not one of exact, fold, position"]);
    check_errors("header.mach = 'fold'", &["5: header.mach: unknown key `mach`; did you mean `match`?"]);
    check_errors("header = 'fold'", &["5: header: expected a table, found the string \"fold\""]);
    check_errors(
        "csv.header = false\nheader.match = 'fold'",
        &["6: header: `header` has no effect with `csv.header = false`"],
    );
    let other = "applies to CSV and Parquet files, and this dataset has another format";
    check_errors_of("orders.json", "header.match = 'fold'", &[&format!("5: header: `header` {other}")]);
    check_errors_of("orders.parquet", "header.match = 'fold'", &[]);
    let csv_only = "5: header: `header.match = \"position\"` applies to CSV files";
    check_errors_of("orders.parquet", "header.match = 'position'\ncolumns.a = 'text'", &[csv_only]);
    let position = "has no effect with `header.match = \"position\"`";
    check_errors("header.match = 'position'\nextra = 'ignore'", &[&format!("6: extra: `extra` {position}")]);
    check_errors("header.match = 'position'\nevolve = 'add'", &[&format!("6: evolve: `evolve` {position}")]);
    check_errors(
        "columns.x = { type = 'text', from = 'X' }\nheader.match = 'position'",
        &[&format!("4: columns: `from` of `x` {position}")],
    );
    check_errors(
        "columns.x = { type = 'text', optional = true }\nheader.match = 'position'",
        &[&format!("4: columns: `optional` of `x` {position}")],
    );
    check_errors(
        "columns.x = { type = 'text', from = 2 }\nheader.match = 'position'",
        &["4: columns: `order_id` requires a position, because other columns have one, with \
           `header.match = \"position\"`"],
    );
    let inferred = "[datasets.x]\nsource = 'x.csv'\ntable = 'x'\nheader.match = 'position'";
    assert_eq!(errors(inferred), [":4: datasets.x.header: `columns` is required with `header.match = \"position\"`"]);
}

#[test]
fn json_records_is_a_pointer() {
    let json = |lines: &str| {
        let text = format!("{ORDERS}{lines}\n").replace("orders.csv", "orders.json.gz");
        let definition = Definition::parse("retail", FILE, &text).unwrap_or_else(|errors| panic!("{text}\n{errors}"));
        definition.datasets[0].json_records.clone()
    };
    assert_eq!(json(""), None);
    assert_eq!(json("json.records = '/data/items'").as_deref(), Some("/data/items"));
    assert_eq!(json("json.records = '/a~1b/~0c'").as_deref(), Some("/a~1b/~0c"));

    let pointer = |text: &str| format!("`{text}` is not a JSON Pointer; expected, for example, \"/data/items\"");
    check_errors_of("o.json", "json.records = 'data'", &[&format!("5: json.records: {}", pointer("data"))]);
    check_errors_of("o.json", "json.records = '/a~2'", &[&format!("5: json.records: {}", pointer("/a~2"))]);
    check_errors_of("o.json", "json.records = '/a~'", &[&format!("5: json.records: {}", pointer("/a~"))]);
    check_errors_of("o.json", "json.record = '/a'", &["5: json.record: unknown key `record`; did you mean `records`?"]);
    let other = "5: json: `json` applies to JSON files, and this dataset has another format";
    check_errors("json.records = '/data'", &[other]);
    check_errors_of("o.jsonl", "json.records = '/data'", &[other]);
    check_errors_of("o", "json.records = '/data'", &[]);
}

#[test]
fn newer_by_requires_upsert() {
    let upsert = "write = 'upsert'\nkey = ['order_id']\ncolumns.updated_at = 'timestamptz'\n";
    let dataset = orders(&format!("{upsert}newer_by = 'updated_at'"));
    assert_eq!(dataset.newer_by.unwrap().as_str(), "updated_at");
    assert_eq!(orders(upsert).newer_by, None);

    check_errors("newer_by = 'order_id'", &["5: newer_by: `newer_by` requires `write = \"upsert\"`"]);
    check_errors(
        "write = 'replace'\nnewer_by = 'order_id'",
        &["6: newer_by: `newer_by` requires `write = \"upsert\"`"],
    );
    check_errors(
        &format!("{upsert}newer_by = 'order_id'"),
        &["8: newer_by: `order_id` is a column of the key, so rows with one key have the same value"],
    );
    check_errors(
        &format!("{upsert}newer_by = 'update_at'"),
        &["8: newer_by: `update_at` is not a column of the dataset; did you mean `updated_at`?"],
    );
    check_errors(&format!("{upsert}newer_by = ['updated_at']"), &["8: newer_by: expected a string, found a list"]);
    // An error in `write` is reported once.
    check_errors(
        "write = 'upsrt'\nnewer_by = 'order_id'",
        &["5: write: `upsrt` is not one of append, replace, upsert; did you mean `upsert`?"],
    );
}

#[test]
fn upsert_appends_new_versions_by_default() {
    let upsert = "write = 'upsert'\nkey = ['order_id']\n";
    assert_eq!(orders(upsert).on_new_version, OnNewVersion::Append);
    assert_eq!(orders(&format!("{upsert}on_new_version = 'replace'")).on_new_version, OnNewVersion::Replace);
    assert_eq!(orders("write = 'replace'").on_new_version, OnNewVersion::Replace);
    assert_eq!(orders("").on_new_version, OnNewVersion::Replace);
}

#[test]
fn allow_empty_requires_replace() {
    assert!(orders("write = 'replace'\nallow_empty = true").allow_empty);
    assert!(!orders("write = 'replace'\nallow_empty = false").allow_empty);
    assert!(!orders("write = 'replace'").allow_empty);
    check_errors("allow_empty = true", &["5: allow_empty: `allow_empty` requires `write = \"replace\"`"]);
    check_errors(
        "write = 'upsert'\nkey = ['order_id']\nallow_empty = true",
        &["7: allow_empty: `allow_empty` requires `write = \"replace\"`"],
    );
    check_errors(
        "write = 'replace'\nallow_empty = 'yes'",
        &["6: allow_empty: expected true or false, found the string \"yes\""],
    );
}

#[test]
fn renamed_from_is_an_unused_name() {
    assert_eq!(orders("renamed_from = 'things'").renamed_from.as_deref(), Some("things"));
    assert_eq!(orders("").renamed_from, None);
    check_errors(
        "renamed_from = 'Things'",
        &[
            "5: renamed_from: `Things` is not a valid name; expected 1 to 63 characters of a-z, 0-9, `_` and `-`, with a \
           letter first",
        ],
    );
    check_errors("renamed_from = 'orders'", &["5: renamed_from: `orders` is the name of a dataset in this definition"]);
    let other = "[datasets.reviews]\nsource = 'r.csv'\ntable = 'r'\n";
    check_errors(
        &format!("renamed_from = 'reviews'\n{other}"),
        &["5: renamed_from: `reviews` is the name of a dataset in this definition"],
    );
    let found = errors(&format!("{ORDERS}renamed_from = 'things'\n{other}renamed_from = 'things'"));
    assert_eq!(found, [":9: datasets.reviews.renamed_from: two datasets have the earlier name `things`"]);
}

#[test]
fn rejects_ratio_has_a_default() {
    assert_eq!(orders("").rejects.max_ratio, Some(0.1));
    assert_eq!(orders("rejects.max_rows = 5").rejects.max_ratio, Some(0.1));
    assert_eq!(orders("rejects.max_ratio = 1").rejects.max_ratio, Some(1.0));
}
