//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use protocol::KEY_BYTES_MAX;

use super::recover::{DeadLetters, Reconcile, Replay};
use crate::explain::At;

/// A file dropped in S3 becomes rows in PostgreSQL: here on this machine, with no cloud, no Docker and no token.
#[derive(Debug, Parser)]
#[command(name = "penstock", version, max_term_width = 120)]
pub struct Cli {
    /// Folder of the stack: data, logs, addresses, and what runs. Several stacks can live side by side
    /// [default: .local in the project]
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) state: Option<PathBuf>,

    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Start emulator and PostgreSQL, deploy the stack, upload the pipelines, and write `.local/env`
    ///
    /// What runs already is kept, and what was built or changed since is deployed: run it again at any time.
    /// The environment variable EMULATOR chooses `ministack` (default) or `localstack`; DATABASE_URL names a
    /// PostgreSQL of your own, which is then neither started nor stopped.
    Up(Up),
    /// Stop exactly what `up` started
    ///
    /// Also after a crash, or when `up` was interrupted. The database's files stay.
    Down,
    /// Show the whole way: a stack of its own, both example pipelines, real files, and what became of each
    ///
    /// Ends with a failure when one file ends otherwise than it should, and stops all that it started. Its own stack
    /// is in `.local/demo`.
    Demo(Demo),
    /// Upload files to the landing bucket and follow each to its end
    ///
    /// Ends with a failure when one of them fails.
    Drop(Drop),
    /// Run a pipeline's transforms and exports by hand, for one period, and follow them to their end
    ///
    /// Needs every dataset of the period, and a period that has not run yet, unless --force is given. Ends with a
    /// failure when the run fails.
    Run(Run),
    /// List the latest runs, what is missing, and the latest executions, with what is under way
    Runs(Runs),
    /// List the latest loads: file, outcome, rows, and the run that each is part of
    Loads(Loads),
    /// List the rows that a load refused: line, column, reason, and the record as it came; or write them into a file
    Rejects(Rejects),
    /// Load corrected records of a load, and follow them to their end
    ///
    /// `penstock rejects LOAD --export` writes the file to correct. Its rows are added to those of the load, and a newer
    /// version of the load's file takes them out with those. Ends with a failure when it fails.
    Repair(Repair),

    /// List the events that could not start their execution, and put them back on their way
    ///
    /// They wait in the stack's dead-letter queue for 14 days. Listing takes nothing out of it.
    DeadLetters(DeadLetters),
    /// Start executions for objects that lie in the landing bucket already, the latest version of each
    ///
    /// What is loaded already is not loaded twice.
    Replay(Replay),
    /// Compare the landing bucket with the ledger and the executions, and name every file that was lost on its way
    ///
    /// Every object version should be loaded, already loaded, superseded, ignored or failed with a notice. Ends with a
    /// failure while one is neither that nor running.
    Reconcile(Reconcile),
    /// Check definitions, and name everything that is to correct
    ///
    /// By the same rules as `up` and `deploy`, and with neither stack nor network. Prints `file:line: key: reason` for
    /// each error and ends with a failure, or one line a pipeline with its datasets.
    Check(Check),
    /// Say what a key would do, and why; or which keys a dataset expects
    ///
    /// Follows the rules of the stack on the key alone: which dataset it starts by which template, its logical time,
    /// and how its bytes are read. Asks neither stack nor network, and ends with a failure when the file would.
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(Explain),
    /// Print a dataset for a file, ready to be pasted into pipeline.toml
    ///
    /// Every row is looked at, and each column gets the narrowest type that takes all its values.
    Infer(Infer),
    /// Deploy to the AWS account that the environment points to, and upload the pipelines
    ///
    /// The functions are those of `make build`. The first time it needs the ARN of the secret with the database's
    /// URL; later what is not named keeps its value.
    Deploy(Deploy),
    /// Delete the stack from AWS, and say what is kept
    Destroy(Destroy),
}

