use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use local_stack::{AwsClients, StackEnv};
use pipeline::Catalog;
use reconciliation::executions::ExecutionQuery;
use reconciliation::{ExecutionIndex, FileStatus, FileVersion, LedgerIndex, Records, VersionMap, executions, landing};
use serde::Serialize;

use crate::context::Context;
use crate::error::Result;
use crate::output::{Progress, print_json, print_line, print_table, utc_rfc3339};
use crate::recovery::{
    ExecutionStart, StartedExecution, bare_event, dead_letter_objects, deployed_definitions, interruptible,
    ledger_session, start_executions,
};
use crate::time_argument::TimeArgument;

/// Find lost files: compare the landing bucket with the ledger and the executions
///
/// Every object version must be loaded, already loaded, superseded, ignored, running, or failed with a notice. Exits with
/// status 1 if a version is none of these.
#[derive(Debug, Args)]
pub(crate) struct ReconcileArgs {
    /// Only objects whose key has this prefix
    #[arg(long, default_value = "", hide_default_value = true)]
    prefix: String,
    /// Only objects that arrived at this time or later, in UTC unless it has an offset: 2024-05-01 or
    /// 2024-05-01T09:15+02:00
    #[arg(long, value_name = "TIME")]
    since: Option<TimeArgument>,
    /// Minimum age, in minutes, of an object without an execution before it counts as lost
    #[arg(long, value_name = "MINUTES", default_value_t = 5)]
    grace: u32,
    /// Start executions for the lost files
    #[arg(long)]
    start: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct ReconcileReport {
    bucket: String,
    /// Number of object versions per status.
    statuses: BTreeMap<&'static str, usize>,
    /// Versions that need an action.
    open: Vec<VersionRow>,
    /// Versions whose executions are too old to be kept.
    unknown: Vec<VersionRow>,
    started: Vec<StartedExecution>,
}

#[derive(Debug, Serialize)]
struct VersionRow {
    key: String,
    version_id: Option<String>,
    last_modified: Option<DateTime<Utc>>,
    status: FileStatus,
}

/// Returns false if an object version needs an action.
pub(crate) async fn run(args: ReconcileArgs, context: &Context) -> Result<bool> {
    let env = context.stack_env()?;
    let progress = Progress::new();
    let clients = AwsClients::of(&env).await;
    let bucket = &env.landing_bucket;
    let step = progress.step("landing bucket");
    let versions = landing::list_versions(&clients.s3, bucket, &args.prefix, args.since.map(TimeArgument::utc));
    let listed = interruptible(versions).await?;
    step.done(&format!("has {} object versions", listed.len()));
    let step = progress.step("ledger");
    let session = ledger_session(&env).await?;
    let entries = interruptible(reconciliation::ledger::of_bucket(&session.client, bucket)).await?;
    let ledger = LedgerIndex::new(&entries);
    step.done(&format!("has {} object versions", entries.len()));

    let (catalog, executions, dead_letters) = match ledger.oldest_unrecorded(&listed) {
        Some(since) => read_unrecorded(&clients, &env, &ledger, since, progress).await?,
        None => Default::default(),
    };
    let records = Records {
        landing_bucket: bucket,
        ledger: &ledger,
        catalog: &catalog,
        executions: &executions,
        dead_letters: &dead_letters,
        now: Utc::now(),
        grace: TimeDelta::minutes(args.grace.into()),
    };
    let versions = records.statuses(listed);
    let mut report = ReconcileReport::of(bucket, &versions);
    if args.start {
        let wanted = |status: FileStatus| status.is_open() && status != FileStatus::DeadLetter;
        let startable = records.startable(&versions, wanted);
        let starts = startable.into_iter().map(|it| execution_start(&env, it)).collect::<Result<Vec<_>>>()?;
        report.started = start_executions(&clients, starts, progress).await?;
    }
    report.print(args.json)?;
    // --start does not start events in the dead-letter queue.
    let is_left = |open: &VersionRow| !args.start || open.status == FileStatus::DeadLetter;
    Ok(!report.open.iter().any(is_left))
}

/// Reads the definitions, executions and dead letters that decide about versions without a ledger entry.
async fn read_unrecorded(
    clients: &AwsClients,
    env: &StackEnv,
    ledger: &LedgerIndex<'_>,
    since: DateTime<Utc>,
    progress: Progress,
) -> Result<(Catalog, ExecutionIndex, VersionMap<()>)> {
    let step = progress.step("executions");
    let catalog = deployed_definitions(clients, env).await?;
    let known = ledger.recorded_executions(&catalog);
    let query = ExecutionQuery { machine: &env.state_machine_arn, since, failed_only: false, known: &known };
    let found = interruptible(executions::read(&clients.sfn, &query)).await?;
    step.done(&format!("{} read", found.len()));
    let mut dead_letters = VersionMap::default();
    for (object, _) in dead_letter_objects(clients, env).await? {
        dead_letters.insert(&object, (), |(), ()| {});
    }
    Ok((catalog, ExecutionIndex::new(found), dead_letters))
}

/// Builds an execution with the original event, or with the properties of the object if the event is unknown.
fn execution_start(env: &StackEnv, version: &FileVersion) -> Result<ExecutionStart> {
    let object = &version.listed.object;
    let input = version.execution.as_ref().map_or_else(|| bare_event(object), |it| Ok(it.input.clone()))?;
    Ok(ExecutionStart { about: object.key.clone(), machine: env.state_machine_arn.clone(), name: None, input })
}

impl ReconcileReport {
    fn of(bucket: &str, versions: &[FileVersion]) -> Self {
        let mut statuses = BTreeMap::new();
        for version in versions {
            *statuses.entry(version.status.description()).or_default() += 1;
        }
        let rows = |which: fn(FileStatus) -> bool| {
            versions.iter().filter(|it| which(it.status)).map(VersionRow::of).collect::<Vec<VersionRow>>()
        };
        let unknown = rows(|status| status == FileStatus::Unknown);
        Self { bucket: bucket.to_owned(), statuses, open: rows(FileStatus::is_open), unknown, started: Vec::new() }
    }

