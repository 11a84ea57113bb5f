mod columns;
mod files;
mod options;
mod runs;

use std::time::Duration;

use crate::csv_options::CsvOptions;
use crate::dataset::{OnNewVersion, RejectLimits, StartsOn, WriteMode};
use crate::definition::Definition;
use crate::limits::{COLUMNS_MAX, DEFINITION_BYTES_MAX};
use crate::names::TableName;
use crate::options::{Encoding, Evolve, Extra};
use crate::run::{ExportFormat, ExportSource, Per, RunSettings, Transform, When};
use crate::types::ColumnType;

const FILE: &str = "pipelines/retail/pipeline.toml";

/// The complete example of the documentation.
const EXAMPLE: &str = r#"timezone = "UTC"

[run]
when     = "all"
per      = "day"
deadline = "6h"
again    = "skip"

[datasets.orders]
source   = "raw_data/retail/{date:%Y-%m-%d}/orders.csv"
table    = "staging.orders"
write    = "append"
key      = ["order_id"]
on_new_version = "replace"
null_values    = ["", "1000-01-01"]
columns.order_id    = "integer not null"
columns.order_date  = "date"
columns.total_price = { type = "numeric(10,2)", from = "amount" }
rejects.max_ratio   = 0.01

[datasets.pump_flow]
trigger = "triggers/pump_flow/{status}_{scheduled:%Y-%m-%d_%H:%M:%S}_{actual:%Y-%m-%d_%H:%M:%S}.trig"
source  = "raw_data/pump_flow/{scheduled:%Y/%m/%d}/pump_flow-{scheduled:%Y-%m-%d-%H:%M:%S}.json"
wait    = "10m"
table   = "staging.pump_flow"

[[transforms]]
sql = "agg_shipments.sql"

[[exports]]
table = "analytics.agg_shipments"
to    = "analytics_export/{run_date:%Y-%m-%d}/agg_shipments.csv"

[notify]
success = true
"#;

/// A valid dataset to which tests add keys. Line 5 is the next line of `[datasets.orders]`.
const ORDERS: &str = r#"[datasets.orders]
source = "raw/{date:%Y-%m-%d}/orders.csv"
table = "staging.orders"
columns.order_id = "integer not null"
"#;

fn errors(text: &str) -> Vec<String> {
    match Definition::parse("retail", FILE, text) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.to_string().lines().map(|line| line.replacen(FILE, "", 1)).collect(),
    }
}

