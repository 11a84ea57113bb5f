mod dry_run;

use std::collections::HashMap;

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::head_object::HeadObjectError;
use clap::{ArgGroup, Args};
use futures_util::{StreamExt, TryStreamExt, stream};
use local_stack::{AwsClients, StackEnv, interrupt};
use protocol::ObjectRef;
use reconciliation::executions::ExecutionQuery;
use reconciliation::ledger::LedgerEntry;
use reconciliation::{CONCURRENCY, VersionMap, executions, landing};

use crate::commands::replay::dry_run::{
    DryRunOutcome, KeyEffect, Prediction, changed_definition, key_effect, known_rows, predict,
};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::output::{Progress, print_json, print_line, print_table};
use crate::recovery::{
    ExecutionStart, bare_event, dead_letter_objects, deployed_definitions, interruptible, ledger_session,
    start_executions,
};
use crate::time_argument::TimeArgument;

/// Start executions for objects in the landing bucket
///
/// Starts one execution for the latest version of each object. The loader does not load a file twice.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("objects").args(["key", "prefix"]).required(true)))]
pub(crate) struct ReplayArgs {
    /// Key of one object
    #[arg(long)]
    key: Option<String>,
    /// Prefix of the keys
    #[arg(long)]
    prefix: Option<String>,
    /// Only objects that arrived at this time or later, in UTC unless it has an offset: 2024-05-01 or
    /// 2024-05-01T09:15+02:00
    #[arg(long, value_name = "TIME")]
    since: Option<TimeArgument>,
    /// Start nothing. Print the expected outcome of each object, its size in bytes, and its rows if the same content was
    /// loaded before
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Returns false if no object has this key or prefix.
pub(crate) async fn run(args: ReplayArgs, context: &Context) -> Result<bool> {
    let env = context.stack_env()?;
    let progress = Progress::new();
    let clients = AwsClients::of(&env).await;
    let objects = objects(&clients, &args, &env.landing_bucket).await?;
    if objects.is_empty() {
        eprintln!("s3://{} has no such object", env.landing_bucket);
    } else if args.dry_run {
        print(&predictions(&clients, &env, &objects, progress).await?, args.json)?;
    } else {
        let starts = starts(&clients, &env, &objects, progress).await?;
        let started = start_executions(&clients, starts, progress).await?;
        if args.json {
            print_json(&started)?;
        } else {
            let next = "`penstock runs` lists them, `penstock reconcile` finds files that are not loaded";
            print_line(&format!("{} started; {next}", started.len()));
        }
    }
    Ok(!objects.is_empty())
}

/// Lists the latest versions. A deleted object has none.
async fn objects(clients: &AwsClients, args: &ReplayArgs, bucket: &str) -> Result<Vec<ObjectRef>> {
    let prefix = args.key.as_ref().or(args.prefix.as_ref()).map_or("", String::as_str);
    let versions = landing::list_versions(&clients.s3, bucket, prefix, args.since.map(TimeArgument::utc));
    let mut listed = interruptible(versions).await?;
    listed.retain(|it| it.is_latest);
    if let Some(key) = &args.key {
        listed.retain(|it| it.object.key == *key);
    }
    Ok(listed.into_iter().map(|it| it.object).collect())
}

/// Builds the executions. Uses the original event of an object if it is known, because only the event has the sequencer,
/// which orders the versions of an object.
async fn starts(
    clients: &AwsClients,
    env: &StackEnv,
    objects: &[ObjectRef],
    progress: Progress,
) -> Result<Vec<ExecutionStart>> {
    let step = progress.step("events");
    let mut events = VersionMap::default();
    for (object, event) in dead_letter_objects(clients, env).await? {
        events.insert(&object, event, |_, _| {});
    }
    if let Some(since) = objects.iter().filter_map(|object| object.event_time).min() {
        let query =
            ExecutionQuery { machine: &env.state_machine_arn, since, failed_only: true, known: &Default::default() };
        for execution in interruptible(executions::read(&clients.sfn, &query)).await? {
            events.insert(&execution.object, execution.input, |_, _| {});
        }
    }
    let start = |object: &ObjectRef| {
        let input = events.get(object).cloned().map_or_else(|| bare_event(object), Ok)?;
        Ok(ExecutionStart { about: object.key.clone(), machine: env.state_machine_arn.clone(), name: None, input })
    };
    let starts = objects.iter().map(start).collect::<Result<Vec<_>>>()?;
    step.done(&format!("read for {} objects", starts.len()));
    Ok(starts)
}

async fn predictions(
    clients: &AwsClients,
    env: &StackEnv,
    objects: &[ObjectRef],
    progress: Progress,
) -> Result<Vec<Prediction>> {
    let step = progress.step("definitions, data files, ledger");
    let catalog = deployed_definitions(clients, env).await?;
    let effects = stream::iter(objects)
        .map(|object| with_data_file(clients, object, key_effect(&catalog, object)))
        .buffered(CONCURRENCY);
    let effects: Vec<(&ObjectRef, KeyEffect<'_>)> = effects.try_collect().await?;
    let data = effects.iter().filter_map(|(_, effect)| match effect {
        KeyEffect::Load { data, .. } => Some(data),
        KeyEffect::NoLoad { .. } => None,
    });
    let session = ledger_session(env).await?;
    let ledger = interruptible(reconciliation::ledger::of_keys(&session.client, data)).await?;
    let mut histories: HashMap<(&str, &str, &str, &str), Vec<&LedgerEntry>> = HashMap::new();
    for entry in &ledger {
        let ObjectRef { bucket, key, .. } = &entry.object;
        histories.entry((&entry.pipeline, &entry.dataset, bucket, key)).or_default().push(entry);
    }
    let predictions = effects.iter().map(|(object, effect)| match effect {
        KeyEffect::NoLoad { outcome, reason } => {
            let reason = Some(reason.clone()).filter(|reason| !reason.is_empty());
            let (key, version_id) = (object.key.clone(), object.version_id.clone());
            Prediction {
                key,
                version_id,
                outcome: *outcome,
                reason,
                dataset: None,
                bytes: object.size_bytes,
                rows: None,
            }
        }
        KeyEffect::Load { definition, dataset, data } => {
            let history = histories.get(&(definition.pipeline.as_str(), &dataset.name, &data.bucket, &data.key));
            let history = history.map_or(&[][..], Vec::as_slice);
            let outcome = predict(dataset, history, data);
            let named = (data.key != object.key).then(|| format!("its data file is {data}"));
            let changed = || changed_definition(&definition.hash, history, &data.key);
            let changed = (outcome == DryRunOutcome::AlreadyLoaded).then(changed).flatten();
            Prediction {
                key: object.key.clone(),
                version_id: object.version_id.clone(),
                outcome,
                reason: [named, changed].into_iter().flatten().reduce(|one, other| format!("{one}; {other}")),
                dataset: Some(format!("{}/{}", definition.pipeline, dataset.name)),
                bytes: data.size_bytes,
                rows: known_rows(history, data),
            }
        }
    });
    let predictions: Vec<Prediction> = predictions.collect();
    step.done(&format!("read for {} objects", predictions.len()));
    Ok(predictions)
}

/// Completes the effect of a trigger with the version, etag and size of its data file.
async fn with_data_file<'a, 'b>(
    clients: &AwsClients,
    object: &'b ObjectRef,
    effect: KeyEffect<'a>,
) -> Result<(&'b ObjectRef, KeyEffect<'a>)> {
    let KeyEffect::Load { definition, dataset, data } = effect else { return Ok((object, effect)) };
    if data == *object {
        return Ok((object, KeyEffect::Load { definition, dataset, data }));
    }
    interrupt::check()?;
    let head = match clients.s3.head_object().bucket(&data.bucket).key(&data.key).send().await {
        Ok(head) => head,
        Err(SdkError::ServiceError(error)) if matches!(error.err(), HeadObjectError::NotFound(_)) => {
            let reason = format!("{data} does not exist");
            return Ok((object, KeyEffect::NoLoad { outcome: DryRunOutcome::Wait, reason }));
        }
        Err(error) => return Err(Error::aws(format!("reading {data}"))(error)),
    };
    let data = ObjectRef {
        version_id: head.version_id.filter(|version| version != "null"),
        etag: head.e_tag.map(|etag| etag.trim_matches('"').to_owned()),
        size_bytes: head.content_length.and_then(|size| u64::try_from(size).ok()),
        ..data
    };
    Ok((object, KeyEffect::Load { definition, dataset, data }))
}

fn print(predictions: &[Prediction], json: bool) -> Result<()> {
    if json {
        return print_json(predictions);
    }
    let cells = |it: &Prediction| {
        vec![
            it.key.clone(),
            it.outcome.words().to_owned(),
            it.dataset.clone().unwrap_or_default(),
            it.bytes.map(|bytes| bytes.to_string()).unwrap_or_default(),
            it.rows.map(|rows| rows.to_string()).unwrap_or_default(),
            it.reason.clone().unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = predictions.iter().map(cells).collect();
    print_table(&["file", "would", "dataset", "bytes", "rows", "reason"], &rows);
    print_line(&summary(predictions));
    Ok(())
}

/// Summarizes the expected loads. Rows are known only for content that was loaded before.
fn summary(predictions: &[Prediction]) -> String {
    let loads: Vec<&Prediction> = predictions.iter().filter(|it| it.outcome == DryRunOutcome::Load).collect();
    let bytes: u64 = loads.iter().filter_map(|it| it.bytes).sum();
    let rows: i64 = loads.iter().filter_map(|it| it.rows).sum();
    let unknown = loads.iter().filter(|it| it.rows.is_none()).count();
    let (count, of) = (loads.len(), predictions.len());
    format!(
        "{count} of {of} would load: {bytes} bytes, {rows} rows by earlier loads of the same content; the rows of {unknown} files are unknown"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_counts_known_and_unknown_rows() {
        let one = |outcome, bytes, rows| Prediction {
            key: "k".to_owned(),
            version_id: None,
            outcome,
            reason: None,
            dataset: None,
            bytes: Some(bytes),
            rows,
        };
        let predictions = [
            one(DryRunOutcome::Load, 10, Some(3)),
            one(DryRunOutcome::Load, 5, None),
            one(DryRunOutcome::AlreadyLoaded, 100, Some(50)),
        ];
        assert_eq!(
            summary(&predictions),
            "2 of 3 would load: 15 bytes, 3 rows by earlier loads of the same content; the rows of 1 files are unknown"
        );
    }
}
