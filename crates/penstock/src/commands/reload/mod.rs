mod candidates;

use std::time::Duration;

use aws_sdk_sfn::types::ExecutionStatus;
use clap::{ArgGroup, Args};
use futures_util::{StreamExt, TryStreamExt, stream};
use local_stack::{AwsClients, StackEnv, interrupt};
use reconciliation::CONCURRENCY;
use serde::Serialize;
use serde_json::Value;

use crate::commands::reload::candidates::{Candidate, LoadFilter, ReloadOutcome, candidates, waves};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::executions::{describe_execution, reason_and_remedy};
use crate::output::{FailureText, Progress, grouped, print_failure, print_json, print_line, print_table};
use crate::recovery::{ExecutionStart, deployed_definitions, exist, ledger_session, start_execution};
use crate::time_argument::TimeArgument;

const POLL: Duration = Duration::from_millis(300);

/// Load files again with the current definitions, in place of their rows
///
/// Loads the versions whose rows are in the table, in the order of the versions. Each new load removes the rows of the
/// load that it replaces, and the rows of its repairs. A failed reload changes nothing. Exits with status 1 if one fails.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("loads").args(["keys", "dataset"]).required(true).multiple(false)))]
pub(crate) struct ReloadArgs {
    /// Keys of the files
    #[arg(value_name = "KEY")]
    keys: Vec<String>,
    /// All files of a dataset
    #[arg(long, value_name = "PIPELINE/DATASET", value_parser = dataset_name)]
    dataset: Option<(String, String)>,
    /// Only files whose key has this prefix
    #[arg(long, requires = "dataset")]
    prefix: Option<String>,
    /// Only files that were loaded at this time or later, in UTC unless it has an offset: 2024-05-01 or
    /// 2024-05-01T09:15+02:00
    #[arg(long, value_name = "TIME", requires = "dataset")]
    since: Option<TimeArgument>,
    /// Load nothing. Print what happens to each file and its rows
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn dataset_name(text: &str) -> std::result::Result<(String, String), String> {
    let names = text.split_once('/').map(|(pipeline, dataset)| (pipeline.to_owned(), dataset.to_owned()));
    names.ok_or_else(|| "expected PIPELINE/DATASET, such as retail/orders".to_owned())
}

/// The expected effect on one load.
#[derive(Debug, Serialize)]
struct Prediction {
    key: String,
    version_id: Option<String>,
    dataset: String,
    /// The load that is replaced.
    load_id: i64,
    #[serde(rename = "would")]
    outcome: ReloadOutcome,
    /// The rows of the load, which the reload removes.
    rows: i64,
    repaired_rows: i64,
    reason: Option<String>,
}

/// The result of one reload.
#[derive(Debug, Serialize)]
struct ReloadResult {
    key: String,
    version_id: Option<String>,
    /// The load that is replaced.
    replaces: i64,
    execution: String,
    outcome: String,
    failed: bool,
    /// The new load.
    load_id: Option<i64>,
    rows_loaded: Option<i64>,
    rows_rejected: Option<i64>,
    reason: Option<String>,
    remedy: Option<String>,
}

/// Returns false if there is no such load, or if a reload fails.
pub(crate) async fn run(args: ReloadArgs, context: &Context) -> Result<bool> {
    let env = context.stack_env()?;
    let progress = Progress::new();
    let clients = AwsClients::of(&env).await;
    let step = progress.step("definitions, ledger");
    let catalog = deployed_definitions(&clients, &env).await?;
    let session = ledger_session(&env).await?;
    let ReloadArgs { keys, dataset, prefix, since, dry_run, json } = args;
    let keys = Some(keys).filter(|keys| !keys.is_empty());
    let filter = LoadFilter { keys, dataset, prefix, since: since.map(TimeArgument::utc) };
    let found = candidates(&session.client, &filter).await?;
    step.done(&format!("{} loads", found.len()));
    if found.is_empty() {
        eprintln!("no such file is loaded; `penstock replay --key KEY` starts a file that is not in the ledger");
        return Ok(false);
    }
    let predicted: Vec<_> = found.iter().map(|it| it.predict(&catalog, &env.landing_bucket)).collect();
    if dry_run {
        let exist = exist(&clients, found.iter().map(|it| &it.object)).await?;
        let predictions: Vec<Prediction> = found
            .into_iter()
            .zip(predicted)
            .zip(exist)
            .map(|((candidate, predicted), exists)| Prediction::new(candidate, predicted, exists))
            .collect();
        print_predictions(&predictions, json)?;
        return Ok(true);
    }
    let staying = predicted.iter().filter(|(outcome, _)| *outcome != ReloadOutcome::Reload).count();
    let reloads = found.into_iter().zip(predicted).filter(|(_, (outcome, _))| *outcome == ReloadOutcome::Reload);
    let waves = waves(reloads.map(|(candidate, _)| candidate).collect(), &catalog);
    let results = reload(&clients, &env, waves, progress).await?;
    print_results(&results, staying, json)?;
    Ok(!results.iter().any(|result| result.failed))
}

/// Reloads one wave after the other. A failure does not stop the others: its older rows stay.
async fn reload(
    clients: &AwsClients,
    env: &StackEnv,
    waves: Vec<Vec<Candidate>>,
    progress: Progress,
) -> Result<Vec<ReloadResult>> {
    let mut count = progress.count("files", waves.iter().map(Vec::len).sum());
    let mut results = Vec::new();
    for wave in waves {
        let mut running =
            stream::iter(wave).map(|candidate| reload_one(clients, env, candidate)).buffer_unordered(CONCURRENCY);
        while let Some(result) = running.try_next().await? {
            count.add(&format!("{}: {}", result.key, result.outcome));
            results.push(result);
        }
    }
    count.finish();
    Ok(results)
}

async fn reload_one(clients: &AwsClients, env: &StackEnv, candidate: Candidate) -> Result<ReloadResult> {
    let (about, machine) = (candidate.object.key.clone(), env.state_machine_arn.clone());
    let start = ExecutionStart { about, machine, name: None, input: candidate.event()? };
    let started = start_execution(clients, start).await?;
    let arn = started.execution.ok_or_else(|| Error::Unexpected("an execution without a name exists".to_owned()))?;
    let ended = loop {
        let described = describe_execution(clients, &arn).await?;
        if !matches!(described.status, ExecutionStatus::Running | ExecutionStatus::PendingRedrive) {
            break described;
        }
        interrupt::sleep(POLL).await?;
    };
    let output: Value = serde_json::from_str(ended.output.as_deref().unwrap_or_default()).unwrap_or_default();
    let failed = ended.status != ExecutionStatus::Succeeded;
    let (reason, remedy) = ended.cause.as_deref().map(reason_and_remedy).unzip();
    let text = |name: &str| output[name].as_str().map(str::to_owned);
    let number = |name: &str| output["report"][name].as_i64();
    Ok(ReloadResult {
        key: candidate.object.key,
        version_id: candidate.object.version_id,
        replaces: candidate.load_id,
        execution: arn,
        outcome: text("outcome").or(ended.error).unwrap_or_else(|| ended.status.as_str().to_owned()),
        failed,
        load_id: number("load_id"),
        rows_loaded: number("rows_loaded"),
        rows_rejected: number("rows_rejected"),
        reason: text("reason").or(reason),
        remedy: remedy.flatten(),
    })
}

impl Prediction {
    fn new(candidate: Candidate, (outcome, reason): (ReloadOutcome, Option<String>), exists: bool) -> Self {
        let gone = outcome == ReloadOutcome::Reload && !exists;
        Self {
            key: candidate.object.key,
            version_id: candidate.object.version_id,
            dataset: format!("{}/{}", candidate.pipeline, candidate.dataset),
            load_id: candidate.load_id,
            outcome: if gone { ReloadOutcome::ObjectGone } else { outcome },
            rows: candidate.rows,
            repaired_rows: candidate.repaired_rows,
            reason,
        }
    }
}

fn print_predictions(predictions: &[Prediction], json: bool) -> Result<()> {
    if json {
        return print_json(predictions);
    }
    let cells = |it: &Prediction| {
        vec![
            it.key.clone(),
            it.load_id.to_string(),
            it.outcome.words().to_owned(),
            it.dataset.clone(),
            grouped(it.rows),
            grouped(it.repaired_rows),
            it.reason.clone().unwrap_or_default(),
        ]
    };
    let header = ["file", "load", "would", "dataset", "rows", "repaired", "reason"];
    print_table(&header, &predictions.iter().map(cells).collect::<Vec<_>>());
    let reloads = predictions.iter().filter(|it| it.outcome == ReloadOutcome::Reload);
    let (count, rows) = reloads.fold((0, 0), |(count, rows), it| (count + 1, rows + it.rows + it.repaired_rows));
    print_line(&format!("{count} of {} would reload, in place of {} rows", predictions.len(), grouped(rows)));
    Ok(())
}

fn print_results(results: &[ReloadResult], staying: usize, json: bool) -> Result<()> {
    if json {
        return print_json(results);
    }
    let number = |number: Option<i64>| number.map(grouped).unwrap_or_default();
    let cells = |it: &ReloadResult| {
        vec![
            it.key.clone(),
            it.replaces.to_string(),
            it.outcome.clone(),
            it.load_id.filter(|_| !it.failed).map(|load_id| load_id.to_string()).unwrap_or_default(),
            number(it.rows_loaded),
            number(it.rows_rejected),
        ]
    };
    print_table(
        &["file", "replaced load", "outcome", "load", "rows", "rejected"],
        &results.iter().map(cells).collect::<Vec<_>>(),
    );
    for result in results {
        if result.failed {
            print_failure(&FailureText {
                what: &result.key,
                name: &result.outcome,
                reason: result.reason.as_deref(),
                remedy: result.remedy.as_deref(),
                more: &[],
            });
        } else if let Some(reason) = &result.reason {
            print_line(&format!("  {}: {reason}", result.key));
        }
    }
    let reloaded = results.iter().filter(|result| !result.failed).count();
    print_line(&format!("{reloaded} of {} reloaded", results.len()));
    if staying > 0 {
        print_line(&format!("{staying} not started; --dry-run names the reasons"));
    }
    Ok(())
}
