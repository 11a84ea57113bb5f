//! `penstock replay`: objects that lie in the landing bucket go their way once more.

use std::collections::HashMap;

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::head_object::HeadObjectError;
use chrono::{DateTime, Utc};
use futures_util::{StreamExt, TryStreamExt, stream};
use protocol::ObjectRef;
use reconciliation::executions::ExecutionQuery;
use reconciliation::ledger::LedgerEntry;
use reconciliation::{CONCURRENCY, VersionMap, executions, landing};

use super::foresee::{Foreseen, Named, Would, name, rows, would};
use super::start::{Start, bare_event, start_all};
use super::{dead_letters, definitions, ledger};
use crate::cloud::Cloud;
use crate::local::StackEnv;
use crate::progress::Progress;
use crate::{Error, Result, interrupt, table};

/// Which objects are meant.
#[derive(Debug)]
pub(crate) enum Which {
    Key(String),
    Prefix(String),
}

/// What `replay` is asked for.
#[derive(Debug)]
pub(crate) struct ReplayOptions {
    pub(crate) which: Which,
    /// Nothing that arrived earlier.
    pub(crate) since: Option<DateTime<Utc>>,
    /// Start nothing, and say what would happen.
    pub(crate) dry_run: bool,
    pub(crate) json: bool,
}

/// False when no object is meant.
pub(crate) async fn replay(options: &ReplayOptions, env: &StackEnv, progress: Progress) -> Result<bool> {
    let cloud = Cloud::of(env).await;
    let objects = objects(&cloud, options, &env.landing_bucket).await?;
    if objects.is_empty() {
        eprintln!("no such object lies in s3://{}", env.landing_bucket);
    } else if options.dry_run {
        print(&foresee(&cloud, env, &objects, progress).await?, options.json)?;
    } else {
        let starts = starts(&cloud, env, &objects, progress).await?;
        let started = start_all(&cloud, starts, progress).await?;
        if options.json {
            table::print_json(&started)?;
        } else {
            let about = "`penstock runs` lists them, and `penstock reconcile` says whether any file is left";
            table::say(&format!("{} started; {about}", started.len()));
        }
    }
    Ok(!objects.is_empty())
}

/// The latest versions; what is deleted has none.
async fn objects(cloud: &Cloud, options: &ReplayOptions, bucket: &str) -> Result<Vec<ObjectRef>> {
    let (Which::Key(prefix) | Which::Prefix(prefix)) = &options.which;
    let versions = landing::list_versions(&cloud.s3, bucket, prefix, options.since);
    let mut listed = interrupt::unless_asked(versions).await?;
    listed.retain(|it| it.is_latest);
    if let Which::Key(key) = &options.which {
        listed.retain(|it| it.object.key == *key);
    }
    Ok(listed.into_iter().map(|it| it.object).collect())
}

/// With the event that an object had, where it is still known: only an event tells the order of an object's versions.
async fn starts(cloud: &Cloud, env: &StackEnv, objects: &[ObjectRef], progress: Progress) -> Result<Vec<Start>> {
    let step = progress.step("events");
    let mut events = VersionMap::default();
    for (object, event) in dead_letters::waiting(cloud, env).await? {
        events.insert(&object, event, |_, _| {});
    }
    if let Some(since) = objects.iter().filter_map(|object| object.event_time).min() {
        let query =
            ExecutionQuery { machine: &env.state_machine_arn, since, failed_only: true, known: &Default::default() };
        for execution in interrupt::unless_asked(executions::read(&cloud.sfn, &query)).await? {
            events.insert(&execution.object, execution.input, |_, _| {});
        }
    }
    let start = |object: &ObjectRef| {
        let input = events.get(object).cloned().map_or_else(|| bare_event(object), Ok)?;
        Ok(Start { about: object.key.clone(), machine: env.state_machine_arn.clone(), name: None, input })
    };
    let starts = objects.iter().map(start).collect::<Result<Vec<_>>>()?;
    step.done(&format!("of {} objects", starts.len()));
    Ok(starts)
}

