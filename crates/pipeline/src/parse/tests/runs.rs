//! `[run]`, `[[transforms]]`, `[[exports]]`.

use std::time::Duration;

use super::{FILE, ORDERS, errors};
use crate::definition::Definition;
use crate::run::{Again, Per, RunSettings, When};

fn parse(text: &str) -> Definition {
    Definition::parse("retail", FILE, text).unwrap_or_else(|errors| panic!("{text}\n{errors}"))
}

/// Checks the errors of `lines`, which begin on line 5 after a valid dataset.
fn check_errors(lines: &str, expected: &[&str]) {
    let found = errors(&format!("{ORDERS}{lines}\n"));
    let found: Vec<&str> = found.iter().map(|error| error.trim_start_matches(':')).collect();
    assert_eq!(found, expected, "{lines}");
}

#[test]
fn run_settings_parse() {
    let check = |lines: &str, expected: RunSettings| {
        let definition = parse(&format!("{ORDERS}[run]\n{lines}"));
        assert_eq!((definition.run.clone(), definition.has_runs()), (expected, true), "{lines}");
    };
    let run = RunSettings::default();
    check("", run.clone());
    check("when = 'each'\nper = 'file'", run.clone());
    check(
        "when = 'any'\nper = 'hour'\nagain = 'rerun'",
        RunSettings { when: When::Any, per: Per::Hour, again: Again::Rerun, ..run.clone() },
    );
    let deadline = Some(Duration::from_secs(31 * 86_400));
    check(
        "when = 'all'\nper = 'month'\ndeadline = '31d'",
        RunSettings { when: When::All, per: Per::Month, deadline, ..run.clone() },
    );
    check(
        "after = 'water'\nafter_failure = 'retail-2'",
        RunSettings { after: Some("water".to_owned()), after_failure: Some("retail-2".to_owned()), ..run },
    );
}

#[test]
fn contradicting_run_settings_are_errors() {
    check_errors("[run]\nwen = 'all'", &["6: run.wen: unknown key `wen`; did you mean `when`?"]);
    check_errors(
        "[run]\nwhen = 'al'\ndeadline = '1h'\nagain = 'skip'",
        &["6: run.when: `al` is not one of each, any, all; did you mean `all`?"],
    );
    check_errors("[run]\nper = 'week'", &["6: run.per: `week` is not one of file, hour, day, month"]);
    check_errors("[run]\nwhen = 'any'\nagain = true", &["7: run.again: expected a string, found true"]);
    let deadline = "expected a duration from 1s to 31d, for example 30m, 6h or 2d; found";
    check_errors("[run]\nwhen = 'all'\ndeadline = '6 h'", &[&format!("7: run.deadline: {deadline} `6 h`")]);
    check_errors("[run]\nwhen = 'all'\ndeadline = '0s'", &[&format!("7: run.deadline: {deadline} `0s`")]);
    check_errors("[run]\nwhen = 'all'\ndeadline = '32d'", &[&format!("7: run.deadline: {deadline} `32d`")]);
    let alone = "`deadline` requires `when = \"all\"`";
    check_errors("[run]\ndeadline = '6h'", &[&format!("6: run.deadline: {alone}")]);
    check_errors("[run]\ndeadline = '6h'\nwhen = 'any'", &[&format!("6: run.deadline: {alone}")]);
    check_errors("[run]\nagain = 'skip'", &["6: run.again: `again` requires `when = \"all\"` or `when = \"any\"`"]);
    let loads = "does not apply to runs that follow another pipeline";
    check_errors(
        "[run]\nwhen = 'all'\nper = 'day'\nafter = 'water'\ndeadline = '1h'\nagain = 'skip'",
        &[
            &format!("6: run.when: `when` {loads}"),
            &format!("7: run.per: `per` {loads}"),
            &format!("9: run.deadline: `deadline` {loads}"),
            &format!("10: run.again: `again` {loads}"),
        ],
    );
    check_errors(
        "[run]\nafter = 'Water'",
        &[
            "6: run.after: `Water` is not a valid name; expected 1 to 63 characters of a-z, 0-9, `_` and `-`, with a letter first",
        ],
    );
    check_errors(
        "run = 'all'",
        &[
            "5: datasets.orders.run: unknown key `run`; expected one of source, trigger, wait, logical_time, format, compression, encoding, csv, header, json, null_values, columns, extra, evolve, table, write, key, newer_by, on_new_version, allow_empty, rejects, renamed_from",
        ],
    );
    assert_eq!(errors(&format!("run = 'all'\n{ORDERS}")), [":1: run: expected a table, found the string \"all\""]);
}

