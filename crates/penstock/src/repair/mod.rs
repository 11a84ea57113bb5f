//! `penstock rejects LOAD --export` and `penstock repair LOAD FILE`: from refused records to their rows.

mod export;
mod file;

use std::path::PathBuf;

use aws_sdk_s3::primitives::ByteStream;
use pipeline::RepairKey;
use protocol::FileKind;

use crate::cloud::Cloud;
use crate::drop_file::{headline, print, upload};
use crate::executions::{Execution, Executions};
use crate::history::{History, Load};
use crate::local::StackEnv;
use crate::progress::Progress;
use crate::table::say;
use crate::{Error, Result};

pub(crate) use export::export;

/// What `repair` is asked for.
#[derive(Debug)]
pub(crate) struct RepairOptions {
    pub(crate) load_id: i64,
    pub(crate) file: PathBuf,
    pub(crate) json: bool,
}

/// Uploads the corrected records under a key that says what they repair, and follows them. False when that fails.
pub(crate) async fn repair(
    options: &RepairOptions,
    history: &History,
    env: &StackEnv,
    progress: Progress,
) -> Result<bool> {
    let load = history.load(options.load_id).await?;
    if load.rows_rejected == 0 {
        return Err(Error::NothingRefused(load.load_id));
    }
    let key = key(options, history, &load).await?;
    let before = history.repairs_of(load.load_id).await?;
    let body = ByteStream::from_path(&options.file).await;
    let body = body.map_err(|error| Error::file("read", &options.file)(std::io::Error::other(error)))?;
    let cloud = Cloud::of(env).await;
    let mut executions = Executions::from_now_on(&cloud, &env.state_machine_arn).await?;
    let uploaded = upload(&cloud, &env.landing_bucket, key.clone(), body).await?;
    let mut count = progress.count("files", 1);
    let ended = executions.follow(&[uploaded], |execution| count.one(&headline(execution))).await?;
    count.finish();
    print(&ended, options.json)?;
    if !options.json {
        ended.iter().flat_map(|execution| told(&load, &before, &key, execution)).for_each(|line| say(&line));
    }
    Ok(ended.iter().all(|execution| !execution.failed))
}

async fn key(options: &RepairOptions, history: &History, load: &Load) -> Result<String> {
    let refused = |reason: String| Error::NotARepair { file: options.file.display().to_string(), reason };
    let file = options.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match FileKind::of_key(&file) {
        Ok(FileKind::Data { .. }) => {}
        Ok(FileKind::Trigger {}) => return Err(refused("its name is a trigger's".to_owned())),
        Ok(FileKind::Ignored { reason }) => return Err(refused(reason)),
        Err(unsupported) => return Err(refused(unsupported.to_string())),
    }
    let (pipeline, dataset, load_id) = (load.pipeline.clone(), load.dataset.clone(), load.load_id);
    let logical_at = history.repair_basis(load_id).await?.logical_at;
    let key = RepairKey { pipeline, dataset, load_id, logical_at, file }.build();
    key.map_err(|error| refused(error.to_string()))
}

/// What has come of it, and what is next. `before` are the repairs that there were.
fn told(load: &Load, before: &[Load], key: &str, execution: &Execution) -> Vec<String> {
    let load_id = load.load_id;
    let Some(report) = &execution.report else { return Vec::new() };
    let mut lines =
        vec![format!("load {} repairs load {load_id}: `penstock rejects {load_id}` lists its repairs", report.load_id)];
    if let Some(other) = before.iter().find(|other| other.key != key) {
        lines.push(format!("load {} had repaired it before, and its rows are still there", other.load_id));
    }
    lines
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    #[test]
    fn an_export_may_name_its_file() {
        for arguments in [&["rejects", "12", "--export"][..], &["rejects", "12", "--export", "x.csv", "--json"]] {
            assert!(crate::Cli::try_parse_from([&["penstock"], arguments].concat()).is_ok(), "{arguments:?}");
        }
    }
}
