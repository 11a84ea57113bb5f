//! Runs of a pipeline: the transforms of a complete one in one transaction, its exports after COMMIT; and what else is
//! to be known or decided about runs between the states of the machines.

mod awaited;
mod close;
mod config;
mod error;
mod exports;
mod ledger;
pub mod limits;
mod open;
mod running;
mod sweep;
mod time;
mod transforms;

use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use chrono::NaiveDate;
use definitions::DefinitionsBucket;
use function::Deadline;
use object_store::ClientTimeouts;
use pipeline::Definition;
use postgres::{Client, Database, Session};
use protocol::{
    AwaitedFile, FailedRun, OpenedRun, RunFailure, RunOutcome, RunRef, RunReport, RunRequest, RunStart, Sweep,
};
use serde::Serialize;
use tokio::time::timeout;
use tracing::{info, warn};

use exports::Curated;
use ledger::Claim;
use limits::{ANSWER_OVERTIME, COMMIT_TIMEOUT};
use open::Opening;
use running::Running;
use time::{Time, milliseconds};

pub use config::Config;
pub use error::TransformError;
pub use postgres::{DatabaseAddress, InvalidConfig};

/// Answers what states ask about runs; made once, at cold start.
#[derive(Debug)]
pub struct Transformer {
    database: Database,
    definitions: DefinitionsBucket,
    curated: Curated,
}

/// What was asked decides what this is; see [`RunRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    Run(RunReport),
    Open(OpenedRun),
    Close(FailedRun),
    Sweep(Sweep),
    Await,
}

impl Transformer {
    /// Reads the environment and builds clients. Nothing is connected to before the first request.
    pub async fn from_env() -> Result<Self, InvalidConfig> {
        let config = Config::from_env()?;
        Ok(Self::new(config, &aws_config::load_defaults(BehaviorVersion::latest()).await))
    }

    pub fn new(config: Config, sdk: &SdkConfig) -> Self {
        let s3 = object_store::client(sdk, ClientTimeouts::LONG);
        Self {
            database: Database::new("penstock-transformer", config.database, sdk),
            definitions: DefinitionsBucket::new(s3.clone(), config.definitions_bucket),
            curated: Curated { s3, bucket: config.curated_bucket },
        }
    }

    /// Gives up in time before the deadline.
    pub async fn answer(&self, request: &RunRequest, deadline: Deadline) -> Result<Answer, TransformError> {
        let time = Time::until(deadline);
        match request {
            RunRequest::Run { execution, run_id } => {
                // What takes its time in a run has a time-out of its own, which says what was under way.
                let limit = time.left() + ANSWER_OVERTIME + COMMIT_TIMEOUT;
                let run = in_time(time, limit, "the run's ledger", self.run(execution, *run_id, time));
                run.await.map(Answer::Run)
            }
            RunRequest::Open { execution, start } => {
                let open = self.open(execution, start, time);
                in_time(time, time.left(), "opening a run", open).await.map(Answer::Open)
            }
            RunRequest::Close { execution, run_id, failure } => {
                let close = self.close(execution, *run_id, failure);
                in_time(time, time.left(), "closing a run", close).await.map(Answer::Close)
            }
            RunRequest::Sweep { execution } => {
                in_time(time, time.left(), "sweeping runs", self.sweep(execution, time)).await.map(Answer::Sweep)
            }
            RunRequest::Await { execution, awaited } => {
                let remember = self.remember(execution, awaited);
                in_time(time, time.left(), "remembering a file", remember).await.map(|()| Answer::Await)
            }
        }
    }

    /// Claims a run, executes its transforms, writes its exports. Tried again, it goes on where it stopped.
    async fn run(&self, execution: &str, run_id: i64, time: Time) -> Result<RunReport, TransformError> {
        let (session, run) = self.database.session(async |client| ledger::find(client, run_id).await).await?;
        let definition = self.definitions.definition(&run.pipeline).await?;
        let run_date = definition.run_date(run.logical_at);
        let period = definition.period_name(run.logical_at);
        let running = Running { run: &run, execution, run_date, period: &period, time };
        let claim = ledger::claim(&session.client, &run, execution, &definition.hash).await?;
        let (session, outcome) = match claim {
            Claim::Settled(outcome) => (session, outcome),
            Claim::Granted { is_transformed } => {
                let exports = self.curated.plan(&definition, &run)?;
                let session = self.transformed(running, session, &definition, is_transformed).await?;
                // Boxed: an async SDK call inside makes a future too large to be nested by value.
                let reports = Box::pin(self.curated.write(&running, &session.client, &exports)).await?;
                ledger::succeed(&session.client, &run, execution, &reports).await?;
                (session, RunOutcome::Succeeded)
            }
        };
        let report = report(&session.client, running, outcome, definition.notify_success).await?;
        self.database.keep(session);
        log(&report);
        Ok(report)
    }

