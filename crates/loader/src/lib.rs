//! One S3 object version becomes rows in PostgreSQL, exactly once: ledger, rows, rejects and counts in one transaction.

mod config;
mod copy;
mod database;
mod error;
mod ledger;
pub mod limits;
mod migrations;
mod rejects;
mod secret;
mod source;
mod target;
mod tls;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, SdkConfig};
use contracts::{LoadReport, LoadRequest, ObjectRef, RejectSample};
use lambda_shell::Deadline;
use pipeline::{Dataset, Definition, OnNewVersion};
use tokio::time::timeout;
use tokio_postgres::Client;
use tracing::info;

use copy::{Copied, Destination};
use database::{Database, Session};
use ledger::{Claim, Entry, Settled};
use limits::{
    COMMIT_TIMEOUT, DEADLINE_MARGIN, IDLE_IN_TRANSACTION_TIMEOUT, LOCK_TIMEOUT, SHORT_DEADLINE_MARGIN_DIVISOR,
    TRANSACTION_OVERTIME,
};
use source::{Download, Progress, Storage};
use target::Target;

pub use config::{Config, DatabaseAddress, InvalidConfig};
pub use error::LoadError;

/// Loads objects; made once, at cold start, and good for one load at a time and more.
#[derive(Debug)]
pub struct Loader {
    storage: Storage,
    database: Database,
}

impl Loader {
    /// Reads the environment and builds clients. Nothing is connected to before the first load.
    pub async fn from_env() -> Result<Self, InvalidConfig> {
        let config = Config::from_env()?;
        Ok(Self::new(config, &aws_config::load_defaults(BehaviorVersion::latest()).await))
    }

    pub fn new(config: Config, sdk: &SdkConfig) -> Self {
        let secrets = aws_sdk_secretsmanager::Client::new(sdk);
        Self { storage: Storage::new(sdk, config.stall_timeout), database: Database::new(config.database, secrets) }
    }

    /// Loads one object version exactly once. A second delivery finds the first in the ledger, and succeeds.
    ///
    /// Gives up [`DEADLINE_MARGIN`] before the deadline. After an error nothing of the load is in the database, but
    /// for a `DatabaseUnavailable` at COMMIT, which may have happened: the same request, sent again, finds out.
    pub async fn load(&self, request: &LoadRequest, deadline: Deadline) -> Result<LoadReport, LoadError> {
        let started = Instant::now();
        let order = Order::of(request)?;
        let progress = Progress::default();
        let time = working_time(deadline.remaining());
        // Boxed: an async SDK call inside makes a future too large to be nested by value.
        let work = Box::pin(self.until_commit(&order, time, &progress));
        let (session, ending) = match timeout(time, work).await {
            Ok(done) => done?,
            Err(_) => return Err(out_of_time(&request.object, &progress)),
        };
        if ending.is_uncommitted {
            // Outside the race: once COMMIT is sent, only PostgreSQL knows whether there is nothing loaded.
            commit(&session.client).await?;
        }
        self.database.keep(session);
        let report = LoadReport { duration_ms: milliseconds(started.elapsed()), ..ending.report };
        log(request, &report);
        Ok(report)
    }

    /// A load reads from top to bottom; dropping it at any point closes the session, and so rolls back.
    async fn until_commit(
        &self,
        order: &Order<'_>,
        time: Duration,
        progress: &Progress,
    ) -> Result<(Session, Ending), LoadError> {
        let session = self.database.session().await?;
        let client = &session.client;

        // A duplicate costs one query, and succeeds even when its object is gone by now.
        let named_by_event = source::identified(&order.request.object);
        if let Some(settled) = ledger::find(client, order.entry(&named_by_event)).await? {
            let report = order.settled_report(client, settled).await?;
            return Ok((session, Ending { report, is_uncommitted: false }));
        }

        let download = self.storage.open(&order.request.object).await?;
        progress.bytes.store(download.bytes, Ordering::Relaxed);
        let target = Target::prepare(client, &order.dataset).await?;

        begin(client, time).await?;
        let object = download.object.clone();
        let entry = order.entry(&object);
        let report = match ledger::claim(client, entry, order.dataset.on_new_version).await? {
            Claim::Settled(settled) => order.settled_report(client, settled).await?,
            Claim::Granted { load_id } => {
                if order.dataset.on_new_version == OnNewVersion::Replace {
                    // Before the copy: a unique constraint must not meet old and new rows together.
                    target.delete(client, &ledger::predecessors(client, entry, load_id).await?).await?;
                }
                let bytes = download.bytes;
                let copied = order.copy(Destination { client, target: &target, load_id }, download, progress).await?;
                ledger::close(client, load_id, &copied.counts).await?;
                order.loaded_report(load_id, bytes, copied)
            }
        };
        Ok((session, Ending { report, is_uncommitted: true }))
    }
}

