//! `penstock reconcile`: the landing bucket against the ledger and the executions.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use pipeline::Catalog;
use reconciliation::traces::Wanted;
use reconciliation::{ByVersion, Executions, Judged, Known, Ledger, Standing, landing, traces};
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
    /// How many object versions stand where.
    standings: BTreeMap<&'static str, usize>,
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
    standing: Standing,
}

/// False while an object version is open.
pub(crate) async fn reconcile(options: &ReconcileOptions, env: &StackEnv, progress: Progress) -> Result<bool> {
    let cloud = Cloud::of(env).await;
    let bucket = &env.landing_bucket;
    let step = progress.step("landing bucket");
    let versions = landing::versions(&cloud.s3, bucket, &options.prefix, options.since);
    let listed = interrupt::unless_asked(versions).await?;
    step.done(&format!("has {} object versions", listed.len()));
    let step = progress.step("ledger");
    let session = ledger::open(env).await?;
    let entries = interrupt::unless_asked(reconciliation::ledger::of_bucket(&session.client, bucket)).await?;
    let ledger = Ledger::of(&entries);
    step.done(&format!("knows {} object versions", entries.len()));

    let undecided_since = ledger.undecided_since(&listed);
    let (catalog, executions, letters) = match undecided_since {
        Some(since) => evidence(&cloud, env, &ledger, since, progress).await?,
        None => Default::default(),
    };
    let known = Known {
        landing_bucket: bucket,
        ledger: &ledger,
        catalog: &catalog,
        executions: &executions,
        dead_letters: &letters,
        now: Utc::now(),
        grace: options.grace,
    };
    let judged = known.judge(listed);
    let mut report = Report::of(bucket, &judged);
    if options.start {
        let wanted = |standing: Standing| standing.is_open() && standing != Standing::DeadLetter;
        let startable = known.startable(&judged, wanted);
        let starts = startable.into_iter().map(|it| start(env, it)).collect::<Result<Vec<_>>>()?;
        report.started = start_all(&cloud, starts, progress).await?;
    }
    report.print(options.json)?;
    // What waits in the queue is not started from here.
    let is_left = |open: &Named| !options.start || open.standing == Standing::DeadLetter;
    Ok(!report.open.iter().any(is_left))
}

/// What there is to know of versions that the ledger does not know.
async fn evidence(
    cloud: &Cloud,
    env: &StackEnv,
    ledger: &Ledger<'_>,
    since: DateTime<Utc>,
    progress: Progress,
) -> Result<(Catalog, Executions, ByVersion<()>)> {
    let step = progress.step("executions");
    let catalog = definitions::deployed(cloud, env).await?;
    let known = ledger.tells_all_of(&catalog);
    let wanted = Wanted { machine: &env.state_machine_arn, since, failed: false, known: &known };
    let found = interrupt::unless_asked(traces::read(&cloud.sfn, &wanted)).await?;
    step.done(&format!("{} looked at", found.len()));
    let letters = dead_letters::waiting(cloud, env).await?;
    let letters = reconciliation::dead_letters(letters.iter().map(|(object, _)| object));
    Ok((catalog, Executions::of(found), letters))
}

/// With the event that the version had, or else with what S3 says of it.
fn start(env: &StackEnv, judged: &Judged) -> Result<Start> {
    let object = &judged.listed.object;
    let input = judged.trace.as_ref().map_or_else(|| bare_event(object), |trace| Ok(trace.input.clone()))?;
    Ok(Start { about: object.key.clone(), machine: env.state_machine_arn.clone(), name: None, input })
}

impl Report {
    fn of(bucket: &str, judged: &[Judged]) -> Self {
        let mut standings = BTreeMap::new();
        for it in judged {
            *standings.entry(it.standing.words()).or_default() += 1;
        }
        let named = |which: fn(Standing) -> bool| {
            judged.iter().filter(|it| which(it.standing)).map(Named::of).collect::<Vec<Named>>()
        };
        let unknown = named(|standing| standing == Standing::Unknown);
        Self { bucket: bucket.to_owned(), standings, open: named(Standing::is_open), unknown, started: Vec::new() }
    }

    fn print(&self, json: bool) -> Result<()> {
        if json {
            return table::print_json(self);
        }
        for (words, count) in &self.standings {
            table::say(&format!("{count:>8}  {words}"));
        }
        let named: Vec<&Named> = self.open.iter().chain(&self.unknown).collect();
        if !named.is_empty() {
            table::say("");
            let cells = |it: &&Named| {
                let time = it.last_modified.map(shown).unwrap_or_default();
                vec![it.key.clone(), it.version_id.clone().unwrap_or_default(), time, it.standing.words().to_owned()]
            };
            table::print(&["key", "version", "arrived", "standing"], &named.iter().map(cells).collect::<Vec<_>>());
        }
        table::say(&self.summary());
        Ok(())
    }

    fn summary(&self) -> String {
        let waiting = self.open.iter().filter(|it| it.standing == Standing::DeadLetter).count();
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
    fn of(judged: &Judged) -> Self {
        let object = &judged.listed.object;
        Self {
            key: object.key.clone(),
            version_id: object.version_id.clone(),
            last_modified: object.event_time,
            standing: judged.standing,
        }
    }
}