/// The example without its invalid line.
fn example() -> Definition {
    let text = EXAMPLE.replace("key      = [\"order_id\"]\n", "").replace("wait    = \"10m\"", "wait = \"90s\"");
    Definition::parse("retail", FILE, &text).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn example_parses_completely() {
    let definition = example();
    assert_eq!((definition.pipeline.as_str(), definition.timezone.name()), ("retail", "UTC"));
    assert!(definition.notify_success);
    assert_eq!(definition.datasets.iter().map(|d| d.name.as_str()).collect::<Vec<_>>(), ["orders", "pump_flow"]);

    let orders = definition.dataset("orders").unwrap();
    assert_eq!(orders.starts_on, StartsOn::Source);
    assert_eq!(orders.source.to_string(), "raw_data/retail/{date:%Y-%m-%d}/orders.csv");
    assert_eq!(orders.table.quoted(), r#""staging"."orders""#);
    assert_eq!((&orders.write, orders.on_new_version), (&WriteMode::Append, OnNewVersion::Replace));
    assert_eq!(orders.null_values, ["", "1000-01-01"]);
    assert_eq!(orders.rejects, RejectLimits { max_rows: None, max_ratio: Some(0.01) });
    let columns: Vec<_> =
        orders.columns.iter().map(|c| (c.name.as_str(), c.header.as_str(), c.kind.sql(), c.not_null)).collect();
    assert_eq!(
        columns,
        [
            ("order_id", "order_id", "integer".to_owned(), true),
            ("order_date", "order_date", "date".to_owned(), false),
            ("total_price", "amount", "numeric(10,2)".to_owned(), false),
        ]
    );

    let StartsOn::Trigger { trigger, wait } = &definition.dataset("pump_flow").unwrap().starts_on else { panic!() };
    assert!(trigger.to_string().starts_with("triggers/pump_flow/{status}_"));
    assert_eq!(*wait, Duration::from_secs(90));
    assert!(definition.dataset("pump_flow").unwrap().infers_columns());

    assert!(definition.has_runs());
    let day = RunSettings {
        when: When::All,
        per: Per::Day,
        deadline: Some(Duration::from_secs(21_600)),
        ..RunSettings::default()
    };
    assert_eq!(definition.run, day);
    assert_eq!(definition.transforms, [Transform { sql: "agg_shipments.sql".to_owned() }]);
    let [export] = definition.exports.as_slice() else { panic!("{:?}", definition.exports) };
    assert_eq!(export.source, ExportSource::Table(TableName::parse("analytics.agg_shipments").unwrap()));
    assert_eq!(export.format, ExportFormat::Csv);
    let key = export.key(definition.local("2024-05-01T23:59:59Z".parse().unwrap()), 42);
    assert_eq!(key.as_deref(), Ok("analytics_export/2024-05-01/agg_shipments.csv"));
}

#[test]
fn omitted_keys_have_their_defaults() {
    let definition = Definition::parse("retail", FILE, ORDERS).unwrap();
    assert_eq!((definition.timezone.name(), definition.notify_success), ("UTC", true));
    let orders = definition.dataset("orders").unwrap();
    assert_eq!((&orders.write, orders.on_new_version), (&WriteMode::Append, OnNewVersion::Replace));
    assert_eq!(orders.null_values, [""]);
    assert_eq!(
        (orders.rejects, &orders.rejects_export),
        (RejectLimits { max_rows: None, max_ratio: Some(0.1) }, &None)
    );
    assert_eq!((orders.extra, orders.evolve, orders.encoding), (Extra::Reject, Evolve::Fail, Encoding::Utf8));
    assert_eq!(orders.csv, CsvOptions::default());
    assert_eq!(orders.csv.quote, Some(b'"'));
    assert!(!orders.infers_columns());
    assert_eq!(definition.dataset("none"), None);
    assert_eq!((definition.has_runs(), &definition.run), (false, &RunSettings::default()));
    assert_eq!((definition.transforms.len(), definition.exports.len()), (0, 0));
    // `printf … | sha256sum`
    let hash = Definition::parse("p", FILE, "[datasets.x]\nsource='x'\ntable='x'\ncolumns.x='text'\n").unwrap().hash;
    assert_eq!(hash, HASH);
}

const HASH: &str = "fa78fb642e941be2f0e1c669f8d01b81bdf312b4804735dd1d1531f19a1fa6b8";

#[test]
fn columns_parse_in_every_syntax() {
    let check = |columns: &str| {
        let text = format!("[datasets.x]\nsource = 'x'\ntable = 'x'\n{columns}");
        let definition = Definition::parse("p", FILE, &text).unwrap_or_else(|errors| panic!("{errors}"));
        let columns: Vec<_> = definition.datasets[0]
            .columns
            .iter()
            .map(|c| {
                (
                    c.name.as_str().to_owned(),
                    c.header.clone(),
                    c.kind,
                    c.not_null,
                    c.values.formats.first().map(|it| it.as_str().to_owned()),
                )
            })
            .collect();
        let day = ("zday".to_owned(), "Day of order".to_owned(), ColumnType::Date, true, Some("%d/%m/%Y".to_owned()));
        let id = ("an id".to_owned(), "an id".to_owned(), ColumnType::Integer, false, None);
        assert_eq!(columns, [day, id], "{text}");
    };
    check(
        "columns.zday = { type = 'date not null', from = 'Day of order', format = '%d/%m/%Y' }\ncolumns.'an id' = 'INT'",
    );
    check(
        "columns = { zday = { type = 'date not null', from = 'Day of order', format = '%d/%m/%Y' }, 'an id' = 'int' }",
    );
    check(
        "[datasets.x.columns]\nzday.type = 'Date  NOT NULL'\nzday.from = 'Day of order'\nzday.format = '%d/%m/%Y'\n\
         \"an id\" = 'int4'",
    );
    check(
        "[datasets.x.columns.zday]\ntype = 'date not null'\nfrom = 'Day of order'\nformat = '%d/%m/%Y'\n\
         [datasets.x.columns.'an id']\ntype = 'int'",
    );
}

#[test]
fn errors_name_line_and_key() {
    let check = |text: &str, expected: &[&str]| assert_eq!(errors(text), expected, "{text}");
    let added = |line: &str| format!("{ORDERS}{line}\n");
    let check_added = |line: &str, expected: &str| check(&added(line), &[expected]);

    check("", &[":1: datasets: a pipeline requires at least one dataset, for example [datasets.orders]"]);
    check(
        "\n\n[datasets]\n",
        &[":3: datasets: a pipeline requires at least one dataset, for example [datasets.orders]"],
    );
    check("datasets = 1", &[":1: datasets: expected a table, found 1"]);
    check(
        "[datasets.orders]\ncolumns.a = 'text'",
        &[":1: datasets.orders.source: `source` is required", ":1: datasets.orders.table: `table` is required"],
    );
    check(
        "[datasets.Orders]\nsource = 'a'\ntable = 'b'\ncolumns.a = 'text'",
        &[
            ":1: datasets.Orders: the dataset's name: `Orders` is not a valid name; expected 1 to 63 characters of a-z, 0-9, \
             `_` and `-`, with a letter first",
        ],
    );
    check(
        &format!("timezone = 'Europe/Berln'\n[notify]\nsucess = true\n{ORDERS}"),
        &[
            ":1: timezone: `Europe/Berln` is not an IANA time zone; did you mean `Europe/Berlin`?",
            ":3: notify.sucess: unknown key `sucess`; did you mean `success`?",
        ],
    );
    check(&format!("dataset = 1\n{ORDERS}"), &[":1: dataset: unknown key `dataset`; did you mean `datasets`?"]);
    check(&format!("transform = 1\n{ORDERS}"), &[":1: transform: unknown key `transform`; did you mean `transforms`?"]);
    check_added("colums.a = 'text'", ":5: datasets.orders.colums: unknown key `colums`; did you mean `columns`?");
    check_added(
        "frobnicate = 1",
        ":5: datasets.orders.frobnicate: unknown key `frobnicate`; expected one of source, trigger, wait, logical_time, format, compression, encoding, csv, header, json, null_values, columns, extra, evolve, table, write, key, newer_by, on_new_version, allow_empty, rejects, renamed_from",
    );
    check_added(
        "write = 'apend'",
        ":5: datasets.orders.write: `apend` is not one of append, replace, upsert; did you mean `append`?",
    );
    check_added(
        "on_new_version = 'keep'",
        ":5: datasets.orders.on_new_version: `keep` is not one of replace, append, ignore",
    );
    check_added(
        "null_values = ''",
        ":5: datasets.orders.null_values: expected a list of strings, found the string \"\"",
    );
    check_added(
        "null_values = [\n  '',\n  0,\n]",
        ":7: datasets.orders.null_values: expected a list of strings, found 0 in the list",
    );
    check_added(
        "rejects.max_ratio = 1.5",
        ":5: datasets.orders.rejects.max_ratio: expected a number from 0 to 1, found 1.5",
    );
    check_added(
        "rejects.max_ratio = nan",
        ":5: datasets.orders.rejects.max_ratio: expected a number from 0 to 1, found nan",
    );
    check_added(
        "rejects.max_rows = -1",
        ":5: datasets.orders.rejects.max_rows: expected a whole number from 0, found -1",
    );
    check_added(
        "rejects.rows = 1",
        ":5: datasets.orders.rejects.rows: unknown key `rows`; expected one of max_ratio, max_rows, export",
    );
    check_added("columns.x = 'json'", ":5: datasets.orders.columns.x: `json` is not supported; use jsonb");
    check_added("columns.x = 1", ":5: datasets.orders.columns.x: expected a string, found 1");
    check_added(
        "columns.\"a b\" = 'txt'",
        ":5: datasets.orders.columns.\"a b\": unknown type `txt`; did you mean `text`?",
    );
    check_added("columns.x = {}", ":5: datasets.orders.columns.x.type: `type` is required");
    check_added(
        "columns.x = { type = 'text', format = '%Y' }",
        ":5: datasets.orders.columns.x.format: `format` applies to date, time, timestamp and timestamptz, not to text",
    );
    check(
        &added("[datasets.orders.columns.x]\ntype = 'date'\nform = 'x'\nformat = '%d/%m'"),
        &[
            ":7: datasets.orders.columns.x.form: unknown key `form`; did you mean `from`?",
            ":8: datasets.orders.columns.x.format: `%d/%m` must describe a complete date (year, month, day) and \
             nothing else",
        ],
    );
    check_added(
        "columns.x = { type = 'text', not_null = true }",
        ":5: datasets.orders.columns.x.not_null: unknown key `not_null`; write it in the type, for example \"date not null\"",
    );
    check_added(
        "columns._load_id = 'bigint'",
        ":5: datasets.orders.columns._load_id: `_load_id` is reserved: names that begin with `_load_` belong to Penstock",
    );
    check_added(
        "columns.ctid = 'text'",
        ":5: datasets.orders.columns.ctid: `ctid` is the name of a PostgreSQL system column",
    );
    check_added(
        "columns.x = { type = 'text', from = 'order_id' }",
        ":4: datasets.orders.columns: two columns have the header `order_id`",
    );
    check_added("wait = '10m'", ":5: datasets.orders.wait: `wait` requires `trigger`");
    check(
        &added("trigger = '{date:%F}.trig'\nwait = '25h'"),
        &[
            ":5: datasets.orders.trigger: the trigger has no status; expected the placeholder {status}, or a name that ends \
             with `_SUCCESS` or `.SUCCESS`",
            ":6: datasets.orders.wait: expected a duration from 0s to 24h, for example 30s, 10m or 2h; found `25h`",
        ],
    );
    check_added(
        "trigger = '{status}.trig'",
        ":2: datasets.orders.source: cannot build the source's key from the trigger: `{date:%Y-%m-%d}` is not a time of the \
         trigger",
    );
    check(
        &ORDERS.replace("{date:%Y-%m-%d}", "{date}").replace("staging.orders", "penstock.load"),
        &[
            ":2: datasets.orders.source: `{date}` requires a format, for example {date:%Y-%m-%d}",
            ":3: datasets.orders.table: schema `penstock` is reserved; expected another schema",
        ],
    );
}

#[test]
fn syntax_errors_name_their_line() {
    let check = |text: &str, line: usize, part: &str| {
        let found = errors(text);
        assert!(
            found[0].starts_with(&format!(":{line}: invalid TOML: ")) && found[0].contains(part),
            "{text}: {found:?}"
        );
    };
    check("a = 1\nb = \n", 2, "");
    check("a = 1\na = 2\n", 2, "duplicate key `a`");
    check("\n\n[datasets\n", 3, "");
    check("x = \"never closed\n", 1, "");
    check(&format!("{ORDERS}columns.order_id = 'text'"), 5, "duplicate key `order_id`");
}

#[test]
fn size_limits_hold_at_their_edge() {
    let padded = |bytes: usize| format!("{ORDERS}#{}", "x".repeat(bytes - ORDERS.len() - 1));
    assert_eq!(errors(&padded(DEFINITION_BYTES_MAX)), [""; 0]);
    assert_eq!(
        errors(&padded(DEFINITION_BYTES_MAX + 1)),
        [":1: the file has 131073 bytes; a definition has at most 131072"]
    );
    let columns = |count: usize| {
        let columns: String = (1..count).map(|index| format!("columns.c{index} = 'text'\n")).collect();
        format!("{ORDERS}{columns}")
    };
    assert_eq!(errors(&columns(COLUMNS_MAX)), [""; 0]);
    assert_eq!(
        errors(&columns(COLUMNS_MAX + 1)),
        [":4: datasets.orders.columns: expected 1 to 1500 columns, found 1501"]
    );
    let found = Definition::parse("Retail", FILE, ORDERS).unwrap_err();
    assert!(
        found.to_string().contains(":1: the name of the pipeline's folder: `Retail` is not a valid name"),
        "{found}"
    );
}

#[test]
fn user_input_is_escaped_in_errors() {
    let text = format!("{ORDERS}\"a\\nb\\u001b\" = 1\non_new_version = '{}'", "x".repeat(1000));
    let found = errors(&text);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("unknown key `a\\nb\\u{1b}`"), "{found:?}");
    assert!(found[1].len() < 600 && found[1].ends_with('…'), "{found:?}");
}