async fn foresee(cloud: &Cloud, env: &StackEnv, objects: &[ObjectRef], progress: Progress) -> Result<Vec<Foreseen>> {
    let step = progress.step("definitions, data files, ledger");
    let catalog = definitions::deployed(cloud, env).await?;
    let named = stream::iter(objects).map(|object| found(cloud, object, name(&catalog, object))).buffered(CONCURRENCY);
    let named: Vec<(&ObjectRef, Named<'_>)> = named.try_collect().await?;
    let data = named.iter().filter_map(|(_, named)| match named {
        Named::Data { data, .. } => Some(data),
        Named::Done { .. } => None,
    });
    let session = ledger::open(env).await?;
    let ledger = interrupt::unless_asked(reconciliation::ledger::of_keys(&session.client, data)).await?;
    let mut histories: HashMap<(&str, &str, &str, &str), Vec<&LedgerEntry>> = HashMap::new();
    for entry in &ledger {
        let ObjectRef { bucket, key, .. } = &entry.object;
        histories.entry((&entry.pipeline, &entry.dataset, bucket, key)).or_default().push(entry);
    }
    let foreseen = named.iter().map(|(object, named)| match named {
        Named::Done { would, reason } => {
            let reason = Some(reason.clone()).filter(|reason| !reason.is_empty());
            let (key, version_id) = (object.key.clone(), object.version_id.clone());
            Foreseen { key, version_id, would: *would, reason, dataset: None, bytes: object.size_bytes, rows: None }
        }
        Named::Data { pipeline, dataset, data } => {
            let history = histories.get(&(*pipeline, &dataset.name, &data.bucket, &data.key));
            let history = history.map_or(&[][..], Vec::as_slice);
            Foreseen {
                key: object.key.clone(),
                version_id: object.version_id.clone(),
                would: would(dataset, history, data),
                reason: (data.key != object.key).then(|| format!("its data is {data}")),
                dataset: Some(format!("{pipeline}/{}", dataset.name)),
                bytes: data.size_bytes,
                rows: rows(history, data),
            }
        }
    });
    let foreseen: Vec<Foreseen> = foreseen.collect();
    step.done(&format!("looked at for {} objects", foreseen.len()));
    Ok(foreseen)
}

/// Asks S3 for the data file that a trigger names.
async fn found<'a, 'b>(cloud: &Cloud, object: &'b ObjectRef, named: Named<'a>) -> Result<(&'b ObjectRef, Named<'a>)> {
    let Named::Data { pipeline, dataset, data } = named else { return Ok((object, named)) };
    if data == *object {
        return Ok((object, Named::Data { pipeline, dataset, data }));
    }
    interrupt::check()?;
    let head = match cloud.s3.head_object().bucket(&data.bucket).key(&data.key).send().await {
        Ok(head) => head,
        Err(SdkError::ServiceError(error)) if matches!(error.err(), HeadObjectError::NotFound(_)) => {
            return Ok((object, Named::Done { would: Would::Wait, reason: format!("{data} is not there") }));
        }
        Err(error) => return Err(Error::cloud(format!("looking at {data}"))(error.into())),
    };
    let data = ObjectRef {
        version_id: head.version_id.filter(|version| version != "null"),
        etag: head.e_tag.map(|etag| etag.trim_matches('"').to_owned()),
        size_bytes: head.content_length.and_then(|size| u64::try_from(size).ok()),
        ..data
    };
    Ok((object, Named::Data { pipeline, dataset, data }))
}

fn print(foreseen: &[Foreseen], json: bool) -> Result<()> {
    if json {
        return table::print_json(foreseen);
    }
    let cells = |it: &Foreseen| {
        vec![
            it.key.clone(),
            it.would.words().to_owned(),
            it.dataset.clone().unwrap_or_default(),
            it.bytes.map(|bytes| bytes.to_string()).unwrap_or_default(),
            it.rows.map(|rows| rows.to_string()).unwrap_or_default(),
            it.reason.clone().unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = foreseen.iter().map(cells).collect();
    table::print(&["file", "would", "dataset", "bytes", "rows", "reason"], &rows);
    table::say(&summary(foreseen));
    Ok(())
}

/// Rows are those of content that was loaded before; of other content nobody knows before it is read.
fn summary(foreseen: &[Foreseen]) -> String {
    let loads: Vec<&Foreseen> = foreseen.iter().filter(|it| it.would == Would::Load).collect();
    let bytes: u64 = loads.iter().filter_map(|it| it.bytes).sum();
    let rows: i64 = loads.iter().filter_map(|it| it.rows).sum();
    let unknown = loads.iter().filter(|it| it.rows.is_none()).count();
    let (count, of) = (loads.len(), foreseen.len());
    format!(
        "{count} of {of} would load: {bytes} bytes, {rows} rows by earlier loads of the same content, and of {unknown} files the rows are unknown"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_says_what_is_known_and_what_is_not() {
        let one = |would, bytes, rows| Foreseen {
            key: "k".to_owned(),
            version_id: None,
            would,
            reason: None,
            dataset: None,
            bytes: Some(bytes),
            rows,
        };
        let foreseen =
            [one(Would::Load, 10, Some(3)), one(Would::Load, 5, None), one(Would::AlreadyLoaded, 100, Some(50))];
        assert_eq!(
            summary(&foreseen),
            "2 of 3 would load: 15 bytes, 3 rows by earlier loads of the same content, and of 1 files the rows are unknown"
        );
    }
}
