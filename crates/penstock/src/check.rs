//! `penstock check`: are the definitions right, and if not, where.

use std::path::Path;

use pipeline::Definition;
use serde::Serialize;

use crate::local::{Checked, Problem};
use crate::{Result, table};

#[derive(Debug, Serialize)]
struct Report {
    pipelines: Vec<Pipeline>,
    errors: Vec<Problem>,
}

#[derive(Debug, Serialize)]
struct Pipeline {
    name: String,
    datasets: Vec<String>,
}

/// Prints what is wrong with the definitions at `path`, or what they are. False when one of them is wrong.
pub(crate) fn check(path: &Path, json: bool) -> Result<bool> {
    let report = Report::of(Checked::read(path)?);
    if json {
        table::print_json(&report)?;
    } else {
        report.lines().iter().for_each(|line| table::say(line));
    }
    Ok(report.errors.is_empty())
}

impl Report {
    fn of(checked: Checked) -> Self {
        Self { pipelines: checked.definitions.iter().map(Pipeline::of).collect(), errors: checked.problems }
    }

    fn lines(&self) -> Vec<String> {
        if self.errors.is_empty() {
            let line = |pipeline: &Pipeline| format!("{}: {}", pipeline.name, pipeline.datasets.join(", "));
            self.pipelines.iter().map(line).collect()
        } else {
            self.errors.iter().map(Problem::to_string).collect()
        }
    }
}

impl Pipeline {
    fn of(definition: &Definition) -> Self {
        let datasets = definition.datasets.iter().map(|dataset| dataset.name.clone());
        Self { name: definition.pipeline.clone(), datasets: datasets.collect() }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const ORDERS: &str =
        "[datasets.orders]\nsource = \"raw/orders.csv\"\ntable = \"orders\"\ncolumns.id = \"integer\"\n";

    fn lines(path: &Path) -> Vec<String> {
        Report::of(Checked::read(path).unwrap()).lines()
    }

    #[test]
    fn broken_definitions_are_named_each_with_its_place() {
        let check = |text: &str, expected: &[&str]| {
            let folder = tempfile::tempdir().unwrap();
            let pipeline = folder.path().join("retail");
            fs::create_dir(&pipeline).unwrap();
            let file = pipeline.join("pipeline.toml");
            fs::write(&file, text).unwrap();
            let place = file.display().to_string();
            let expected: Vec<String> = expected.iter().map(|line| line.replacen("FILE", &place, 1)).collect();
            for path in [folder.path(), &pipeline, &file] {
                assert_eq!(lines(path), expected, "{} of {text}", path.display());
            }
        };
        check("", &["FILE:1: datasets: a pipeline has at least one dataset, as [datasets.orders]"]);
        check("[datasets.orders\n", &["FILE:1: not TOML: unclosed table, expected `]`"]);
        check(&ORDERS.replace("table = \"orders\"\n", ""), &["FILE:1: datasets.orders.table: `table` is missing"]);
        check(
            &ORDERS.replace("integer", "integr"),
            &["FILE:4: datasets.orders.columns.id: unknown type `integr`; did you mean `integer`?"],
        );
        check(
            &ORDERS.replace("orders.csv", "{date}.csv"),
            &["FILE:2: datasets.orders.source: `{date}` needs a format, as {date:%Y-%m-%d}"],
        );
        check(
            &format!("timezone = \"Europe/Berlim\"\n{ORDERS}write = \"upsert\"\n"),
            &[
                "FILE:1: timezone: `Europe/Berlim` is not an IANA time zone; did you mean `Europe/Berlin`?",
                "FILE:6: datasets.orders.write: \"upsert\" needs to know by what a row is known, as key = [\"order_id\"]",
            ],
        );
    }

    #[test]
    fn every_pipeline_is_checked_and_clashes_are_found_when_each_is_right() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().display().to_string();
        let write = |pipeline: &str, text: &[u8]| {
            fs::create_dir_all(folder.path().join(pipeline)).unwrap();
            fs::write(folder.path().join(pipeline).join("pipeline.toml"), text).unwrap();
        };
        let check = |expected: &[&str]| {
            let expected: Vec<String> = expected.iter().map(|line| line.replacen("DIR", &place, 1)).collect();
            assert_eq!(lines(folder.path()), expected);
        };
        write("a", ORDERS.as_bytes());
        write("b", ORDERS.replace("raw/", "other/").as_bytes());
        check(&["a: orders", "b: orders"]);
        write("b", ORDERS.as_bytes());
        check(&["DIR: a/orders and b/orders both start on \"raw/orders.csv\""]);
        write("b", b"\xff");
        fs::create_dir(folder.path().join("c")).unwrap();
        check(&[
            "DIR/b/pipeline.toml: cannot read it: stream did not contain valid UTF-8",
            "DIR/c: every folder here is a pipeline, and this one has no pipeline.toml",
        ]);
    }

    #[test]
    fn json_names_what_is_right_beside_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        for (pipeline, text) in [("good", ORDERS), ("bad", "x = 1")] {
            fs::create_dir(folder.path().join(pipeline)).unwrap();
            fs::write(folder.path().join(pipeline).join("pipeline.toml"), text).unwrap();
        }
        let report = serde_json::to_value(Report::of(Checked::read(folder.path()).unwrap())).unwrap();
        assert_eq!(report["pipelines"], serde_json::json!([{"name": "good", "datasets": ["orders"]}]));
        assert_eq!(report["errors"][0]["line"], 1);
        assert_eq!(report["errors"][0]["file"], folder.path().join("bad/pipeline.toml").display().to_string());
    }

    #[test]
    fn a_path_that_is_not_there_is_an_error() {
        assert!(Checked::read(Path::new("/nowhere/pipelines")).is_err());
    }
}