#[test]
fn incompletable_run_is_an_error() {
    let clicks = "[datasets.clicks]\nsource = '{batch}.csv'\ntable = 'clicks'\n";
    let run = |per: &str| format!("{clicks}[run]\nwhen = 'all'\nper = '{per}'");
    check_errors(
        &run("file"),
        &["5: datasets.clicks: the keys have no logical time, which `when = \"all\"` with \
             `per = \"file\"` requires; add a time to the keys, for example {date:%Y-%m-%d}, or use a longer period, for example `per = \"day\"`"],
    );
    check_errors(&run("day"), &[]);
    check_errors(&clicks.replace("{batch}", "{scheduled:%F}"), &[]);
    assert_eq!(errors(&format!("{clicks}[run]\nwhen = 'all'")), [""; 0]);
}

#[test]
fn following_pipeline_needs_no_dataset() {
    assert!(parse("[run]\nafter = 'water'\n[[transforms]]\nsql = 'a.sql'").datasets.is_empty());
    assert!(parse("datasets = {}\n[run]\nafter_failure = 'water'").run.follows());
    assert_eq!(
        errors("[run]\nwhen = 'all'"),
        [":1: datasets: a pipeline requires at least one dataset, for example [datasets.orders]"]
    );
}

#[test]
fn transforms_are_sql_files_of_the_folder() {
    let definition = parse(&format!("{ORDERS}[[transforms]]\nsql = 'b.sql'\n[[transforms]]\nsql = 'a 1.sql'"));
    assert_eq!(definition.transforms.iter().map(|t| t.sql.as_str()).collect::<Vec<_>>(), ["b.sql", "a 1.sql"]);
    assert!(definition.has_runs());
    assert!(parse(&format!("transforms = [{{ sql = 'a.sql' }}]\n{ORDERS}")).has_runs());

    check_errors(
        "[[transforms]]\nsql = 'a.sql'\n\n[[transforms]]\nsgl = 'b.sql'",
        &["8: transforms[2].sql: `sql` is required", "9: transforms[2].sgl: unknown key `sgl`; did you mean `sql`?"],
    );
    check_errors(
        "[[transforms]]\nsql = 'a.sql'\n[[transforms]]\nsql = 'a.sql'",
        &["8: transforms[2].sql: `a.sql` is listed twice; a run executes each file once"],
    );
    let folder = "is not a file name in the pipeline's folder";
    for name in ["sql/a.sql", "../a.sql", "a\\b.sql", ".sql", ".a.sql"] {
        check_errors(
            &format!("[[transforms]]\nsql = '{name}'"),
            &[&format!("6: transforms[1].sql: `{name}` {folder}")],
        );
    }
    check_errors(
        "[[transforms]]\nsql = 'a.txt'",
        &["6: transforms[1].sql: `a.txt` is not an SQL file; expected a name that ends with .sql"],
    );
    check_errors("[[transforms]]\nsql = ['a.sql']", &["6: transforms[1].sql: expected a string, found a list"]);
    check_errors(
        "[transforms]\nsql = 'a.sql'",
        &["5: transforms: expected a list of tables, each as [[transforms]], found a table"],
    );
    assert_eq!(
        errors(&format!("transforms = [{{ sql = 'a.sql' }}, 'b.sql']\n{ORDERS}")),
        [":1: transforms: expected a list of tables, each as [[transforms]], found the string \"b.sql\" in the list"]
    );
}

