use std::path::PathBuf;

use clap::Args;
use pipeline::Definition;
use serde::Serialize;

use crate::context::{Context, pipelines_folder, relative};
use crate::error::Result;
use crate::output::{print_json, print_line};
use crate::pipelines::{CheckedPipelines, ExportDescription, Problem, RunRule, describe_runs, unknown_loads};

/// Check definitions and list every problem
///
/// Applies the rules of `up` and `deploy`. Needs no stack and no network; if the database of a stack answers, it also warns
/// of tables with loads by unknown datasets. Prints `file:line: key: reason` for
/// each error and exits with status 1. Without errors, prints a summary of each pipeline.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Folder of the pipelines, or the folder or pipeline.toml of one pipeline, which is then not compared with the
    /// others [default: pipelines in the project]
    #[arg(env = "PIPELINES")]
    path: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct CheckReport {
    pipelines: Vec<PipelineSummary>,
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
}

#[derive(Debug, Serialize)]
struct PipelineSummary {
    name: String,
    datasets: Vec<String>,
    /// `None` for a pipeline without runs.
    run: Option<RunRule>,
    transforms: Vec<String>,
    exports: Vec<ExportDescription>,
    #[serde(skip)]
    runs: Option<String>,
}

pub(crate) async fn run(args: CheckArgs, context: &Context) -> Result<bool> {
    let path = relative(&pipelines_folder(args.path)?);
    let mut checked = CheckedPipelines::read(&path)?;
    // The rules need no stack. With one at hand, the ledger shows datasets that were renamed.
    if let (true, Ok(address)) = (checked.problems.is_empty(), context.database()) {
        checked.warnings.extend(unknown_loads(&checked.definitions, address).await);
    }
    let report = CheckReport::of(checked);
    if args.json {
        print_json(&report)?;
    } else {
        report.lines().iter().for_each(|line| print_line(line));
    }
    Ok(report.errors.is_empty())
}

impl CheckReport {
    fn of(checked: CheckedPipelines) -> Self {
        let CheckedPipelines { definitions, problems, warnings } = checked;
        Self { pipelines: definitions.iter().map(PipelineSummary::of).collect(), errors: problems, warnings }
    }

    fn lines(&self) -> Vec<String> {
        let warnings = self.warnings.iter().map(|warning| format!("warning: {warning}"));
        if self.errors.is_empty() {
            self.pipelines.iter().flat_map(PipelineSummary::lines).chain(warnings).collect()
        } else {
            self.errors.iter().map(Problem::to_string).chain(warnings).collect()
        }
    }
}

impl PipelineSummary {
    fn of(definition: &Definition) -> Self {
        Self {
            name: definition.pipeline.clone(),
            datasets: definition.datasets.iter().map(|dataset| dataset.name.clone()).collect(),
            run: RunRule::of(definition),
            transforms: definition.transforms.iter().map(|transform| transform.sql.clone()).collect(),
            exports: ExportDescription::all_of(definition),
            runs: definition.has_runs().then(|| describe_runs(&definition.run)),
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
    use std::path::Path;

    use super::*;

    const ORDERS: &str =
        "[datasets.orders]\nsource = \"raw/orders.csv\"\ntable = \"orders\"\ncolumns.id = \"integer\"\n";

    fn lines(path: &Path) -> Vec<String> {
        CheckReport::of(CheckedPipelines::read(path).unwrap()).lines()
    }

    #[test]
    fn invalid_definitions_are_listed_with_places() {
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
        check("", &["FILE:1: datasets: a pipeline requires at least one dataset, for example [datasets.orders]"]);
        check("[datasets.orders\n", &["FILE:1: invalid TOML: unclosed table, expected `]`"]);
        check(&ORDERS.replace("table = \"orders\"\n", ""), &["FILE:1: datasets.orders.table: `table` is required"]);
        check(
            &ORDERS.replace("integer", "integr"),
            &["FILE:4: datasets.orders.columns.id: unknown type `integr`; did you mean `integer`?"],
        );
        check(
            &ORDERS.replace("orders.csv", "{date}.csv"),
            &["FILE:2: datasets.orders.source: `{date}` requires a format, for example {date:%Y-%m-%d}"],
        );
        check(
            &format!("timezone = \"Europe/Berlim\"\n{ORDERS}write = \"upsert\"\n"),
            &[
                "FILE:1: timezone: `Europe/Berlim` is not an IANA time zone; did you mean `Europe/Berlin`?",
                "FILE:6: datasets.orders.write: `write = \"upsert\"` requires `key`, for example key = [\"order_id\"]",
            ],
        );
    }

    #[test]
    fn conflicts_are_found_if_definitions_are_valid() {
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
            "DIR/b/pipeline.toml: cannot read the file: stream did not contain valid UTF-8",
            "DIR/c: a pipeline's folder must have a pipeline.toml",
        ]);
    }

    #[test]
    fn json_has_valid_pipelines_and_errors() {
        let folder = tempfile::tempdir().unwrap();
        for (pipeline, text) in [("good", ORDERS), ("bad", "x = 1")] {
            fs::create_dir(folder.path().join(pipeline)).unwrap();
            fs::write(folder.path().join(pipeline).join("pipeline.toml"), text).unwrap();
        }
        let report = serde_json::to_value(CheckReport::of(CheckedPipelines::read(folder.path()).unwrap())).unwrap();
        assert_eq!(
            report["pipelines"],
            serde_json::json!([
                {"name": "good", "datasets": ["orders"], "run": null, "transforms": [], "exports": []},
            ])
        );
        assert_eq!(report["errors"][0]["line"], 1);
        assert_eq!(report["errors"][0]["file"], folder.path().join("bad/pipeline.toml").display().to_string());
    }

    /// Creates the folder of pipeline `retail` with these files.
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
    fn runs_transforms_and_exports_are_listed() {
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
        let report = serde_json::to_value(CheckReport::of(CheckedPipelines::read(good.path()).unwrap())).unwrap();
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
        let warning = format!("warning: {}/retail/c.sql: no transform uses this file", good.path().display());
        assert_eq!(lines(good.path()), [all.as_slice(), &[warning.as_str()]].concat());
    }

    #[test]
    fn transforms_are_checked_with_their_definition() {
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
                "DIR/pipeline.toml:15: transforms[2].sql: the pipeline's folder has no file `b.sql`; did you mean \
             `bb.sql`?",
                "warning: DIR/bb.sql: no transform uses this file",
            ],
        );
        check(
            &[("a.sql", "\n\ncommit;"), ("b.sql", "select 1;\nselect :run_dat, '")],
            &[
                "DIR/a.sql:3: `commit` is not allowed: Penstock runs all statements in one transaction",
                "DIR/b.sql:2: unknown parameter `:run_dat`; did you mean `:run_date`?",
                "DIR/b.sql:2: unterminated string",
            ],
        );
    }

    #[test]
    fn single_pipeline_is_not_compared_with_others() {
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
        assert!(
            found[0].contains("pipeline.toml:7: exports[1].to: the key \"raw/orders.csv\" also matches"),
            "{found:?}"
        );
    }

    #[test]
    fn missing_path_is_an_error() {
        assert!(CheckedPipelines::read(Path::new("/nowhere/pipelines")).is_err());
    }
}
