//! Loads one file: looks in the ledger, claims, copies, counts, commits.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use aws_sdk_s3::config::Builder as S3Config;
use formats::Counts;
use pipeline::{Dataset, Definition, WriteMode};
use postgres::{Client, Database, Mode, Session, Transaction};
use protocol::{LoadOutcome, LoadReport, LoadRequest, ObjectRef, RejectSample, RunRef};
use tokio::time::timeout;
use tracing::{info, warn};

use crate::{copy, ledger, runs, source};

use crate::config::Config;
use crate::copy::{Copied, Destination};
use crate::error::LoadError;
use crate::export::Curated;
use crate::ledger::{Claim, Entry, Settled};
use crate::limits::{COMMIT_TIMEOUT, EXPORT_MARGIN, LOCK_TIMEOUT};
use crate::merge::Writing;
use crate::relation::Relation;
use crate::repairs::{Declared, Repaired};
use crate::runs::Period;
use crate::shape::{Place, Shape};
use crate::source::{Progress, Storage};
use crate::target::Target;

/// Loads objects; made once, at cold start, and good for one load at a time and more.
#[derive(Debug)]
pub struct Loader {
    storage: Storage,
    database: Database,
    curated: Curated,
}

/// The time that a load has, from its start.
#[derive(Clone, Copy, Debug)]
pub struct TimeLeft {
    /// The load gives up after this time, if COMMIT is not sent.
    pub until_commit: Duration,
    /// The caller ends the load after this time.
    pub total: Duration,
}

impl Loader {
    /// Makes a loader. The loader connects to PostgreSQL and S3 at its first load.
    pub fn new(config: Config, database: Database, s3: S3Config) -> Self {
        let storage = Storage::new(s3, config.stall_timeout);
        let curated = Curated::new(storage.client().clone(), config.curated_bucket);
        Self { storage, database, curated }
    }

    /// Loads one object version exactly once. A second delivery finds the first in the ledger, and succeeds.
    ///
    /// Gives up after `time.until_commit`. After an error nothing of the load is in the database, but for a
    /// `DatabaseUnavailable` at COMMIT, which may have happened: the same request, sent again, finds out.
    pub async fn load(&self, request: &LoadRequest, time: TimeLeft) -> Result<LoadReport, LoadError> {
        let started = Instant::now();
        let order = Order::of(request)?;
        let progress = Progress::default();
        // Boxed: an async SDK call inside makes a future too large to be nested by value.
        let work = Box::pin(self.until_commit(&order, time.until_commit, &progress));
        let (session, ending) = match timeout(time.until_commit, work).await {
            Ok(done) => done?,
            Err(_) => return Err(out_of_time(&request.object, &progress, started.elapsed())),
        };
        // Outside the race: once COMMIT is sent, only PostgreSQL knows whether there is nothing loaded.
        let joined = end(&session.client, ending.rest, order.period.as_ref()).await?;
        let file_key = ending.repaired.as_ref().map_or(&request.object.key, |repaired| &repaired.file.key);
        let left = time.total.saturating_sub(started.elapsed());
        if self.export_rejects(&order, file_key, &session.client, &ending.report, left).await {
            self.database.keep(session);
        }
        let run = joined.or(ending.report.run);
        let report = LoadReport { run, duration_ms: milliseconds(started.elapsed()), ..ending.report };
        log(request, &report);
        Ok(report)
    }

    /// Whether the session is fit for the next load.
    async fn export_rejects(
        &self,
        order: &Order<'_>,
        file_key: &str,
        client: &Client,
        report: &LoadReport,
        left: Duration,
    ) -> bool {
        let is_ours = report.outcome == LoadOutcome::Loaded && report.rows_rejected > 0;
        let key = order.dataset.rejects_key(file_key, report.load_id);
        let Some(key) = key.filter(|_| is_ours) else { return true };
        let key = match key {
            Ok(key) => key,
            Err(error) => {
                warn!(load.id = report.load_id, reason = %error, "rejects are not exported: the key cannot be built");
                return true;
            }
        };
        let time = left.saturating_sub(EXPORT_MARGIN);
        let export = Box::pin(self.curated.export_rejects(client, report.load_id, &key));
        let exported = timeout(time, export).await;
        if exported.is_err() {
            warn!(load.id = report.load_id, object.key = %key, "rejects are not exported: no time was left");
        }
        exported.is_ok()
    }

