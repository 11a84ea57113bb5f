//! `[run]`, `[[transforms]]`, `[[exports]]`.

use std::time::Duration;

use super::{FILE, ORDERS, errors};
use crate::definition::Definition;
use crate::run::{Again, Per, RunSettings, When};

fn parse(text: &str) -> Definition {
    Definition::parse("retail", FILE, text).unwrap_or_else(|errors| panic!("{text}\n{errors}"))
}

/// `lines` begin on line 5, after a dataset with nothing wrong.
fn check_errors(lines: &str, expected: &[&str]) {
    let found = errors(&format!("{ORDERS}{lines}\n"));
    let found: Vec<&str> = found.iter().map(|error| error.trim_start_matches(':')).collect();
    assert_eq!(found, expected, "{lines}");
}

#[test]
fn which_loads_make_a_run() {
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
fn runs_that_cannot_be() {
    check_errors("[run]\nwen = 'all'", &["6: run.wen: unknown key `wen`; did you mean `when`?"]);
    check_errors(
        "[run]\nwhen = 'al'\ndeadline = '1h'\nagain = 'skip'",
        &["6: run.when: `al` is none of each, any, all; did you mean `all`?"],
    );
    check_errors("[run]\nper = 'week'", &["6: run.per: `week` is none of file, hour, day, month"]);
    check_errors("[run]\nwhen = 'any'\nagain = true", &["7: run.again: must be a string, not true"]);
    let deadline = "is not a duration from 1s to 31d, as 30m, 6h or 2d";
    check_errors("[run]\nwhen = 'all'\ndeadline = '6 h'", &[&format!("7: run.deadline: `6 h` {deadline}")]);
    check_errors("[run]\nwhen = 'all'\ndeadline = '0s'", &[&format!("7: run.deadline: `0s` {deadline}")]);
    check_errors("[run]\nwhen = 'all'\ndeadline = '32d'", &[&format!("7: run.deadline: `32d` {deadline}")]);
    let alone = "a deadline is for when = \"all\": nothing else waits for a dataset";
    check_errors("[run]\ndeadline = '6h'", &[&format!("6: run.deadline: {alone}")]);
    check_errors("[run]\ndeadline = '6h'\nwhen = 'any'", &[&format!("6: run.deadline: {alone}")]);
    check_errors(
        "[run]\nagain = 'skip'",
        &["6: run.again: `again` is for when = \"all\" and \"any\": here every load is a run of its own"],
    );
    let loads = "is about loads, and these runs follow another pipeline's";
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
        &["6: run.after: `Water` must be 1 to 63 of a-z, 0-9, `_` and `-`, beginning with a letter"],
    );
    check_errors(
        "run = 'all'",
        &[
            "5: datasets.orders.run: unknown key `run`; known are source, trigger, wait, table, write, key, on_new_version, null_values, columns, extra, evolve, encoding, csv, rejects",
        ],
    );
    assert_eq!(errors(&format!("run = 'all'\n{ORDERS}")), [":1: run: must be a table, not the string \"all\""]);
}

#[test]
fn a_set_that_can_never_be_complete_is_refused() {
    let clicks = "[datasets.clicks]\nsource = '{batch}.csv'\ntable = 'clicks'\n";
    let run = |per: &str| format!("{clicks}[run]\nwhen = 'all'\nper = '{per}'");
    check_errors(
        &run("file"),
        &[
            "5: datasets.clicks: its keys tell no logical time ({date} or {scheduled}), and with when = \"all\" and per = \
         \"file\" the set is complete when all datasets have the same; say per = \"day\", or as it is",
        ],
    );
    check_errors(&run("day"), &[]);
    check_errors(&clicks.replace("{batch}", "{scheduled:%F}"), &[]);
    assert_eq!(errors(&format!("{clicks}[run]\nwhen = 'all'")), [""; 0]);
}

#[test]
fn a_pipeline_that_follows_another_needs_no_dataset() {
    assert!(parse("[run]\nafter = 'water'\n[[transforms]]\nsql = 'a.sql'").datasets.is_empty());
    assert!(parse("datasets = {}\n[run]\nafter_failure = 'water'").run.follows());
    assert_eq!(
        errors("[run]\nwhen = 'all'"),
        [":1: datasets: a pipeline has at least one dataset, as [datasets.orders]"]
    );
}

