//! Loads one file: looks in the ledger, claims, copies, counts, commits.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use aws_sdk_s3::config::Builder as S3Config;
use chrono::SecondsFormat;
use formats::Counts;
use postgres::{Client, Database, DatabaseError, Mode, Session, Transaction};
use protocol::{LoadOutcome, LoadReport, LoadRequest, ObjectRef, RunRef};
use tokio::time::timeout;
use tracing::{info, warn};

use crate::columns::{InferenceInput, ResolvedColumns};
use crate::config::Config;
use crate::copy::{self, CopyTarget};
use crate::download::{DownloadProgress, ObjectSource, with_valid_version};
use crate::error::LoadError;
use crate::existing_table::ExistingTable;
use crate::ledger::{self, ClaimResult};
use crate::limits::{COMMIT_TIMEOUT, EXPORT_MARGIN, LOCK_TIMEOUT};
use crate::parsed_request::ParsedRequest;
use crate::reject_export::RejectExporter;
use crate::reloads;
use crate::repairs::RepairedLoad;
use crate::runs::{Joined, RunPeriod};
use crate::table_writer::{LostRows, TableWriter};
use crate::target_table::TargetTable;

/// Loads files. A function makes it once, at cold start.
#[derive(Debug)]
pub struct Loader {
    source: ObjectSource,
    database: Database,
    rejects: RejectExporter,
}

/// The time that a load has, from its start.
#[derive(Clone, Copy, Debug)]
pub struct TimeLeft {
    /// The load gives up after this time, unless COMMIT is sent.
    pub until_commit: Duration,
    /// The caller ends the load after this time.
    pub total: Duration,
}

impl Loader {
    /// Makes a loader. The loader connects to PostgreSQL and S3 at its first load.
    pub fn new(config: Config, database: Database, s3: S3Config) -> Self {
        let source = ObjectSource::new(s3, config.stall_timeout);
        let rejects = RejectExporter::new(source.client().clone(), config.curated_bucket);
        Self { source, database, rejects }
    }

    /// Loads one version of a file exactly once. A second delivery finds the first in the ledger and succeeds.
    ///
    /// # Errors
    /// After an error, nothing of the load is in the database. The exception is `DatabaseUnavailable` at COMMIT: PostgreSQL
    /// may have committed, and a retry of the same request finds out.
    pub async fn load(&self, request: &LoadRequest, time: TimeLeft) -> Result<LoadReport, LoadError> {
        let started = Instant::now();
        let parsed = ParsedRequest::new(request)?;
        let progress = DownloadProgress::default();
        // Boxed, because the future of an SDK call is too large to nest by value.
        let work = Box::pin(self.load_until_commit(&parsed, time.until_commit, &progress));
        let (session, uncommitted) = match timeout(time.until_commit, work).await {
            Ok(done) => done?,
            Err(_) => return Err(deadline_exceeded(&request.object, &progress, started.elapsed())),
        };
        // Outside the time-out: after COMMIT is sent, only PostgreSQL knows the result.
        let Uncommitted { report, repaired, commit } = uncommitted;
        let Joined { run: joined, stale_run } = commit_load(&session.client, commit, parsed.period.as_ref()).await?;
        let file_key = repaired.as_ref().map_or(&request.object.key, |repaired| &repaired.file.key);
        let left = time.total.saturating_sub(started.elapsed());
        if self.export_rejects(&parsed, file_key, &session.client, &report, left).await {
            self.database.keep(session);
        }
        let run = joined.or(report.run);
        let reason = stale_run.map(|run| stale_report(&run)).or(report.reason);
        let report = LoadReport { run, reason, duration_ms: milliseconds(started.elapsed()), ..report };
        log(request, &report);
        Ok(report)
    }

    /// Exports the rejects if the dataset has `rejects.export`. Returns whether the session can be used again.
    async fn export_rejects(
        &self,
        parsed: &ParsedRequest<'_>,
        file_key: &str,
        client: &Client,
        report: &LoadReport,
        left: Duration,
    ) -> bool {
        let has_rejects = report.outcome == LoadOutcome::Loaded && report.rows_rejected > 0;
        let key = parsed.dataset.rejects_key(file_key, report.load_id);
        let Some(key) = key.filter(|_| has_rejects) else { return true };
        let key = match key {
            Ok(key) => key,
            Err(error) => {
                warn!(load.id = report.load_id, reason = %error, "rejects were not exported: invalid key");
                return true;
            }
        };
        let time = left.saturating_sub(EXPORT_MARGIN);
        let export = Box::pin(self.rejects.export(client, report.load_id, &key));
        let exported = timeout(time, export).await;
        if exported.is_err() {
            warn!(load.id = report.load_id, object.key = %key, "rejects were not exported: no time left");
        }
        exported.is_ok()
    }

