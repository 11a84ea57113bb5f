use std::path::PathBuf;

use aws_sdk_s3::primitives::ByteStream;
use clap::Args;
use local_stack::AwsClients;
use pipeline::RepairKey;
use protocol::FileKind;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::executions::{ExecutionReader, ExecutionSummary, headline, print_results, upload};
use crate::history::{History, LoadRow};
use crate::output::{Progress, print_line};

/// Load the corrected rejects of a load
///
/// `penstock rejects LOAD --export` writes the file to correct. The rows are added to those of the load. A newer version
/// of the load's file replaces both. Exits with status 1 if the load fails.
#[derive(Debug, Args)]
pub(crate) struct RepairArgs {
    /// Number of the load that has the rejects
    load: i64,
    /// Corrected records in UTF-8, in the format of the dataset's files or as JSON Lines
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Uploads the corrected records under a repair key and follows their load.
pub(crate) async fn run(args: &RepairArgs, context: &Context) -> Result<bool> {
    let env = context.stack_env()?;
    let history = History::open(context.database()?).await?;
    let load = history.load(args.load).await?;
    if load.rows_rejected == 0 {
        return Err(Error::NoRejects(load.load_id));
    }
    let key = repair_key(args, &history, &load).await?;
    let earlier = history.repairs_of(load.load_id).await?;
    let body = ByteStream::from_path(&args.file).await;
    let body = body.map_err(|error| Error::file("read", &args.file)(std::io::Error::other(error)))?;
    let clients = AwsClients::of(&env).await;
    let mut executions = ExecutionReader::following(&clients, &env.state_machine_arn).await?;
    let uploads = [upload(&clients, &env.landing_bucket, key.clone(), body).await?];
    let mut count = Progress::new().count("files", 1);
    let ended = executions.follow(&uploads, |execution| {
        let line = headline(execution);
        if execution.failed { count.fail(&line) } else { count.add(&line) }
    });
    let ended = ended.await?;
    count.finish();
    print_results(&ended, args.json, false)?;
    if !args.json {
        let lines = ended.iter().flat_map(|execution| result_lines(&load, &earlier, &key, execution));
        lines.for_each(|line| print_line(&line));
    }
    Ok(ended.iter().all(|execution| !execution.failed))
}

async fn repair_key(args: &RepairArgs, history: &History, load: &LoadRow) -> Result<String> {
    let not_a_repair = |reason: String| Error::NotARepair { file: args.file.display().to_string(), reason };
    let file = args.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match FileKind::of_key(&file) {
        Ok(FileKind::Data { .. } | FileKind::Undecided {}) => {}
        Ok(FileKind::Trigger {}) => return Err(not_a_repair("its name is that of a trigger".to_owned())),
        Ok(FileKind::Ignored { reason }) => return Err(not_a_repair(reason)),
        Err(unsupported) => return Err(not_a_repair(unsupported.to_string())),
    }
    let (pipeline, dataset, load_id) = (load.pipeline.clone(), load.dataset.clone(), load.load_id);
    let logical_at = history.repair_inputs(load_id).await?.logical_at;
    let key = RepairKey { pipeline, dataset, load_id, logical_at, file }.build();
    key.map_err(|error| not_a_repair(error.to_string()))
}

/// Describes the repair. `earlier` has the repairs that existed before it.
fn result_lines(load: &LoadRow, earlier: &[LoadRow], key: &str, execution: &ExecutionSummary) -> Vec<String> {
    let load_id = load.load_id;
    let Some(report) = &execution.report else { return Vec::new() };
    let mut lines =
        vec![format!("load {} repairs load {load_id}; `penstock rejects {load_id}` lists all repairs", report.load_id)];
    if let Some(other) = earlier.iter().find(|other| other.key != key) {
        lines.push(format!("load {} had already repaired it, and its rows are still in the table", other.load_id));
    }
    lines
}
