//! `penstock check`: are the definitions right, and if not, where.

use std::path::Path;

use pipeline::Definition;
use serde::Serialize;

use crate::local::{Checked, Problem};
use crate::run_rule::{self, ExportRule, RunRule};
use crate::{Result, table};

#[derive(Debug, Serialize)]
struct Report {
    pipelines: Vec<Pipeline>,
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
}

#[derive(Debug, Serialize)]
struct Pipeline {
    name: String,
    datasets: Vec<String>,
    /// `None` when loads are all there is.
    run: Option<RunRule>,
    transforms: Vec<String>,
    exports: Vec<ExportRule>,
    #[serde(skip)]
    runs: Option<String>,
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
        let Checked { definitions, problems, warnings } = checked;
        Self { pipelines: definitions.iter().map(Pipeline::of).collect(), errors: problems, warnings }
    }

    fn lines(&self) -> Vec<String> {
        let warnings = self.warnings.iter().map(|warning| format!("warning: {warning}"));
        if self.errors.is_empty() {
            self.pipelines.iter().flat_map(Pipeline::lines).chain(warnings).collect()
        } else {
            self.errors.iter().map(Problem::to_string).chain(warnings).collect()
        }
    }
}

impl Pipeline {
    fn of(definition: &Definition) -> Self {
        Self {
            name: definition.pipeline.clone(),
            datasets: definition.datasets.iter().map(|dataset| dataset.name.clone()).collect(),
            run: RunRule::of(definition),
            transforms: definition.transforms.iter().map(|transform| transform.sql.clone()).collect(),
            exports: ExportRule::all_of(definition),
            runs: definition.has_runs().then(|| run_rule::described(&definition.run)),
        }
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{}: {}", self.name, self.datasets.join(", ")).trim_end().to_owned()];
        lines.extend(self.runs.as_ref().map(|runs| format!("  runs       {runs}")));
        if !self.transforms.is_empty() {
            lines.push(format!("  transforms {}", self.transforms.join(", ")));
        }
        lines.extend(self.exports.iter().map(|export| format!("  exports    {}", export.line())));
        lines
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
        check(&[
            "DIR/b/pipeline.toml:2: datasets.orders.source: a/orders and b/orders both start on \"raw/orders.csv\"",
        ]);
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
        assert_eq!(
            report["pipelines"],
            serde_json::json!([
                {"name": "good", "datasets": ["orders"], "run": null, "transforms": [], "exports": []},
            ])
        );
        assert_eq!(report["errors"][0]["line"], 1);
        assert_eq!(report["errors"][0]["file"], folder.path().join("bad/pipeline.toml").display().to_string());
    }

    /// A pipeline's folder with these files.
    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::create_dir_all(folder.path().join("retail")).unwrap();
            fs::write(folder.path().join("retail").join(name), text).unwrap();
        }
        folder
    }

    const RUNS: &str = r#"
[run]
when = "all"
per = "day"
deadline = "6h"

[[transforms]]
sql = "a.sql"

[[transforms]]
sql = "b.sql"

[[exports]]
table = "analytics.a"
to = "out/{run_date}/a.csv"

[[exports]]
query = """
    select *
    from b
"""
to = "out/{run_id}.parquet"
"#;

    #[test]
    fn runs_transforms_and_exports_are_named() {
        let definition = format!("{ORDERS}{RUNS}");
        let files = [("pipeline.toml", definition.as_str()), ("a.sql", "select 1"), ("b.sql", "select :run_id;")];
        let good = folder(&files);
        let all = [
            "retail: orders",
            "  runs       all datasets of each day, within 6h",
            "  transforms a.sql, b.sql",
            "  exports    analytics.a to out/{run_date:%Y-%m-%d}/a.csv",
            "  exports    select * from b to out/{run_id}.parquet",
        ];
        assert_eq!(lines(good.path()), all);
        let report = serde_json::to_value(Report::of(Checked::read(good.path()).unwrap())).unwrap();
        let expected = serde_json::json!({
            "name": "retail",
            "datasets": ["orders"],
            "run": {
                "when": "all", "per": "day", "deadline_s": 21600, "again": "skip", "after": null, "after_failure": null,
            },
            "transforms": ["a.sql", "b.sql"],
            "exports": [
                {"what": "analytics.a", "to": "out/{run_date:%Y-%m-%d}/a.csv"},
                {"what": "select * from b", "to": "out/{run_id}.parquet"},
            ],
        });
        assert_eq!(report["pipelines"][0], expected);

        fs::write(good.path().join("retail/c.sql"), "").unwrap();
        let warning = format!("warning: {}/retail/c.sql: no transform names it", good.path().display());
        assert_eq!(lines(good.path()), [all.as_slice(), &[warning.as_str()]].concat());
    }

    #[test]
    fn transforms_are_checked_with_the_definition_that_names_them() {
        let definition = format!("{ORDERS}{RUNS}");
        let check = |sql: &[(&str, &str)], expected: &[&str]| {
            let folder = folder(&[&[("pipeline.toml", definition.as_str())], sql].concat());
            let place = folder.path().join("retail").display().to_string();
            for path in [folder.path(), &folder.path().join("retail"), &folder.path().join("retail/pipeline.toml")] {
                let found: Vec<String> = lines(path).iter().map(|line| line.replacen(&place, "DIR", 1)).collect();
                assert_eq!(found, expected, "{}", path.display());
            }
        };
        check(
            &[("a.sql", "select 1"), ("bb.sql", "select 1")],
            &[
                "DIR/pipeline.toml:15: transforms[2].sql: there is no file `b.sql` in the pipeline's folder; did you mean \
             `bb.sql`?",
                "warning: DIR/bb.sql: no transform names it",
            ],
        );
        check(
            &[("a.sql", "\n\ncommit;"), ("b.sql", "select 1;\nselect :run_dat, '")],
            &[
                "DIR/a.sql:3: `commit`: all statements of a run are one transaction, which begins and ends by itself",
                "DIR/b.sql:2: unknown parameter `:run_dat`; did you mean `:run_date`?",
                "DIR/b.sql:2: the string never ends",
            ],
        );
    }

    #[test]
    fn a_lone_pipeline_is_held_against_itself_alone() {
        let after = folder(&[("pipeline.toml", "[run]\nafter = \"water\"\n")]);
        assert_eq!(
            lines(&after.path().join("retail")),
            ["retail:", "  runs       after every successful run of water"]
        );
        let place = after.path().join("retail/pipeline.toml").display().to_string();
        assert_eq!(lines(after.path()), [format!("{place}:2: run.after: there is no pipeline `water`")]);
        let own = format!("{ORDERS}[[exports]]\ntable = \"x\"\nto = \"raw/orders.csv\"\n");
        let own = folder(&[("pipeline.toml", &own)]);
        let found = lines(&own.path().join("retail"));
        assert!(found[0].contains("pipeline.toml:7: exports[1].to: \"raw/orders.csv\" would also be"), "{found:?}");
    }

    #[test]
    fn a_path_that_is_not_there_is_an_error() {
        assert!(Checked::read(Path::new("/nowhere/pipelines")).is_err());
    }
}