#[test]
fn transforms() {
    let definition = parse(&format!("{ORDERS}[[transforms]]\nsql = 'b.sql'\n[[transforms]]\nsql = 'a 1.sql'"));
    assert_eq!(definition.transforms.iter().map(|t| t.sql.as_str()).collect::<Vec<_>>(), ["b.sql", "a 1.sql"]);
    assert!(definition.has_runs());
    assert!(parse(&format!("transforms = [{{ sql = 'a.sql' }}]\n{ORDERS}")).has_runs());

    check_errors(
        "[[transforms]]\nsql = 'a.sql'\n\n[[transforms]]\nsgl = 'b.sql'",
        &["8: transforms[2].sql: `sql` is missing", "9: transforms[2].sgl: unknown key `sgl`; did you mean `sql`?"],
    );
    check_errors(
        "[[transforms]]\nsql = 'a.sql'\n[[transforms]]\nsql = 'a.sql'",
        &["8: transforms[2].sql: `a.sql` is a transform already, and each file is executed once"],
    );
    let folder = "is not the name of a file in the pipeline's folder";
    for name in ["sql/a.sql", "../a.sql", "a\\b.sql", ".sql", ".a.sql"] {
        check_errors(
            &format!("[[transforms]]\nsql = '{name}'"),
            &[&format!("6: transforms[1].sql: `{name}` {folder}")],
        );
    }
    check_errors(
        "[[transforms]]\nsql = 'a.txt'",
        &["6: transforms[1].sql: `a.txt` is no SQL file: its name ends in .sql"],
    );
    check_errors("[[transforms]]\nsql = ['a.sql']", &["6: transforms[1].sql: must be a string, not a list"]);
    check_errors(
        "[transforms]\nsql = 'a.sql'",
        &["5: transforms: must be a list of tables, each as [[transforms]], not a table"],
    );
    assert_eq!(
        errors(&format!("transforms = [{{ sql = 'a.sql' }}, 'b.sql']\n{ORDERS}")),
        [":1: transforms: must be a list of tables, each as [[transforms]], but one of them is the string \"b.sql\""]
    );
}

#[test]
fn keys_of_exports() {
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
fn exports_that_cannot_be() {
    let check = |lines: &str, expected: &[&str]| check_errors(&format!("[[exports]]\n{lines}"), expected);
    check("to = 'a.csv'", &["5: exports[1].table: an export is of a `table` or of a `query`"]);
    check(
        "to = 'a.csv'\ntable = 'a'\nquery = 'select 1'",
        &["8: exports[1].query: an export is of a `table` or of a `query`, not of both"],
    );
    check("table = 'a'", &["5: exports[1].to: `to` is missing"]);
    check(
        "tabel = 'a'\nto = 'a.csv'",
        &[
            "5: exports[1].table: an export is of a `table` or of a `query`",
            "6: exports[1].tabel: unknown key `tabel`; did you mean `table`?",
        ],
    );
    check("table = 'penstock.load'\nto = 'a.csv'", &["6: exports[1].table: schema `penstock` is not for data"]);
    check(
        "query = 'select 1; select 2'\nto = 'a.csv'",
        &["6: exports[1].query: a query is one statement, these are 2"],
    );
    check(
        "query = 'select :run_dat'\nto = 'a.csv'",
        &["6: exports[1].query: unknown parameter `:run_dat`; did you mean `:run_date`?"],
    );
    check(
        "query = 'drop table x'\nto = 'a.csv'",
        &["6: exports[1].query: a query begins with select, with, values or table"],
    );

    let check_to = |to: &str, expected: &str| {
        check(&format!("table = 'a'\nto = '{to}'"), &[&format!("7: exports[1].to: {expected}")]);
    };
    check_to("s3://other/a.csv", "exports go to the curated bucket; only the key is named here");
    check_to("a.csv.gz", "exports are not compressed; a key ends in .csv or .parquet");
    check_to("a.CSV", "an export's key ends in .csv or .parquet, which says how it is written");
    check_to("a", "an export's key ends in .csv or .parquet, which says how it is written");
    check_to("*.csv", "the key cannot be built: it has `*` in it");
    check_to("{run_dat}.csv", "unknown placeholder `{run_dat}`; did you mean `run_date`?");
    check_to("{run_dat:%F}.csv", "unknown placeholder `{run_dat}`; did you mean `run_date`?");
    check_to("{date}.csv", "unknown placeholder `{date}`; known are {run_date} and {run_id}");
    check_to("{date:%F}.csv", "unknown placeholder `{date}`; known are {run_date} and {run_id}");
    check_to("{run_id:%Y}.csv", "`{run_id}` is a number and takes no format");
    check_to("{run_date:%d}.csv", "`{run_date}` has a time without its year (%Y)");
    check_to("{run_date.csv", "`{` at byte 0 never closes");
}

#[test]
fn two_exports_have_two_keys() {
    let check = |first: &str, second: &str, shared: Option<&str>| {
        let lines = format!("[[exports]]\ntable = 'a'\nto = '{first}'\n[[exports]]\ntable = 'b'\nto = '{second}'");
        let error =
            shared.map(|key| format!("10: exports[2].to: another export is written to the same key, as {key:?}"));
        check_errors(&lines, &error.iter().map(String::as_str).collect::<Vec<_>>());
    };
    check("a.csv", "b.csv", None);
    check("a.csv", "a.csv", Some("a.csv"));
    check("{run_date}/a.csv", "{run_date:%Y-%m-%d}/a.csv", Some("2024-02-29/a.csv"));
    check("{run_date:%Y%m%d}.csv", "{run_date:%d%m%Y}.csv", Some("10101010.csv"));
    check("{run_date}.csv", "{run_id}.csv", None);
    check("{run_id}.csv", "{run_id}.parquet", None);
}
