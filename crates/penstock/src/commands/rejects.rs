use std::path::PathBuf;

use clap::Args;

use crate::context::Context;
use crate::error::Result;
use crate::history::{History, print_rejects};
use crate::output::print_json;
use crate::rejects_export::export_rejects;

/// List the rejects of a load, or export them to a file
///
/// A reject is a refused row, listed with its line, column, reason and text.
#[derive(Debug, Args)]
pub(crate) struct RejectsArgs {
    /// Number of the load, from `penstock loads`
    load: i64,
    /// Maximum number of rejects, from the first line
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u32,
    /// Write all rejects to a new file for correction, and their reasons to a second file
    /// [default file: NAME-load-LOAD.csv or .jsonl in the current folder]
    #[arg(long, value_name = "FILE", num_args = 0..=1, conflicts_with = "limit")]
    export: Option<Option<PathBuf>>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: &RejectsArgs, context: &Context) -> Result<bool> {
    let history = History::open(context.database()?).await?;
    if let Some(file) = &args.export {
        let exported = export_rejects(&history, args.load, file.as_deref()).await?;
        if args.json {
            print_json(&exported)?;
        } else {
            exported.print();
        }
        return Ok(true);
    }
    let rejects = history.rejects(args.load, args.limit).await?;
    if args.json {
        print_json(&rejects)?;
    } else {
        print_rejects(&rejects);
    }
    Ok(true)
}
