use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use chrono::NaiveDate;
use definitions::DefinitionsBucket;
use function::Deadline;
use object_store::ClientTimeouts;
use pipeline::Definition;
use postgres::{Client, Database, InvalidConfig, Session};
use protocol::{
    AwaitedFile, FailedRun, OpenedRun, RecordedFailure, RunFailure, RunOutcome, RunRef, RunReport, RunRequest,
    RunStart, Sweep, UnrecordedFailure,
};
use serde::Serialize;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::claimed_run::ClaimedRun;
use crate::config::Config;
use crate::error::TransformError;
use crate::exports::CuratedBucket;
use crate::ledger::{self, RunClaim};
use crate::limits::{ANSWER_OVERTIME, COMMIT_TIMEOUT};
use crate::open;
use crate::period_runs::OpenRequest;
use crate::time_limit::{TimeLimit, milliseconds};
use crate::{awaited, close, failures, sweep, transforms};

/// Handles all requests about runs. Built once, at cold start.
#[derive(Debug)]
pub struct Transformer {
    database: Database,
    definitions: DefinitionsBucket,
    curated: CuratedBucket,
}

/// The response to a [`RunRequest`]: its variant follows that of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum RunResponse {
    Run(RunReport),
    Open(OpenedRun),
    Close(FailedRun),
    Sweep(Sweep),
    Await,
    Fail(RecordedFailure),
}

impl Transformer {
    /// Reads the environment and builds the clients. Connects to nothing.
    pub async fn from_env() -> Result<Self, InvalidConfig> {
        let config = Config::from_env()?;
        Ok(Self::new(config, &aws_config::load_defaults(BehaviorVersion::latest()).await))
    }

    pub fn new(config: Config, sdk: &SdkConfig) -> Self {
        let s3 = object_store::client(sdk, ClientTimeouts::LONG);
        Self {
            database: Database::new("penstock-transformer", config.database, sdk),
            definitions: DefinitionsBucket::new(s3.clone(), config.definitions_bucket),
            curated: CuratedBucket { s3, bucket: config.curated_bucket },
        }
    }

    /// Handles a request. Fails with `DeadlineExceeded` shortly before the deadline.
    pub async fn respond(&self, request: &RunRequest, deadline: Deadline) -> Result<RunResponse, TransformError> {
        let time = TimeLimit::until(deadline);
        match request {
            RunRequest::Run { execution, run_id } => {
                // The long steps of a run have their own time limits, whose errors name the step.
                let limit = time.left() + ANSWER_OVERTIME + COMMIT_TIMEOUT;
                let run = in_time(time, limit, "the run's ledger", self.run(execution, *run_id, time));
                run.await.map(RunResponse::Run)
            }
            RunRequest::Open { execution, start } => {
                let open = self.open(execution, start, time);
                in_time(time, time.left(), "opening a run", open).await.map(RunResponse::Open)
            }
            RunRequest::Close { execution, run_id, failure } => {
                let close = self.close(execution, *run_id, failure);
                in_time(time, time.left(), "closing a run", close).await.map(RunResponse::Close)
            }
            RunRequest::Sweep { execution } => {
                in_time(time, time.left(), "sweeping runs", self.sweep(execution, time)).await.map(RunResponse::Sweep)
            }
            RunRequest::Await { execution, awaited } => {
                let record = self.record_awaited(execution, awaited);
                in_time(time, time.left(), "recording an awaited file", record).await.map(|()| RunResponse::Await)
            }
            RunRequest::Fail { execution, failed } => {
                let record = self.record_failure(execution, failed);
                in_time(time, time.left(), "recording a failure", record).await.map(RunResponse::Fail)
            }
        }
    }

    /// Claims a run, executes its transforms, writes its exports. A retry continues where the last attempt stopped.
    async fn run(&self, execution: &str, run_id: i64, time: TimeLimit) -> Result<RunReport, TransformError> {
        let (session, run) = self.database.session(async |client| ledger::find(client, run_id).await).await?;
        let definition = self.definitions.definition(&run.pipeline).await?;
        let run_date = definition.run_date(run.logical_at);
        let period = definition.period_name(run.logical_at);
        let claimed = ClaimedRun { run: &run, execution, run_date, period: &period, time };
        let claim = ledger::claim(&session.client, &run, execution, &definition.hash).await?;
        let (session, outcome) = match claim {
            RunClaim::Ended(outcome) => (session, outcome),
            RunClaim::Granted { is_transformed } => {
                let exports = self.curated.plan(&definition, &run)?;
                let session = self.transform(claimed, session, &definition, is_transformed).await?;
                // Boxed: the future of an SDK call is too large to be nested by value.
                let reports = Box::pin(self.curated.write(&claimed, &session.client, &exports)).await?;
                ledger::succeed(&session.client, &run, execution, &reports).await?;
                (session, RunOutcome::Succeeded)
            }
        };
        let report = report(&session.client, claimed, outcome, definition.notify_success).await?;
        self.database.keep(session);
        log(&report);
        Ok(report)
    }