    fn print(&self, json: bool) -> Result<()> {
        if json {
            return print_json(self);
        }
        for (description, count) in &self.statuses {
            print_line(&format!("{count:>8}  {description}"));
        }
        let rows: Vec<Vec<String>> = self.open.iter().chain(&self.unknown).map(VersionRow::cells).collect();
        if !rows.is_empty() {
            print_line("");
            print_table(&["key", "version", "arrived", "status"], &rows);
        }
        print_line(&self.summary());
        Ok(())
    }

    fn summary(&self) -> String {
        let dead = self.open.iter().filter(|it| it.status == FileStatus::DeadLetter).count();
        let letters = if dead > 0 {
            "; `penstock dead-letters --redrive` starts the events in the dead-letter queue"
        } else {
            ""
        };
        match (self.open.len(), self.started.len()) {
            (0, _) => "no file is lost".to_owned(),
            (open, 0) if open > dead => format!("{open} need an action; --start starts the lost files{letters}"),
            (open, 0) => format!("{open} need an action{letters}"),
            (_, started) => format!("{started} started; run `penstock reconcile` again when they have ended{letters}"),
        }
    }
}

impl VersionRow {
    fn of(version: &FileVersion) -> Self {
        let object = &version.listed.object;
        Self {
            key: object.key.clone(),
            version_id: object.version_id.clone(),
            last_modified: object.event_time,
            status: version.status,
        }
    }

    fn cells(&self) -> Vec<String> {
        let version = self.version_id.clone().unwrap_or_default();
        let arrived = self.last_modified.map(utc_rfc3339).unwrap_or_default();
        vec![self.key.clone(), version, arrived, self.status.description().to_owned()]
    }
}