#[derive(Debug, Args)]
pub(super) struct Stacked {
    /// Folder with one folder a pipeline [default: pipelines in the project]
    #[arg(long, env = "PIPELINES", value_name = "DIR")]
    pub(super) pipelines: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Up {
    #[command(flatten)]
    pub(super) stacked: Stacked,
    /// Name of the CloudFormation stack
    #[arg(long, env = "STACK", default_value = "penstock")]
    pub(super) stack: String,
    /// Stay, and stop everything on Ctrl-C, SIGTERM, or when a piped stdin ends
    #[arg(long)]
    pub(super) foreground: bool,
    /// Share of loads that fail on purpose, from 0 to 1
    #[arg(long, value_name = "RATE", default_value_t = 0.0, value_parser = rate)]
    pub(super) chaos_rate: f64,
    /// Plan of failures, a chaos.toml: what fails of which file, at which attempt and how
    #[arg(long, value_name = "FILE")]
    pub(super) chaos: Option<PathBuf>,
    /// Any other parameter of infra/template.yaml, as Name=Value
    #[arg(long = "parameter", value_name = "NAME=VALUE")]
    pub(super) parameters: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Share of loads that fail on purpose, from 0 to 1
    #[arg(long, value_name = "RATE", default_value_t = 0.0, value_parser = rate)]
    pub(super) chaos_rate: f64,
    /// Once more in a storm of planned failures, which must end with the same tables; several seeds, with commas
    /// between, are as many storms. The same seed plans the same failures. With a PostgreSQL of the demo's own,
    /// whatever DATABASE_URL says
    #[arg(long, value_name = "SEED", value_delimiter = ',', conflicts_with = "chaos_rate")]
    pub(super) chaos: Vec<u32>,
}

#[derive(Debug, Args)]
pub(super) struct Drop {
    /// Files to upload
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// Key to upload the file as [default: the key that makes it today's file of the one dataset with its name]
    #[arg(long)]
    pub(super) key: Option<String>,
    #[command(flatten)]
    pub(super) stacked: Stacked,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Run {
    /// Name of the pipeline: its folder's
    pub(super) pipeline: String,
    /// Any time of the period, in the pipeline's time zone unless it names an offset: 2024-05-01, 2024-05-01T09:15 or
    /// 2024-05-01T09:15Z
    #[arg(long, value_name = "TIME")]
    pub(super) date: At,
    /// Also when the period has run already, or some of its datasets are missing
    #[arg(long)]
    pub(super) force: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Runs {
    /// Only this pipeline's. Executions are then left out: one in the middle has no pipeline yet
    #[arg(long, value_name = "NAME")]
    pub(super) pipeline: Option<String>,
    /// Only those that failed
    #[arg(long)]
    pub(super) failed: bool,
    /// How many, from the newest
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(super) limit: u32,
    /// Say what is under way, until nothing is, and then list
    #[arg(long, conflicts_with = "failed")]
    pub(super) follow: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Loads {
    /// Only this pipeline's
    #[arg(long, value_name = "NAME")]
    pub(super) pipeline: Option<String>,
    /// Only this dataset's
    #[arg(long, value_name = "NAME")]
    pub(super) dataset: Option<String>,
    /// How many, from the newest
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(super) limit: u32,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Rejects {
    /// Number of the load, as `penstock loads` tells it
    pub(super) load: i64,
    /// How many, from the first line
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(super) limit: u32,
    /// Write them all as a new file to correct, and the reasons beside it [default: NAME-load-LOAD.csv or .jsonl here]
    #[arg(long, value_name = "FILE", num_args = 0..=1, conflicts_with = "limit")]
    pub(super) export: Option<Option<PathBuf>>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Repair {
    /// Number of the load that refused the records
    pub(super) load: i64,
    /// The corrected records: UTF-8, as the dataset's files are, or JSON Lines
    pub(super) file: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Check {
    /// Folder of pipelines, or the folder or pipeline.toml of one, which is then not compared with the others
    /// [default: pipelines in the project]
    #[arg(env = "PIPELINES")]
    pub(super) path: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  penstock explain raw_data/retail/2024-05-01/orders.csv
  penstock explain s3://other-bucket/levels/north.csv
  penstock explain --dataset water/pump_flow --at 2024-05-01T09:15";

#[derive(Debug, Args)]
pub(super) struct Explain {
    /// Key of the file, or s3://BUCKET/KEY
    #[arg(required_unless_present = "dataset", conflicts_with = "dataset", value_parser = key)]
    pub(super) key: Option<String>,
    /// Bucket of the key; KEY is then taken as it stands [default: the landing bucket]
    #[arg(long, value_name = "BUCKET", conflicts_with = "dataset")]
    pub(super) bucket: Option<String>,
    /// Dataset whose keys are asked for
    #[arg(long, value_name = "PIPELINE/DATASET", requires = "at")]
    pub(super) dataset: Option<String>,
    /// Time that the data is about, in the pipeline's time zone unless it names an offset: 2024-05-01,
    /// 2024-05-01T09:15, 2024-05-01T09:15:30Z or 2024-05-01T09:15+02:00
    #[arg(long, value_name = "TIME", requires = "dataset")]
    pub(super) at: Option<At>,
    #[command(flatten)]
    pub(super) stacked: Stacked,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Infer {
    /// CSV, JSON or JSON Lines, compressed or not
    pub(super) file: PathBuf,
    /// The dataset's name [default: from the file's]
    #[arg(long)]
    pub(super) name: Option<String>,
    /// Table that the rows shall go to [default: staging.NAME]
    #[arg(long, value_name = "SCHEMA.TABLE")]
    pub(super) table: Option<String>,
    /// Template of the keys that the files will have [default: raw_data/NAME/{date:%Y-%m-%d}/FILE]
    #[arg(long, value_name = "TEMPLATE")]
    pub(super) source: Option<String>,
    /// What separates the fields of a CSV file [default: a comma, or a tab in .tsv files]
    #[arg(long, value_name = "CHARACTER", value_parser = ascii)]
    pub(super) delimiter: Option<u8>,
    /// A text that means NULL; several times for several [default: the empty text]
    #[arg(long = "null", value_name = "TEXT")]
    pub(super) null_values: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Deploy {
    #[command(flatten)]
    pub(super) stacked: Stacked,
    /// Name of the CloudFormation stack
    #[arg(long, env = "STACK", default_value = "penstock")]
    pub(super) stack: String,
    /// What the functions were built for: x86_64 or arm64
    #[arg(long, env = "ARCH", default_value = "x86_64", value_parser = ["x86_64", "arm64"])]
    pub(super) arch: String,
    /// Secret whose value is the database's URL
    #[arg(long, env = "DATABASE_SECRET_ARN", value_name = "ARN")]
    pub(super) database_secret_arn: Option<String>,
    /// Plan of failures, a chaos.toml; without it, an earlier one is taken out of the stack
    #[arg(long, value_name = "FILE")]
    pub(super) chaos: Option<PathBuf>,
    /// Any other parameter of infra/template.yaml, as Name=Value
    #[arg(long = "parameter", value_name = "NAME=VALUE")]
    pub(super) parameters: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Destroy {
    /// Name of the CloudFormation stack
    #[arg(long, env = "STACK", default_value = "penstock")]
    pub(super) stack: String,
}

fn ascii(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err("one ASCII character is needed, or \\t for a tab".to_owned()),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.0..=1.0).contains(&rate) => Ok(rate),
        _ => Err("a rate is a number from 0 to 1".to_owned()),
    }
}

fn key(text: &str) -> Result<String, String> {
    match text.len() {
        1..=KEY_BYTES_MAX => Ok(text.to_owned()),
        bytes => Err(format!("a key has 1 to {KEY_BYTES_MAX} bytes, and this one {bytes}")),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_rate_is_from_0_to_1() {
        fn check(text: &str, fine: bool) {
            assert_eq!(rate(text).is_ok(), fine, "{text}");
        }
        check("0", true);
        check("0.5", true);
        check("1", true);
        check("1.1", false);
        check("-0.1", false);
        check("NaN", false);
    }
}