struct Ending {
    report: LoadReport,
    is_uncommitted: bool,
}

/// A request, understood: what is declared about the object that it names.
struct Order<'a> {
    request: &'a LoadRequest,
    dataset: Arc<Dataset>,
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
        Ok(Self { request, dataset: Arc::new(dataset.clone()) })
    }

    fn entry(&'a self, object: &'a ObjectRef) -> Entry<'a> {
        Entry { request: self.request, object, table: &self.dataset.table }
    }

    async fn copy(&self, to: Destination<'_>, from: Download, progress: &Progress) -> Result<Copied, LoadError> {
        copy::copy(to, &self.dataset, self.request, from, progress).await
    }

    fn loaded_report(&self, load_id: i64, bytes: u64, Copied { counts, first_rejects }: Copied) -> LoadReport {
        let settled = Settled {
            outcome: contracts::LoadOutcome::Loaded,
            load_id,
            table: self.dataset.table.to_string(),
            bytes,
            rows_read: counts.rows_read,
            rows_loaded: counts.rows_loaded,
            rows_rejected: counts.rows_rejected,
        };
        self.report(settled, first_rejects)
    }

    async fn settled_report(&self, client: &Client, settled: Settled) -> Result<LoadReport, LoadError> {
        let first_rejects = match settled.rows_rejected {
            0 => Vec::new(),
            _ => ledger::first_rejects(client, settled.load_id).await?,
        };
        Ok(self.report(settled, first_rejects))
    }

    fn report(&self, settled: Settled, first_rejects: Vec<RejectSample>) -> LoadReport {
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
        }
    }
}

/// Time-outs of the transaction, so that a loader that froze or fell off the network frees its claim.
///
/// `statement_timeout` is off: a long COPY is right, and our own deadline ends a wrong one.
async fn begin(client: &Client, time: Duration) -> Result<(), LoadError> {
    let lock_ms = LOCK_TIMEOUT.as_millis();
    let idle_ms = IDLE_IN_TRANSACTION_TIMEOUT.as_millis();
    let transaction_ms = (time + TRANSACTION_OVERTIME).as_millis();
    let statements = format!(
        "begin isolation level read committed read write;
         set local lock_timeout = {lock_ms};
         set local statement_timeout = 0;
         set local idle_in_transaction_session_timeout = {idle_ms};
         set local tcp_keepalives_idle = 15;
         set local tcp_keepalives_interval = 5;
         set local tcp_keepalives_count = 3;
         select case when current_setting('server_version_num')::integer >= 170000
                     then set_config('transaction_timeout', '{transaction_ms}', true) end"
    );
    Ok(client.batch_execute(&statements).await?)
}

async fn commit(client: &Client) -> Result<(), LoadError> {
    match timeout(COMMIT_TIMEOUT, client.batch_execute("commit")).await {
        Ok(committed) => Ok(committed?),
        Err(_) => {
            let seconds = COMMIT_TIMEOUT.as_secs();
            Err(LoadError::DatabaseUnavailable(format!("PostgreSQL did not answer COMMIT within {seconds} s")))
        }
    }
}

fn working_time(remaining: Duration) -> Duration {
    let margin =
        if remaining < 2 * DEADLINE_MARGIN { remaining / SHORT_DEADLINE_MARGIN_DIVISOR } else { DEADLINE_MARGIN };
    remaining - margin
}

fn out_of_time(object: &ObjectRef, progress: &Progress) -> LoadError {
    LoadError::DeadlineExceeded {
        object: object.to_string(),
        bytes_read: progress.bytes_read.load(Ordering::Relaxed),
        bytes: progress.bytes.load(Ordering::Relaxed),
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
        duration_ms = report.duration_ms,
        "load finished"
    );
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_gives_up_before_its_time_is_over() {
        let check = |remaining_s: u64, working_s: u64| {
            assert_eq!(working_time(Duration::from_secs(remaining_s)), Duration::from_secs(working_s));
        };
        check(900, 880);
        check(40, 20);
        check(30, 24);
        check(5, 4);
        check(0, 0);
    }
}
