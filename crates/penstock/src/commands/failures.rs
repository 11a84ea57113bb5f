use clap::Args;

use crate::commands::dataset_filter::DatasetFilter;
use crate::context::Context;
use crate::error::Result;
use crate::history::{FailureFilter, History, print_failures};
use crate::output::{print_json, print_line};
use crate::time_argument::TimeArgument;

/// List the latest failures of files and runs, with reason and remedy
///
/// Failures are kept for ever, also those of files that were loaded later.
#[derive(Debug, Args)]
pub(crate) struct FailuresArgs {
    /// Only failures at this time or later, in UTC unless it has an offset: 2024-05-01 or 2024-05-01T09:15+02:00
    #[arg(long, value_name = "TIME")]
    since: Option<TimeArgument>,
    #[command(flatten)]
    datasets: DatasetFilter,
    /// Only failures of the file with this key
    #[arg(long)]
    key: Option<String>,
    /// Maximum number of failures, newest first
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: FailuresArgs, context: &Context) -> Result<bool> {
    let history = History::open(context.database()?).await?;
    let (pipeline, dataset) = args.datasets.names();
    let filter = FailureFilter { pipeline, dataset, key: args.key, since: args.since.map(TimeArgument::utc) };
    let failures = history.failures(&filter, args.limit).await?;
    if failures.is_empty() {
        args.datasets.check(&history).await?;
    }
    if args.json {
        print_json(&failures)?;
    } else if failures.is_empty() {
        print_line("no failures");
    } else {
        print_failures(&failures);
    }
    Ok(true)
}