    /// Executes the transforms, unless an earlier attempt did. Returns a session that they have not used.
    async fn transform(
        &self,
        claimed: ClaimedRun<'_>,
        session: Session,
        definition: &Definition,
        is_transformed: bool,
    ) -> Result<Session, TransformError> {
        if is_transformed {
            return Ok(session);
        }
        let transforms = self.definitions.transforms(definition).await?;
        transforms::execute(&claimed, &session.client, &transforms).await?;
        // Settings and temporary tables of the files end with the session.
        drop(session);
        self.session().await
    }

    /// Opens a session and checks that it answers. The work that follows cannot be repeated on a second session.
    async fn session(&self) -> Result<Session, TransformError> {
        let ping = async |client: &Client| Ok::<_, TransformError>(client.batch_execute("").await?);
        Ok(self.database.session(ping).await?.0)
    }

    async fn open(&self, execution: &str, start: &RunStart, time: TimeLimit) -> Result<OpenedRun, TransformError> {
        let definition = self.definitions.definition(&start.pipeline).await?;
        let request = OpenRequest { execution, definition: &definition, start, time };
        let session = self.session().await?;
        let opened = open::open(&session.client, request).await?;
        self.database.keep(session);
        Ok(opened)
    }

    async fn close(&self, execution: &str, run_id: i64, failure: &RunFailure) -> Result<FailedRun, TransformError> {
        let (session, run) = self.database.session(async |client| ledger::find(client, run_id).await).await?;
        let failure = close::close(&session.client, &run, execution, failure).await?;
        let failed = self.failed(&session.client, run, failure).await?;
        self.database.keep(session);
        Ok(failed)
    }

    async fn sweep(&self, execution: &str, time: TimeLimit) -> Result<Sweep, TransformError> {
        let session = self.session().await?;
        let swept = sweep::sweep(&session.client, execution, time).await?;
        let mut failed = Vec::with_capacity(swept.failed.len());
        for (run, failure) in swept.failed {
            failed.push(self.failed(&session.client, run, failure).await?);
        }
        self.database.keep(session);
        Ok(Sweep { failed, unclaimed: swept.unclaimed })
    }

    async fn record_awaited(&self, execution: &str, awaited: &AwaitedFile) -> Result<(), TransformError> {
        let session = self.session().await?;
        awaited::record(&session.client, execution, awaited).await?;
        self.database.keep(session);
        Ok(())
    }

    async fn record_failure(
        &self,
        execution: &str,
        failed: &UnrecordedFailure,
    ) -> Result<RecordedFailure, TransformError> {
        let session = self.session().await?;
        let recorded = failures::record(&session.client, execution, failed).await?;
        self.database.keep(session);
        Ok(recorded)
    }

    async fn failed(&self, client: &Client, run: RunRef, failure: RunFailure) -> Result<FailedRun, TransformError> {
        let inputs = ledger::inputs(client, run.run_id).await?;
        let (run_date, period) = self.dates(&run).await;
        Ok(FailedRun { run_date, period, run, inputs, failure })
    }

    /// Returns day and period of a run. Without a valid definition both are the day in UTC.
    async fn dates(&self, run: &RunRef) -> (NaiveDate, String) {
        match self.definitions.definition(&run.pipeline).await {
            Ok(definition) => (definition.run_date(run.logical_at), definition.period_name(run.logical_at)),
            Err(_) => {
                warn!(
                    pipeline = run.pipeline,
                    "the day of a failed run is in UTC, because its definition cannot be read"
                );
                let day = run.logical_at.date_naive();
                (day, day.to_string())
            }
        }
    }
}

async fn in_time<T>(
    time: TimeLimit,
    limit: Duration,
    what: &str,
    work: impl Future<Output = Result<T, TransformError>>,
) -> Result<T, TransformError> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(time.exceeded(&what)))
}

async fn report(
    client: &Client,
    claimed: ClaimedRun<'_>,
    outcome: RunOutcome,
    notify_success: bool,
) -> Result<RunReport, TransformError> {
    let ClaimedRun { run, run_date, period, time, .. } = claimed;
    let (transforms, exports) = ledger::results(client, run.run_id).await?;
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
