//! Opens runs that no load has started: by hand, or after a run of another pipeline.

use chrono::{DateTime, Utc};
use pipeline::{Definition, When};
use postgres::{Client, Mode, Transaction};
use protocol::{FailureName, OpenedRun, RunRef, RunStart, RunState};
use tokio_postgres::Row;

use crate::error::TransformError;
use crate::limits::LEDGER_LOCK_TIMEOUT;
use crate::open_decision::{EarlierRun, OpenDecision, decide};
use crate::time_limit::TimeLimit;

/// A request to open a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenRequest<'a> {
    /// The ARN of the execution that asks.
    pub(crate) execution: &'a str,
    pub(crate) definition: &'a Definition,
    pub(crate) start: &'a RunStart,
    pub(crate) time: TimeLimit,
}

/// Opens a run. A retry of the same execution gets the same run.
pub(crate) async fn open(client: &Client, request: OpenRequest<'_>) -> Result<OpenedRun, TransformError> {
    let OpenRequest { definition, start, .. } = request;
    if !definition.has_runs() {
        let reason = "has no [run], [[transforms]] or [[exports]], so the pipeline has no runs";
        return Err(TransformError::InvalidInput(format!("pipelines/{}/pipeline.toml {reason}", start.pipeline)));
    }
    let logical_at = match (start.logical_at, start.at) {
        (Some(instant), _) => instant,
        (None, Some(local)) => definition.instant(local),
        (None, None) => client.query_one("select clock_timestamp()", &[]).await?.get(0),
    };
    match start.after_run_id {
        Some(followed) => open_follower(client, request, logical_at, followed).await,
        None => open_by_hand(client, request, definition.period(logical_at)).await,
    }
}

/// Opens the run that follows run `followed`. The unique index on `after_run_id` allows one.
async fn open_follower(
    client: &Client,
    OpenRequest { execution, start, .. }: OpenRequest<'_>,
    logical_at: DateTime<Utc>,
    followed: i64,
) -> Result<OpenedRun, TransformError> {
    let insert = format!(
        "insert into penstock.run (pipeline, logical_at, state, after_run_id, execution_arn)
         values ($1, $2, '{ready}', $3, $4)
         on conflict (pipeline, after_run_id) do nothing
         returning run_id",
        ready = RunState::Ready
    );
    let opened = client.query_opt(&insert, &[&start.pipeline, &logical_at, &followed, &execution]).await?;
    let run = |run_id, logical_at| RunRef { run_id, pipeline: start.pipeline.clone(), logical_at };
    if let Some(row) = opened {
        return Ok(OpenedRun::Run { run: run(row.get(0), logical_at) });
    }
    let select = format!(
        "select run_id, logical_at, state in ('{ready}', '{running}') and execution_arn = $3
         from penstock.run where pipeline = $1 and after_run_id = $2",
        ready = RunState::Ready,
        running = RunState::Running,
    );
    let row = client.query_one(&select, &[&start.pipeline, &followed, &execution]).await?;
    let run = run(row.get(0), row.get(1));
    if row.get::<_, Option<bool>>(2) == Some(true) {
        return Ok(OpenedRun::Run { run });
    }
    Ok(OpenedRun::Skipped { run, reason: format!("this run already follows run {followed}") })
}

async fn open_by_hand(
    client: &Client,
    request: OpenRequest<'_>,
    logical_at: DateTime<Utc>,
) -> Result<OpenedRun, TransformError> {
    let period = PeriodRuns { client, request, logical_at };
    period.lock().await?;
    let history = period.history().await?;
    let missing = period.missing().await?;
    let opened = match decide(&history, missing.is_empty(), request.start.force) {
        OpenDecision::Existing(run_id) => OpenedRun::Run { run: period.run(run_id) },
        OpenDecision::StartWaiting(run_id) => OpenedRun::Run { run: period.start_waiting(run_id).await? },
        OpenDecision::NewAttempt => OpenedRun::Run { run: period.add_attempt(&history).await? },
        OpenDecision::Skip(run_id, reason) => OpenedRun::Skipped { run: period.run(run_id), reason: reason.to_owned() },
        OpenDecision::Incomplete => {
            let run = format!("{} {}", request.start.pipeline, logical_at.format("%Y-%m-%dT%H:%M:%SZ"));
            return Err(TransformError::RunIncomplete { run, missing });
        }
    };
    client.batch_execute("commit").await?;
    Ok(opened)
}

/// The runs of one pipeline and period, inside a transaction.
#[derive(Clone, Copy)]
struct PeriodRuns<'a> {
    client: &'a Client,
    request: OpenRequest<'a>,
    /// The start of the period.
    logical_at: DateTime<Utc>,
}