    /// Runs the load up to, but not including, COMMIT. Dropping the future closes the session, which rolls back the
    /// transaction.
    async fn load_until_commit(
        &self,
        parsed: &ParsedRequest<'_>,
        time: Duration,
        progress: &DownloadProgress,
    ) -> Result<(Session, Uncommitted), LoadError> {
        let ParsedRequest { request, dataset, declared, .. } = parsed;
        // Look in the ledger first: a duplicate then costs one query and needs no object.
        let object_in_event = with_valid_version(&request.object);
        let look = async |client: &Client| {
            if let Some(earlier) = &declared.renamed_from {
                ledger::rename_dataset(client, request, earlier).await?;
            }
            let repaired = RepairedLoad::find(client, request).await?;
            let recorded = reloads::find(client, parsed.version(&object_in_event, repaired.as_ref())).await?;
            Ok((repaired, recorded))
        };
        let (session, (repaired, recorded)) = self.database.session::<_, LoadError>(look).await?;
        let client = &session.client;
        if let Some(record) = recorded {
            let report = parsed.recorded_report(client, record).await?;
            return Ok((session, Uncommitted { report, repaired, commit: CommitStep::Nothing }));
        }

        let open = self.source.open(&request.object, request.format);
        let (download, existing) = tokio::try_join!(open, ExistingTable::find(client, &dataset.table))?;
        progress.bytes.store(download.bytes, Ordering::Relaxed);
        let input = InferenceInput { client, source: &self.source, request, progress };
        let (columns, download) = ResolvedColumns::resolve(input, dataset, existing.as_ref(), download).await?;
        let table = TargetTable::prepare(client, &columns, existing).await?;

        let object = download.object.clone();
        let version = parsed.version(&object, repaired.as_ref());
        let (report, commit) = match reloads::claim(client, &begin(time), version, dataset, declared).await? {
            ClaimResult::Recorded(record) => (parsed.recorded_report(client, record).await?, CommitStep::Commit),
            ClaimResult::Granted { load_id, predecessors, newer } => {
                let (dataset, table) = (&columns.dataset, &table);
                let (predecessors, newer) = (&predecessors, &newer);
                let writer = TableWriter { client, load_id, dataset, target: table, predecessors, newer, request };
                writer.prepare().await?;
                let bytes = download.bytes;
                let file_key = repaired.as_ref().map_or(&request.object.key, |repaired| &repaired.file.key);
                let object_values = parsed.object_values(dataset, &download, file_key);
                let target = CopyTarget { client, table, load_id, object_values: &object_values };
                let copied = copy::copy(target, &self.source, dataset, request, download, progress).await?;
                let (counts, header) = (copied.counts, copied.header.clone());
                let LostRows { duplicates, older } = writer.finish(counts.rows_loaded).await?;
                if duplicates + older > 0 {
                    info!(
                        load.id = load_id,
                        load.duplicates = duplicates,
                        load.older_rows = older,
                        "rows of the file lost to other rows of the same key"
                    );
                }
                let report = parsed.loaded_report(load_id, bytes, copied);
                (report, CommitStep::CloseAndCommit { load_id, counts, header })
            }
        };
        Ok((session, Uncommitted { report, repaired, commit }))
    }
}

/// A load before COMMIT.
struct Uncommitted {
    report: LoadReport,
    repaired: Option<RepairedLoad>,
    commit: CommitStep,
}

/// The last step of a load.
enum CommitStep {
    /// No transaction is open.
    Nothing,
    /// The ledger row is complete.
    Commit,
    CloseAndCommit {
        load_id: i64,
        counts: Counts,
        header: Option<String>,
    },
}

/// Returns the statements that begin the transaction. There is no statement time-out: a long COPY is valid, and the
/// deadline of the load ends a hanging one.
fn begin(time: Duration) -> String {
    Transaction { mode: Mode::ReadWrite, lock_timeout: LOCK_TIMEOUT, statement_timeout: None, time }.begin()
}

/// Commits. Returns the run of the load.
async fn commit_load(client: &Client, step: CommitStep, period: Option<&RunPeriod>) -> Result<Joined, LoadError> {
    let committed = async {
        match step {
            CommitStep::Nothing => Ok(Joined::default()),
            CommitStep::Commit => Ok(client.batch_execute("commit").await.map(|()| Joined::default())?),
            CommitStep::CloseAndCommit { load_id, counts, header } => {
                ledger::close_and_commit(client, load_id, &counts, header.as_deref(), period).await
            }
        }
    };
    timeout(COMMIT_TIMEOUT, committed).await.unwrap_or_else(|_| {
        let reason = format!("no response to COMMIT within {} s", COMMIT_TIMEOUT.as_secs());
        Err(DatabaseError::Unavailable(reason).into())
    })
}

/// Says that a run with `again = "skip"` does not have this load.
fn stale_report(run: &RunRef) -> String {
    let RunRef { run_id, pipeline, logical_at } = run;
    let period = logical_at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    format!(
        "run {run_id} of {pipeline} for {period} does not have this load, so its report is stale; to renew the report, run \
         `penstock rerun {run_id}`"
    )
}

fn deadline_exceeded(object: &ObjectRef, progress: &DownloadProgress, elapsed: Duration) -> LoadError {
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