    /// A load reads from top to bottom; dropping it at any point closes the session, and so rolls back.
    async fn until_commit(
        &self,
        order: &Order<'_>,
        time: Duration,
        progress: &Progress,
    ) -> Result<(Session, Ending), LoadError> {
        // A duplicate costs one query, and succeeds even when its object is gone by now.
        let named_by_event = source::identified(&order.request.object);
        let look = async |client: &Client| {
            let repaired = Repaired::look_up(client, order.request).await?;
            let settled = ledger::find(client, order.entry(&named_by_event, repaired.as_ref())).await?;
            Ok((repaired, settled))
        };
        let (session, (repaired, settled)) = self.database.session::<_, LoadError>(look).await?;
        let client = &session.client;
        if let Some(settled) = settled {
            let report = order.settled_report(client, settled).await?;
            return Ok((session, Ending { report, repaired, rest: Rest::None }));
        }

        let storage = self.storage.open(&order.request.object, order.request.format);
        let (download, relation) = tokio::try_join!(storage, Relation::look_up(client, &order.dataset.table))?;
        progress.bytes.store(download.bytes, Ordering::Relaxed);
        let place = Place { client, storage: &self.storage, request: order.request, progress };
        let (shape, download) = Shape::of(place, &order.dataset, relation.as_ref(), download).await?;
        let target = Target::prepare(client, &shape, relation).await?;

        let object = download.object.clone();
        let entry = order.entry(&object, repaired.as_ref());
        let begin = transaction(time).begin();
        let claim = ledger::claim(client, &begin, entry, &order.dataset, order.declared()).await?;
        let (report, rest) = match claim {
            Claim::Settled(settled) => (order.settled_report(client, settled).await?, Rest::Closed),
            Claim::Granted { load_id, predecessors, newer } => {
                let (dataset, target) = (&shape.dataset, &target);
                let writing = Writing { client, dataset, target, predecessors: &predecessors, newer: &newer };
                writing.prepare().await?;
                let bytes = download.bytes;
                let to = Destination { client, target, load_id };
                let copied = copy::copy(to, &self.storage, dataset, order.request, download, progress).await?;
                let (counts, header) = (copied.counts, copied.header.clone());
                let duplicates = writing.finish(counts.rows_loaded).await?;
                if duplicates > 0 {
                    info!(
                        load.id = load_id,
                        load.duplicates = duplicates,
                        "of several rows with one key the last stays"
                    );
                }
                (order.loaded_report(load_id, bytes, copied), Rest::Open { load_id, counts, header })
            }
        };
        Ok((session, Ending { report, repaired, rest }))
    }
}

struct Ending {
    report: LoadReport,
    repaired: Option<Repaired>,
    rest: Rest,
}

/// What is left to do before a load is over.
enum Rest {
    None,
    /// The ledger has all it needs.
    Closed,
    Open {
        load_id: i64,
        counts: Counts,
        header: Option<String>,
    },
}

/// A request, understood: what is declared about the object that it names.
struct Order<'a> {
    request: &'a LoadRequest,
    /// As this object is loaded.
    dataset: Arc<Dataset>,
    /// How the dataset's whole files are written.
    write: WriteMode,
    period: Option<Period>,
}

impl<'a> Order<'a> {
    fn of(request: &'a LoadRequest) -> Result<Self, LoadError> {
        let LoadRequest { pipeline, dataset, definition, definition_hash, .. } = request;
        let file = format!("pipelines/{pipeline}/pipeline.toml");
        let definition = Definition::parse(pipeline, &file, definition)
            .map_err(|errors| LoadError::InvalidDefinition(errors.to_string()))?;
        if definition.hash != *definition_hash {
            return Err(LoadError::InvalidInput("`definition_hash` is not the hash of `definition`".to_owned()));
        }
        let dataset = definition
            .dataset(dataset)
            .ok_or_else(|| LoadError::InvalidInput(format!("{file} has no dataset {dataset}")))?;
        let period = Period::of(&definition, request);
        let write = dataset.write.clone();
        let dataset = if request.repairs.is_some() { dataset.for_repairs() } else { dataset.clone() };
        Ok(Self { request, dataset: Arc::new(dataset), write, period })
    }

