//! `penstock drop`: upload files and follow them to their end.

use std::fs;
use std::path::{Path, PathBuf};

use aws_sdk_s3::primitives::ByteStream;
use chrono::Local;

use crate::cloud::Cloud;
use crate::executions::{Execution, Executions, Upload};
use crate::local::{Pipelines, StackEnv};
use crate::progress::Progress;
use crate::{Error, Result, keys, table};

/// What `drop` is asked for.
#[derive(Debug)]
pub(crate) struct DropOptions {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) key: Option<String>,
    pub(crate) pipelines: PathBuf,
    pub(crate) json: bool,
}

/// Uploads the files, follows their executions, and prints what became of each. False when one has failed.
pub(crate) async fn drop_files(options: &DropOptions, env: &StackEnv, progress: Progress) -> Result<bool> {
    // Every key first: nothing is uploaded when one of them is missing.
    let keys = options.files.iter().map(|file| key(options, file)).collect::<Result<Vec<_>>>()?;
    let cloud = Cloud::of(env).await;
    let mut executions = Executions::from_now_on(&cloud, &env.state_machine_arn).await?;
    let mut uploads = Vec::new();
    for (file, key) in options.files.iter().zip(keys) {
        let body = ByteStream::from_path(file).await;
        let body = body.map_err(|error| Error::file("read", file)(std::io::Error::other(error)))?;
        uploads.push(upload(&cloud, &env.landing_bucket, key, body).await?);
    }
    let mut count = progress.count("files", uploads.len());
    let ended = executions.follow(&uploads, |execution| count.one(&headline(execution))).await?;
    count.finish();
    print(&ended, options.json)?;
    Ok(ended.iter().all(|execution| !execution.failed))
}

pub(crate) async fn upload(cloud: &Cloud, bucket: &str, key: String, body: ByteStream) -> Result<Upload> {
    let put = cloud.s3.put_object().bucket(bucket).key(&key).body(body).send().await;
    let put = put.map_err(|error| Error::cloud(format!("uploading s3://{bucket}/{key}"))(error.into()))?;
    // "null" is S3's name for the only version in a bucket without versioning.
    Ok(Upload { key, version_id: put.version_id.filter(|version| version != "null") })
}

/// One line on how an execution ended.
pub(crate) fn headline(execution: &Execution) -> String {
    let outcome = execution.outcome.as_deref().unwrap_or("running");
    match (&execution.report, &execution.reason) {
        (Some(report), _) => format!(
            "{}: {outcome}, {} rows into {}, {} rejected",
            execution.key, report.rows_loaded, report.table, report.rows_rejected
        ),
        (None, Some(reason)) => format!("{}: {outcome}: {reason}", execution.key),
        (None, None) => format!("{}: {outcome}", execution.key),
    }
}

fn key(options: &DropOptions, file: &Path) -> Result<String> {
    if !fs::metadata(file).map_err(Error::file("read", file))?.is_file() {
        return Err(Error::NoKey { file: file.display().to_string(), reason: "it is not a file".to_owned() });
    }
    if let Some(key) = &options.key {
        return Ok(key.clone());
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let pipelines = Pipelines::read(&options.pipelines)?;
    let (key, dataset) = keys::derive(&pipelines.catalog, &name, Local::now().date_naive())?;
    eprintln!("{name} is today's {dataset}: uploaded as {key}");
    Ok(key)
}

pub(crate) fn print(executions: &[Execution], json: bool) -> Result<()> {
    if json {
        return table::print_json(executions);
    }
    table::executions(executions);
    for reject in executions.iter().filter_map(|execution| execution.report.as_ref()).flat_map(|it| &it.first_rejects) {
        let column = reject.column.as_deref().map(|column| format!(", column {column}")).unwrap_or_default();
        println!("  rejected: line {}{column}: {}", reject.line, reject.reason);
    }
    for report in executions.iter().filter_map(|it| it.report.as_ref()).filter(|report| report.rows_rejected > 0) {
        println!("  to correct them: penstock rejects {} --export", report.load_id);
    }
    Ok(())
}
