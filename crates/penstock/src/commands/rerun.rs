use clap::Args;
use protocol::RunStart;

use crate::commands::run::start_and_follow;
use crate::context::Context;
use crate::error::Result;
use crate::history::History;

/// Run a failed or finished run again, with the same inputs
///
/// Makes a new attempt with the loads of the run. Follows it and exits with status 1 if it fails.
#[derive(Debug, Args)]
pub(crate) struct RerunArgs {
    /// Number of the run, from `penstock runs` or a notice
    run: i64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: RerunArgs, context: &Context) -> Result<bool> {
    let earlier = History::open(context.database()?).await?.run(args.run).await?;
    start_and_follow(&run_start(earlier.pipeline, args.run), args.json, context).await
}

fn run_start(pipeline: String, run_id: i64) -> RunStart {
    RunStart { pipeline, at: None, logical_at: None, force: false, after_run_id: None, rerun: Some(run_id) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn start_names_pipeline_and_run() {
        let start = serde_json::to_value(run_start("retail".to_owned(), 7)).unwrap();
        assert_eq!(start, json!({"pipeline": "retail", "force": false, "rerun": 7}));
    }
}