    fn entry<'b>(&'b self, object: &'b ObjectRef, repaired: Option<&'b Repaired>) -> Entry<'b> {
        Entry { request: self.request, object, table: &self.dataset.table, repaired }
    }

    fn declared(&self) -> Declared<'_> {
        Declared { write: &self.write, on_new_version: self.dataset.on_new_version }
    }

    fn loaded_report(&self, load_id: i64, bytes: u64, Copied { counts, first_rejects, .. }: Copied) -> LoadReport {
        let settled = Settled {
            outcome: LoadOutcome::Loaded,
            load_id,
            table: self.dataset.table.to_string(),
            bytes,
            rows_read: counts.rows_read,
            rows_loaded: counts.rows_loaded,
            rows_rejected: counts.rows_rejected,
        };
        self.report(settled, first_rejects, None)
    }

    async fn settled_report(&self, client: &Client, settled: Settled) -> Result<LoadReport, LoadError> {
        let first_rejects = match settled.rows_rejected {
            0 => Vec::new(),
            _ => ledger::first_rejects(client, settled.load_id).await?,
        };
        let run = match settled.outcome {
            LoadOutcome::Loaded | LoadOutcome::AlreadyLoaded if self.period.is_some() => {
                runs::unclaimed(client, settled.load_id).await?
            }
            _ => None,
        };
        Ok(self.report(settled, first_rejects, run))
    }

    fn report(&self, settled: Settled, first_rejects: Vec<RejectSample>, run: Option<RunRef>) -> LoadReport {
        LoadReport {
            outcome: settled.outcome,
            load_id: settled.load_id,
            pipeline: self.request.pipeline.clone(),
            dataset: self.request.dataset.clone(),
            table: settled.table,
            bytes: settled.bytes,
            rows_read: settled.rows_read,
            rows_loaded: settled.rows_loaded,
            rows_rejected: settled.rows_rejected,
            duration_ms: 0,
            first_rejects,
            run,
            repairs: self.request.repairs,
        }
    }
}

/// No time-out for a statement: a long COPY is right, and our own deadline ends a wrong one.
fn transaction(time: Duration) -> Transaction {
    Transaction { mode: Mode::ReadWrite, lock_timeout: LOCK_TIMEOUT, statement_timeout: None, time }
}

/// Gives the run that the load has made complete.
async fn end(client: &Client, rest: Rest, period: Option<&Period>) -> Result<Option<RunRef>, LoadError> {
    let ended = async {
        match rest {
            Rest::None => Ok(None),
            Rest::Closed => Ok(client.batch_execute("commit").await.map(|()| None)?),
            Rest::Open { load_id, counts, header } => {
                ledger::close_and_commit(client, load_id, &counts, header.as_deref(), period).await
            }
        }
    };
    timeout(COMMIT_TIMEOUT, ended).await.unwrap_or_else(|_| {
        let seconds = COMMIT_TIMEOUT.as_secs();
        Err(LoadError::DatabaseUnavailable(format!("PostgreSQL did not answer COMMIT within {seconds} s")))
    })
}

fn out_of_time(object: &ObjectRef, progress: &Progress, elapsed: Duration) -> LoadError {
    LoadError::DeadlineExceeded {
        object: object.to_string(),
        bytes_read: progress.bytes_read.load(Ordering::Relaxed),
        bytes: progress.bytes.load(Ordering::Relaxed),
        elapsed_s: elapsed.as_secs(),
    }
}

fn log(request: &LoadRequest, report: &LoadReport) {
    info!(
        object.bucket = %request.object.bucket,
        object.key = %request.object.key,
        load.id = report.load_id,
        load.outcome = ?report.outcome,
        load.table = %report.table,
        load.bytes = report.bytes,
        load.rows_loaded = report.rows_loaded,
        load.rows_rejected = report.rows_rejected,
        run.id = report.run.as_ref().map(|run| run.run_id),
        duration_ms = report.duration_ms,
        "load finished"
    );
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
