//! The runs of one pipeline and period, for requests that open a run.

use chrono::{DateTime, Utc};
use pipeline::{Definition, When};
use postgres::{Client, Mode, Transaction};
use protocol::{FailureName, RunRef, RunStart, RunState};
use tokio_postgres::Row;

use crate::error::TransformError;
use crate::limits::LEDGER_LOCK_TIMEOUT;
use crate::open_decision::EarlierRun;
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

/// The loads of a new attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RunInputs {
    /// All loads of the period.
    Period,
    /// The loads of this run.
    Run(i64),
}

/// The runs of one pipeline and period, inside a transaction.
#[derive(Clone, Copy)]
pub(crate) struct PeriodRuns<'a> {
    pub(crate) client: &'a Client,
    pub(crate) request: OpenRequest<'a>,
    /// The start of the period.
    pub(crate) logical_at: DateTime<Utc>,
}

impl PeriodRuns<'_> {
    /// Begins a transaction that keeps loads and other requests away from the period.
    pub(crate) async fn lock(&self) -> Result<(), TransformError> {
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

    pub(crate) async fn history(&self) -> Result<Vec<EarlierRun>, TransformError> {
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

    /// Returns the datasets with a load in a run of the period.
    pub(crate) async fn loaded(&self) -> Result<Vec<String>, TransformError> {
        let found = self
            .client
            .query(
                "select distinct input.dataset from penstock.run_input as input join penstock.run using (run_id)
                 where run.pipeline = $1 and run.logical_at = $2",
                &[&self.request.start.pipeline, &self.logical_at],
            )
            .await?;
        Ok(found.iter().map(|row| row.get(0)).collect())
    }

    /// Returns the datasets that are needed and not loaded, in the order of the definition.
    pub(crate) fn missing(&self, loaded: &[String]) -> Vec<String> {
        let definition = self.request.definition;
        let is_complete = match definition.run.when {
            _ if definition.run.follows() => true,
            When::Each | When::Any => !loaded.is_empty(),
            When::All => false,
        };
        let names = definition.datasets.iter().map(|dataset| &dataset.name);
        names.filter(|name| !is_complete && !loaded.contains(name)).cloned().collect()
    }

    pub(crate) async fn start_waiting(&self, run_id: i64) -> Result<RunRef, TransformError> {
        let start = format!(
            "update penstock.run set state = '{ready}', execution_arn = $2 where run_id = $1",
            ready = RunState::Ready
        );
        self.client.execute(&start, &[&run_id, &self.request.execution]).await?;
        self.add_inputs(run_id, RunInputs::Period).await
    }

    pub(crate) async fn add_attempt(
        &self,
        history: &[EarlierRun],
        inputs: RunInputs,
    ) -> Result<RunRef, TransformError> {
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
        self.add_inputs(row.get(0), inputs).await
    }

    async fn add_inputs(&self, run_id: i64, inputs: RunInputs) -> Result<RunRef, TransformError> {
        let of_run = match inputs {
            RunInputs::Period => None,
            RunInputs::Run(earlier) => Some(earlier),
        };
        let insert = "insert into penstock.run_input (run_id, dataset, load_id)
                      select distinct $1::bigint, input.dataset, input.load_id
                      from penstock.run_input as input join penstock.run using (run_id)
                      where run.pipeline = $2 and run.logical_at = $3 and run.run_id = coalesce($4, run.run_id)
                      on conflict do nothing";
        self.client.execute(insert, &[&run_id, &self.request.start.pipeline, &self.logical_at, &of_run]).await?;
        Ok(self.run(run_id))
    }

    pub(crate) fn run(&self, run_id: i64) -> RunRef {
        RunRef { run_id, pipeline: self.request.start.pipeline.clone(), logical_at: self.logical_at }
    }
}