impl PeriodRuns<'_> {
    /// Begins a transaction that keeps loads and other requests away from the period.
    async fn lock(&self) -> Result<(), TransformError> {
        let time = self.request.time.left();
        let transaction = Transaction {
            mode: Mode::ReadWrite,
            lock_timeout: LEDGER_LOCK_TIMEOUT,
            statement_timeout: Some(time),
            time,
        };
        self.client.batch_execute(&transaction.begin()).await?;
        let pipeline = &self.request.start.pipeline;
        let lock = "select pg_advisory_xact_lock(hashtextextended('penstock open ' || $1::text, 0))";
        self.client.execute(lock, &[pipeline]).await?;
        // Loads lock the first attempt of a period before they decide about it.
        let first = "select from penstock.run where pipeline = $1 and logical_at = $2 and attempt = 1 for update";
        self.client.execute(first, &[pipeline, &self.logical_at]).await?;
        Ok(())
    }

    async fn history(&self) -> Result<Vec<EarlierRun>, TransformError> {
        let incomplete = FailureName::RunIncomplete.as_str();
        let found = self
            .client
            .query(
                "select run_id, attempt, state, coalesce(failure = $4, false), coalesce(execution_arn = $3, false)
                 from penstock.run where pipeline = $1 and logical_at = $2 order by run_id",
                &[&self.request.start.pipeline, &self.logical_at, &self.request.execution, &incomplete],
            )
            .await?;
        let earlier_run = |row: &Row| {
            let state = row.get::<_, &str>(2).parse();
            Ok(EarlierRun {
                run_id: row.get(0),
                attempt: row.get(1),
                state: state.map_err(|unknown| TransformError::Internal(format!("penstock.run.state: {unknown}")))?,
                is_incomplete: row.get(3),
                is_ours: row.get(4),
            })
        };
        found.iter().map(earlier_run).collect()
    }

    /// Returns the datasets that are needed and not loaded, in the order of the definition.
    async fn missing(&self) -> Result<Vec<String>, TransformError> {
        let definition = self.request.definition;
        let found = self
            .client
            .query(
                "select distinct input.dataset from penstock.run_input as input join penstock.run using (run_id)
                 where run.pipeline = $1 and run.logical_at = $2",
                &[&self.request.start.pipeline, &self.logical_at],
            )
            .await?;
        let loaded: Vec<String> = found.iter().map(|row| row.get(0)).collect();
        let is_complete = match definition.run.when {
            _ if definition.run.follows() => true,
            When::Each | When::Any => !loaded.is_empty(),
            When::All => false,
        };
        let names = definition.datasets.iter().map(|dataset| &dataset.name);
        Ok(names.filter(|name| !is_complete && !loaded.contains(name)).cloned().collect())
    }

    async fn start_waiting(&self, run_id: i64) -> Result<RunRef, TransformError> {
        let start = format!(
            "update penstock.run set state = '{ready}', execution_arn = $2 where run_id = $1",
            ready = RunState::Ready
        );
        self.client.execute(&start, &[&run_id, &self.request.execution]).await?;
        self.add_inputs(run_id).await
    }

    async fn add_attempt(&self, history: &[EarlierRun]) -> Result<RunRef, TransformError> {
        let OpenRequest { definition, start, execution, .. } = self.request;
        let has_attempts = definition.run.when != When::Each && !definition.run.follows();
        let last = history.iter().filter_map(|run| run.attempt).max().unwrap_or(0);
        let attempt = has_attempts.then_some(last + 1);
        let datasets: Vec<&str> = definition.datasets.iter().map(|dataset| dataset.name.as_str()).collect();
        let insert = format!(
            "insert into penstock.run (pipeline, logical_at, attempt, state, datasets, execution_arn)
             values ($1, $2, $3, '{ready}', $4, $5)
             on conflict (pipeline, logical_at, attempt) do nothing
             returning run_id",
            ready = RunState::Ready
        );
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&start.pipeline, &self.logical_at, &attempt, &datasets, &execution];
        let Some(row) = self.client.query_opt(&insert, &parameters).await? else {
            let reason = format!("{}: the first load of the period is committing", start.pipeline);
            return Err(TransformError::RunInProgress(reason));
        };
        self.add_inputs(row.get(0)).await
    }

    /// Adds all loads of the period to a run.
    async fn add_inputs(&self, run_id: i64) -> Result<RunRef, TransformError> {
        let insert = "insert into penstock.run_input (run_id, dataset, load_id)
                      select distinct $1::bigint, input.dataset, input.load_id
                      from penstock.run_input as input join penstock.run using (run_id)
                      where run.pipeline = $2 and run.logical_at = $3
                      on conflict do nothing";
        self.client.execute(insert, &[&run_id, &self.request.start.pipeline, &self.logical_at]).await?;
        Ok(self.run(run_id))
    }

    fn run(&self, run_id: i64) -> RunRef {
        RunRef { run_id, pipeline: self.request.start.pipeline.clone(), logical_at: self.logical_at }
    }
}
