//! `penstock reconcile`: the landing bucket against the ledger and the executions.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use pipeline::Catalog;
use reconciliation::executions::ExecutionQuery;
use reconciliation::{ExecutionIndex, FileStatus, FileVersion, LedgerIndex, Records, VersionMap, executions, landing};
use serde::Serialize;

use super::start::{Start, Started, bare_event, start_all};
use super::{dead_letters, definitions, ledger, shown};
use crate::cloud::Cloud;
use crate::local::StackEnv;
use crate::progress::Progress;
use crate::{Result, interrupt, table};

/// What `reconcile` is asked for.
#[derive(Debug)]
pub(crate) struct ReconcileOptions {
    /// Only keys that begin so.
    pub(crate) prefix: String,
    pub(crate) since: Option<DateTime<Utc>>,
    /// A younger object may still have its event on the way.
    pub(crate) grace: TimeDelta,
    /// Start what was missed.
    pub(crate) start: bool,
    pub(crate) json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    bucket: String,
    /// Counts of object versions by status.
    statuses: BTreeMap<&'static str, usize>,
    /// Those that somebody has to do something about.
    open: Vec<Named>,
    /// Those of which nothing can be known any more.
    unknown: Vec<Named>,
    started: Vec<Started>,
}

#[derive(Debug, Serialize)]
struct Named {
    key: String,
    version_id: Option<String>,
    last_modified: Option<DateTime<Utc>>,
    status: FileStatus,
}

/// False while an object version is open.
pub(crate) async fn reconcile(options: &ReconcileOptions, env: &StackEnv, progress: Progress) -> Result<bool> {
    let cloud = Cloud::of(env).await;
    let bucket = &env.landing_bucket;
    let step = progress.step("landing bucket");
    let versions = landing::list_versions(&cloud.s3, bucket, &options.prefix, options.since);
    let listed = interrupt::unless_asked(versions).await?;
    step.done(&format!("has {} object versions", listed.len()));
    let step = progress.step("ledger");
    let session = ledger::open(env).await?;
    let entries = interrupt::unless_asked(reconciliation::ledger::of_bucket(&session.client, bucket)).await?;
    let ledger = LedgerIndex::new(&entries);
    step.done(&format!("knows {} object versions", entries.len()));

    let (catalog, executions, letters) = match ledger.oldest_unrecorded(&listed) {
        Some(since) => evidence(&cloud, env, &ledger, since, progress).await?,
        None => Default::default(),
    };
    let records = Records {
        landing_bucket: bucket,
        ledger: &ledger,
        catalog: &catalog,
        executions: &executions,
        dead_letters: &letters,
        now: Utc::now(),
        grace: options.grace,
    };
    let versions = records.statuses(listed);
    let mut report = Report::of(bucket, &versions);
    if options.start {
        let wanted = |status: FileStatus| status.is_open() && status != FileStatus::DeadLetter;
        let startable = records.startable(&versions, wanted);
        let starts = startable.into_iter().map(|it| start(env, it)).collect::<Result<Vec<_>>>()?;
        report.started = start_all(&cloud, starts, progress).await?;
    }
    report.print(options.json)?;
    // What waits in the queue is not started from here.
    let is_left = |open: &Named| !options.start || open.status == FileStatus::DeadLetter;
    Ok(!report.open.iter().any(is_left))
}

/// What there is to know of versions that the ledger does not know.
async fn evidence(
    cloud: &Cloud,
    env: &StackEnv,
    ledger: &LedgerIndex<'_>,
    since: DateTime<Utc>,
    progress: Progress,
) -> Result<(Catalog, ExecutionIndex, VersionMap<()>)> {
    let step = progress.step("executions");
    let catalog = definitions::deployed(cloud, env).await?;
    let known = ledger.recorded_executions(&catalog);
    let query = ExecutionQuery { machine: &env.state_machine_arn, since, failed_only: false, known: &known };
    let found = interrupt::unless_asked(executions::read(&cloud.sfn, &query)).await?;
    step.done(&format!("{} looked at", found.len()));
    let mut letters = VersionMap::default();
    for (object, _) in dead_letters::waiting(cloud, env).await? {
        letters.insert(&object, (), |(), ()| {});
    }
    Ok((catalog, ExecutionIndex::new(found), letters))
}

/// With the event that the version had, or else with what S3 says of it.
fn start(env: &StackEnv, version: &FileVersion) -> Result<Start> {
    let object = &version.listed.object;
    let input = version.execution.as_ref().map_or_else(|| bare_event(object), |it| Ok(it.input.clone()))?;
    Ok(Start { about: object.key.clone(), machine: env.state_machine_arn.clone(), name: None, input })
}

impl Report {
    fn of(bucket: &str, versions: &[FileVersion]) -> Self {
        let mut statuses = BTreeMap::new();
        for it in versions {
            *statuses.entry(it.status.description()).or_default() += 1;
        }
        let named = |which: fn(FileStatus) -> bool| {
            versions.iter().filter(|it| which(it.status)).map(Named::of).collect::<Vec<Named>>()
        };
        let unknown = named(|status| status == FileStatus::Unknown);
        Self { bucket: bucket.to_owned(), statuses, open: named(FileStatus::is_open), unknown, started: Vec::new() }
    }

    fn print(&self, json: bool) -> Result<()> {
        if json {
            return table::print_json(self);
        }
        for (words, count) in &self.statuses {
            table::say(&format!("{count:>8}  {words}"));
        }
        let named: Vec<&Named> = self.open.iter().chain(&self.unknown).collect();
        if !named.is_empty() {
            table::say("");
            let cells = |it: &&Named| {
                let time = it.last_modified.map(shown).unwrap_or_default();
                vec![
                    it.key.clone(),
                    it.version_id.clone().unwrap_or_default(),
                    time,
                    it.status.description().to_owned(),
                ]
            };
            table::print(&["key", "version", "arrived", "status"], &named.iter().map(cells).collect::<Vec<_>>());
        }
        table::say(&self.summary());
        Ok(())
    }

    fn summary(&self) -> String {
        let waiting = self.open.iter().filter(|it| it.status == FileStatus::DeadLetter).count();
        let letters =
            if waiting > 0 { "; `penstock dead-letters --redrive` starts what waits in the queue" } else { "" };
        match (self.open.len(), self.started.len()) {
            (0, _) => "nothing was lost".to_owned(),
            (open, 0) if open > waiting => format!("{open} are open; --start starts what was missed{letters}"),
            (open, 0) => format!("{open} are open{letters}"),
            (_, started) => format!("{started} started; look again when they have ended{letters}"),
        }
    }
}

impl Named {
    fn of(version: &FileVersion) -> Self {
        let object = &version.listed.object;
        Self {
            key: object.key.clone(),
            version_id: object.version_id.clone(),
            last_modified: object.event_time,
            status: version.status,
        }
    }
}