    /// Executes the transforms, unless an earlier try has. Gives a session that they have not touched.
    async fn transformed(
        &self,
        running: Running<'_>,
        session: Session,
        definition: &Definition,
        is_transformed: bool,
    ) -> Result<Session, TransformError> {
        if is_transformed {
            return Ok(session);
        }
        let transforms = self.definitions.transforms(definition).await?;
        transforms::execute(&running, &session.client, &transforms).await?;
        // What a script sets, or makes for its session alone, goes with it.
        drop(session);
        self.session().await
    }

    /// One that answers. What follows may be too long, or do too much, to be asked twice.
    async fn session(&self) -> Result<Session, TransformError> {
        let nothing = async |client: &Client| Ok::<_, TransformError>(client.batch_execute("").await?);
        Ok(self.database.session(nothing).await?.0)
    }

    async fn open(&self, execution: &str, start: &RunStart, time: Time) -> Result<OpenedRun, TransformError> {
        let definition = self.definitions.definition(&start.pipeline).await?;
        let opening = Opening { execution, definition: &definition, start, time };
        let session = self.session().await?;
        let opened = open::open(&session.client, opening).await?;
        self.database.keep(session);
        Ok(opened)
    }

    async fn close(&self, execution: &str, run_id: i64, failure: &RunFailure) -> Result<FailedRun, TransformError> {
        let (session, run) = self.database.session(async |client| ledger::find(client, run_id).await).await?;
        close::close(&session.client, run_id, execution, failure).await?;
        let failed = self.failed(&session.client, run, failure.clone()).await?;
        self.database.keep(session);
        Ok(failed)
    }

    async fn sweep(&self, execution: &str, time: Time) -> Result<Sweep, TransformError> {
        let session = self.session().await?;
        let swept = sweep::sweep(&session.client, execution, time).await?;
        let mut failed = Vec::with_capacity(swept.failed.len());
        for (run, failure) in swept.failed {
            failed.push(self.failed(&session.client, run, failure).await?);
        }
        self.database.keep(session);
        Ok(Sweep { failed, unclaimed: swept.unclaimed })
    }

    async fn remember(&self, execution: &str, awaited: &AwaitedFile) -> Result<(), TransformError> {
        let session = self.session().await?;
        awaited::remember(&session.client, execution, awaited).await?;
        self.database.keep(session);
        Ok(())
    }

    async fn failed(&self, client: &Client, run: RunRef, failure: RunFailure) -> Result<FailedRun, TransformError> {
        let inputs = ledger::inputs(client, run.run_id).await?;
        let (run_date, period) = self.dates(&run).await;
        Ok(FailedRun { run_date, period, run, inputs, failure })
    }

    /// Day and period; the day in UTC when there is no definition to be had: that may be the very failure.
    async fn dates(&self, run: &RunRef) -> (NaiveDate, String) {
        match self.definitions.definition(&run.pipeline).await {
            Ok(definition) => (definition.run_date(run.logical_at), definition.period_name(run.logical_at)),
            Err(_) => {
                warn!(pipeline = run.pipeline, "a failed run is dated in UTC: its definition cannot be read");
                let day = run.logical_at.date_naive();
                (day, day.to_string())
            }
        }
    }
}

async fn in_time<T>(
    time: Time,
    limit: Duration,
    what: &str,
    work: impl Future<Output = Result<T, TransformError>>,
) -> Result<T, TransformError> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(time.exceeded(&what)))
}

async fn report(
    client: &Client,
    running: Running<'_>,
    outcome: RunOutcome,
    notify_success: bool,
) -> Result<RunReport, TransformError> {
    let Running { run, run_date, period, time, .. } = running;
    let (transforms, exports) = ledger::done(client, run.run_id).await?;
    Ok(RunReport {
        outcome,
        run: run.clone(),
        run_date,
        period: period.to_owned(),
        inputs: ledger::inputs(client, run.run_id).await?,
        transforms,
        exports,
        duration_ms: milliseconds(time.elapsed()),
        notify_success,
    })
}

fn log(report: &RunReport) {
    info!(
        run.id = report.run.run_id,
        run.pipeline = report.run.pipeline,
        run.logical_at = %report.run.logical_at,
        run.outcome = ?report.outcome,
        run.transforms = report.transforms.len(),
        run.exports = report.exports.len(),
        duration_ms = report.duration_ms,
        "run finished"
    );
}