#[test]
fn export_keys_have_the_run_date() {
    let check = |zone: &str, to: &str, at: &str, expected: &str| {
        let definition = parse(&format!("timezone = '{zone}'\n{ORDERS}[[exports]]\ntable = 'x'\nto = '{to}'"));
        let key = definition.exports[0].key(definition.local(at.parse().unwrap()), 42);
        assert_eq!(key.as_deref(), Ok(expected), "{zone} {to} {at}");
    };
    check("UTC", "out/{run_date}/{run_id}.csv", "2024-05-01T09:15:00Z", "out/2024-05-01/42.csv");
    check("UTC", "{run_date:%Y/%m/%d_%H:%M}.parquet", "2024-05-01T09:15:00Z", "2024/05/01_09:15.parquet");
    check("Europe/Berlin", "{run_date}.csv", "2024-04-30T22:00:00Z", "2024-05-01.csv");
    check("Europe/Berlin", "{run_date:%F_%H}.csv", "2024-04-30T22:00:00Z", "2024-05-01_00.csv");
    check("UTC", "{run_date}/{run_date:%H}.csv", "2024-04-30T22:00:00Z", "2024-04-30/22.csv");
    check("UTC", "always.csv", "2024-04-30T22:00:00Z", "always.csv");
}

#[test]
fn invalid_exports_are_errors() {
    let check = |lines: &str, expected: &[&str]| check_errors(&format!("[[exports]]\n{lines}"), expected);
    check("to = 'a.csv'", &["5: exports[1].table: an export requires `table` or `query`"]);
    check(
        "to = 'a.csv'\ntable = 'a'\nquery = 'select 1'",
        &["8: exports[1].query: an export has either `table` or `query`, not both"],
    );
    check("table = 'a'", &["5: exports[1].to: `to` is required"]);
    check(
        "tabel = 'a'\nto = 'a.csv'",
        &[
            "5: exports[1].table: an export requires `table` or `query`",
            "6: exports[1].tabel: unknown key `tabel`; did you mean `table`?",
        ],
    );
    check(
        "table = 'penstock.load'\nto = 'a.csv'",
        &["6: exports[1].table: schema `penstock` is reserved; expected another schema"],
    );
    check(
        "query = 'select 1; select 2'\nto = 'a.csv'",
        &["6: exports[1].query: a query must be one statement, found 2"],
    );
    check(
        "query = 'select :run_dat'\nto = 'a.csv'",
        &["6: exports[1].query: unknown parameter `:run_dat`; did you mean `:run_date`?"],
    );
    check(
        "query = 'drop table x'\nto = 'a.csv'",
        &["6: exports[1].query: a query must begin with select, with, values or table"],
    );

    let check_to = |to: &str, expected: &str| {
        check(&format!("table = 'a'\nto = '{to}'"), &[&format!("7: exports[1].to: {expected}")]);
    };
    check_to("s3://other/a.csv", "expected a key of the curated bucket, without s3://");
    check_to("a.csv.gz", "exports are not compressed; expected a key that ends with .csv or .parquet");
    check_to("a.CSV", "expected a key that ends with .csv or .parquet");
    check_to("a", "expected a key that ends with .csv or .parquet");
    check_to("*.csv", "a key cannot be built from a template with `*`");
    check_to("{run_dat}.csv", "unknown placeholder `{run_dat}`; did you mean `run_date`?");
    check_to("{run_dat:%F}.csv", "unknown placeholder `{run_dat}`; did you mean `run_date`?");
    check_to("{date}.csv", "unknown placeholder `{date}`; expected {run_date} or {run_id}");
    check_to("{date:%F}.csv", "unknown placeholder `{date}`; expected {run_date} or {run_id}");
    check_to("{run_id:%Y}.csv", "`{run_id}` is a number and has no format");
    check_to("{run_date:%d}.csv", "`{run_date}` has a time without a year (%Y)");
    check_to("{run_date.csv", "unclosed `{` at byte 0");
}

#[test]
fn exports_with_one_key_are_errors() {
    let check = |first: &str, second: &str, shared: Option<&str>| {
        let lines = format!("[[exports]]\ntable = 'a'\nto = '{first}'\n[[exports]]\ntable = 'b'\nto = '{second}'");
        let error =
            shared.map(|key| format!("10: exports[2].to: another export writes the same key, for example {key:?}"));
        check_errors(&lines, &error.iter().map(String::as_str).collect::<Vec<_>>());
    };
    check("a.csv", "b.csv", None);
    check("a.csv", "a.csv", Some("a.csv"));
    check("{run_date}/a.csv", "{run_date:%Y-%m-%d}/a.csv", Some("2024-02-29/a.csv"));
    check("{run_date:%Y%m%d}.csv", "{run_date:%d%m%Y}.csv", Some("10101010.csv"));
    check("{run_date}.csv", "{run_id}.csv", None);
    check("{run_id}.csv", "{run_id}.parquet", None);
}
