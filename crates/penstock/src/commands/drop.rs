use std::fs;
use std::path::{Path, PathBuf};

use aws_sdk_s3::primitives::ByteStream;
use chrono::Local;
use clap::Args;
use local_stack::AwsClients;

use crate::commands::shared_args::PipelinesArg;
use crate::context::{Context, pipelines_folder};
use crate::error::{Error, Result};
use crate::executions::{ExecutionReader, headline, print_results, upload};
use crate::output::Progress;
use crate::pipelines::{PipelinesFolder, derive_key};

/// Upload files to the landing bucket and follow their loads
///
/// Exits with status 1 if one of the loads fails.
#[derive(Debug, Args)]
pub(crate) struct DropArgs {
    /// Files to upload
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Key of the uploaded file [default: today's key of the dataset whose source has this file name]
    #[arg(long)]
    key: Option<String>,
    /// Use the path of each file below this folder as its key
    #[arg(long, value_name = "DIR", conflicts_with = "key")]
    root: Option<PathBuf>,
    #[command(flatten)]
    pipelines: PipelinesArg,
    /// Print the states of every execution
    #[arg(long, short)]
    verbose: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: DropArgs, context: &Context) -> Result<bool> {
    if args.key.is_some() && args.files.len() > 1 {
        let file = args.files[1].display().to_string();
        return Err(Error::NoKey { file, reason: "--key is the key of one file".to_owned() });
    }
    let env = context.stack_env()?;
    // First all keys: if one is unknown, nothing is uploaded.
    let keys = args.files.iter().map(|file| key(&args, file)).collect::<Result<Vec<_>>>()?;
    let clients = AwsClients::of(&env).await;
    let mut executions = ExecutionReader::following(&clients, &env.state_machine_arn).await?;
    let mut uploads = Vec::new();
    for (file, key) in args.files.iter().zip(keys) {
        let body = ByteStream::from_path(file).await;
        let body = body.map_err(|error| Error::file("read", file)(std::io::Error::other(error)))?;
        uploads.push(upload(&clients, &env.landing_bucket, key, body).await?);
    }
    let mut count = Progress::new().count("files", uploads.len());
    let ended = executions.follow(&uploads, |execution| {
        let line = headline(execution);
        if execution.failed { count.fail(&line) } else { count.add(&line) }
    });
    let ended = ended.await?;
    count.finish();
    print_results(&ended, args.json, args.verbose)?;
    Ok(ended.iter().all(|execution| !execution.failed))
}

fn key(args: &DropArgs, file: &Path) -> Result<String> {
    let no_key = |reason: &str| Error::NoKey { file: file.display().to_string(), reason: reason.to_owned() };
    if !fs::metadata(file).map_err(Error::file("read", file))?.is_file() {
        return Err(no_key("it is not a regular file"));
    }
    if let Some(key) = &args.key {
        return Ok(key.clone());
    }
    if let Some(root) = &args.root {
        let below = file.strip_prefix(root).ok().and_then(Path::to_str);
        return below.map(str::to_owned).ok_or_else(|| no_key("it is not below the folder of --root"));
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let pipelines = PipelinesFolder::read(&pipelines_folder(args.pipelines.pipelines.clone())?)?;
    let (key, dataset) = derive_key(&pipelines.catalog, &name, Local::now().date_naive())?;
    eprintln!("{name} is today's file of {dataset}; its key is {key}");
    Ok(key)
}
