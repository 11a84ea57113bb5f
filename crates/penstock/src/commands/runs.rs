use std::time::Duration;

use clap::Args;
use local_stack::{AwsClients, interrupt};
use serde::Serialize;

use crate::context::Context;
use crate::error::Result;
use crate::executions::{ExecutionReader, ExecutionSummary, print_executions};
use crate::history::{History, MissingFileRow, RunRow, print_missing_files, print_runs};
use crate::output::{Progress, print_json, print_line};

const POLL: Duration = Duration::from_secs(1);
/// Maximum number of running items in one progress line.
const SHOWN_MAX: usize = 3;

/// List the latest runs, missing files and executions
///
/// Runs and missing files are in the database, executions in Step Functions.
#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// Only runs of this pipeline. Omits executions, which do not name a pipeline
    #[arg(long, value_name = "NAME")]
    pipeline: Option<String>,
    /// Only failed runs and executions
    #[arg(long)]
    failed: bool,
    /// Maximum number of runs and of executions, newest first
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
    /// Wait until no run and no execution is running, then list
    #[arg(long, conflicts_with = "failed")]
    follow: bool,
    /// Print the states of every execution
    #[arg(long, short)]
    verbose: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Default, Serialize)]
struct RunsReport {
    runs: Vec<RunRow>,
    missing: Vec<MissingFileRow>,
    executions: Vec<ExecutionSummary>,
}

/// The sources of the report. One is enough: a stack without access to its database still has executions.
struct ReportSources {
    history: Option<History>,
    /// The clients and the ARN of `process-file`.
    process_file: Option<(AwsClients, String)>,
}

pub(crate) async fn run(args: &RunsArgs, context: &Context) -> Result<bool> {
    let sources = ReportSources::open(context).await?;
    let report = if args.follow { sources.follow(args).await? } else { sources.read(args).await? };
    if args.json {
        print_json(&report)?;
    } else {
        report.print(args.verbose);
    }
    Ok(true)
}

impl ReportSources {
    async fn open(context: &Context) -> Result<Self> {
        let env = context.stack_env().ok();
        let history = match context.database() {
            Ok(address) => Some(History::open(address).await?),
            Err(error) if env.is_none() => return Err(error),
            Err(_) => {
                eprintln!("to list runs and missing files too, set DATABASE_URL or DATABASE_SECRET_ARN");
                None
            }
        };
        let process_file = match env {
            Some(env) => Some((AwsClients::of(&env).await, env.state_machine_arn)),
            None => None,
        };
        Ok(Self { history, process_file })
    }

    async fn read(&self, args: &RunsArgs) -> Result<RunsReport> {
        let mut report = RunsReport::default();
        let pipeline = args.pipeline.as_deref();
        if let Some(history) = &self.history {
            report.runs = history.runs(pipeline, args.failed, args.limit).await?;
            report.missing = history.missing_files(pipeline).await?;
        }
        if let (Some((clients, machine)), None) = (&self.process_file, pipeline) {
            let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
            report.executions = ExecutionReader::new(clients, machine).latest(limit, args.failed).await?;
        }
        Ok(report)
    }

    async fn follow(&self, args: &RunsArgs) -> Result<RunsReport> {
        let mut step = Progress::new().step("running");
        loop {
            match describe_items(&self.under_way(args.pipeline.as_deref()).await?) {
                Some(items) => step.show(&items),
                None => return self.read(args).await,
            }
            interrupt::sleep(POLL).await?;
        }
    }

    /// Describes all running executions and runs. A waiting run does not count, because it may wait for hours.
    ///
    /// Executions come first: one that ends in between has its run in the ledger by then.
    async fn under_way(&self, pipeline: Option<&str>) -> Result<Vec<String>> {
        let mut items = Vec::new();
        if let (Some((clients, machine)), None) = (&self.process_file, pipeline) {
            items = ExecutionReader::new(clients, machine).running(SHOWN_MAX).await?;
        }
        if let Some(history) = &self.history {
            let runs = history.runs_under_way(pipeline).await?;
            items.extend(runs.iter().map(|run| format!("run {} of {} is {}", run.run_id, run.pipeline, run.state)));
        }
        Ok(items)
    }
}

/// Joins the first items. `None` if there are none.
fn describe_items(items: &[String]) -> Option<String> {
    let shown = items.iter().take(SHOWN_MAX).cloned();
    let more = items.len().saturating_sub(SHOWN_MAX);
    let more = (more > 0).then(|| format!("{more} more"));
    let described: Vec<String> = shown.chain(more).collect();
    (!described.is_empty()).then(|| described.join(", "))
}

impl RunsReport {
    fn print(&self, verbose: bool) {
        if self.runs.is_empty() && self.missing.is_empty() && self.executions.is_empty() {
            print_line("nothing has run yet; `penstock drop FILE` loads a file");
        }
        section("Runs", &self.runs, print_runs);
        section("Missing", &self.missing, print_missing_files);
        section("Files", &self.executions, |executions| print_executions(executions, verbose));
    }
}

fn section<T>(title: &str, rows: &[T], print: impl Fn(&[T])) {
    if !rows.is_empty() {
        print_line(&format!("\n{title}"));
        print(rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_counts_the_items_that_it_does_not_show() {
        let items = |count: usize| (0..count).map(|number| format!("run {number}")).collect::<Vec<_>>();
        assert_eq!(describe_items(&items(0)), None);
        assert_eq!(describe_items(&items(2)).unwrap(), "run 0, run 1");
        assert_eq!(describe_items(&items(203)).unwrap(), "run 0, run 1, run 2, 200 more");
    }
}
