//! `penstock.run`: decides which run a load belongs to, in the load's own transaction right before COMMIT.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::{join3, try_join3};
use pipeline::{Again, Definition, When};
use postgres::Client;
use protocol::{LoadRequest, RunRef, RunState, UnknownName};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};

use crate::error::LoadError;
use crate::limits::LOCK_TIMEOUT;

const WAITING: &str = RunState::Waiting.as_str();
const READY: &str = RunState::Ready.as_str();
const SKIPPED: &str = RunState::Skipped.as_str();

/// The period of a load, and the rules of its pipeline's runs.
#[derive(Debug)]
pub(crate) struct RunPeriod {
    pipeline: String,
    dataset: String,
    /// The run's `logical_at`.
    start: DateTime<Utc>,
    when: When,
    again: Again,
    deadline: Option<Duration>,
    /// The datasets that a run requires.
    needed: Vec<String>,
}

/// The run of a load. Concurrent loads of the same period wait until the load commits.
pub(crate) struct RunMembership<'a> {
    period: &'a RunPeriod,
    choice: RunChoice,
    /// The run that does not have the load, because a later file of its period is skipped.
    stale_run: Option<i64>,
    statement: Statement,
}

/// The result of adding a load to its run.
#[derive(Debug, Default)]
pub(crate) struct Joined {
    /// The run, if the load completes it.
    pub(crate) run: Option<RunRef>,
    /// The run that does not have the load, because a later file of its period is skipped.
    pub(crate) stale_run: Option<RunRef>,
}

/// The run that a load joins, and the state of the run after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RunChoice {
    /// A new run of this load alone.
    Single,
    Existing {
        run_id: i64,
        state: RunState,
    },
    NewAttempt {
        number: i32,
        state: RunState,
    },
}

/// An attempt of the run of a period.
#[derive(Clone, Copy, Debug)]
struct RunAttempt {
    run_id: i64,
    number: i32,
    state: RunState,
}

impl RunPeriod {
    /// Returns `None` if the pipeline has no runs, or if its runs follow those of another pipeline.
    pub(crate) fn new(definition: &Definition, request: &LoadRequest) -> Option<Self> {
        let run = &definition.run;
        if !definition.has_runs() || run.after.is_some() || run.after_failure.is_some() {
            return None;
        }
        let needed = match run.when {
            When::Each | When::Any => vec![request.dataset.clone()],
            When::All => definition.datasets.iter().map(|dataset| dataset.name.clone()).collect(),
        };
        Some(Self {
            pipeline: request.pipeline.clone(),
            dataset: request.dataset.clone(),
            start: definition.period(request.logical_at),
            when: run.when,
            again: run.again,
            deadline: run.deadline.filter(|_| run.when == When::All),
            needed,
        })
    }

    /// Chooses the run of the load. If loads share a run, this locks the period until COMMIT. So if the last two datasets
    /// commit at the same time, the second load sees the first.
    pub(crate) async fn choose_run(&self, client: &Client) -> Result<RunMembership<'_>, LoadError> {
        let (choice, stale_run) = match self.when {
            When::Each => (RunChoice::Single, None),
            When::Any | When::All => self.choose_attempt(client).await?,
        };
        let statement = client.prepare(&choice.statement()).await?;
        Ok(RunMembership { period: self, choice, stale_run, statement })
    }

    /// Returns the run of the load, and the run that becomes stale.
    async fn choose_attempt(&self, client: &Client) -> Result<(RunChoice, Option<i64>), LoadError> {
        // Prepare first. PostgreSQL then executes in the order of sending, so the queries see everything that was
        // committed before the lock was granted.
        let (lock_sql, attempts_sql) = (lock_statement(), attempts_statement());
        let (lock, attempts, is_complete) =
            try_join3(client.prepare(&lock_sql), client.prepare(&attempts_sql), client.prepare(IS_COMPLETE)).await?;
        let deadline_s = self.deadline.map(|deadline| deadline.as_secs_f64());
        let (locked, attempts, is_complete) = join3(
            client.execute_prepared(&lock, &[&self.pipeline, &self.start, &self.needed, &deadline_s]),
            client.query_prepared(&attempts, &[&self.pipeline, &self.start]),
            client.query_prepared(&is_complete, &[&self.pipeline, &self.start, &self.needed, &self.dataset]),
        )
        .await;
        locked.map_err(|error| self.busy(error))?;
        let attempts =
            attempts.map_err(|error| self.busy(error))?.iter().map(attempt).collect::<Result<Vec<_>, _>>()?;
        let is_complete = is_complete?.first().is_some_and(|row| row.get(0));
        let choice = choose(&attempts, is_complete, self.again);
        let stale_run = choice.is_skipped().then(|| latest_run(&attempts)).flatten();
        Ok((choice, stale_run.map(|run| run.run_id)))
    }

    fn run(&self, run_id: i64) -> RunRef {
        RunRef { run_id, pipeline: self.pipeline.clone(), logical_at: self.start }
    }

    fn busy(&self, error: tokio_postgres::Error) -> LoadError {
        let reason = match error.code() {
            Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                format!("other sessions locked the run for {} s", LOCK_TIMEOUT.as_secs())
            }
            // The command line opened an attempt at the same time.
            Some(&SqlState::UNIQUE_VIOLATION) => "another attempt was opened at the same time".to_owned(),
            _ => return error.into(),
        };
        LoadError::RunBusy { pipeline: self.pipeline.clone(), logical_at: self.start, reason }
    }
}

impl RunMembership<'_> {
    /// Adds the load to the run.
    ///
    /// The first poll sends the statement, so COMMIT can follow at once.
    pub(crate) async fn join(&self, client: &Client, load_id: i64) -> Result<Joined, LoadError> {
        let Self { period, choice, stale_run, statement } = self;
        let RunPeriod { pipeline, dataset, start, needed, .. } = period;
        let joined = match choice {
            RunChoice::Single => client.query_prepared(statement, &[pipeline, start, needed, dataset, &load_id]).await,
            RunChoice::Existing { run_id, state } => {
                client.query_prepared(statement, &[run_id, &state.as_str(), needed, dataset, &load_id]).await
            }
            RunChoice::NewAttempt { number, state } => {
                let deadline_s = period.deadline.map(|deadline| deadline.as_secs_f64());
                let state = state.as_str();
                let parameters: [&(dyn ToSql + Sync); 8] =
                    [pipeline, start, number, &state, needed, &deadline_s, dataset, &load_id];
                client.query_prepared(statement, &parameters).await
            }
        };
        let joined = joined.map_err(|error| period.busy(error))?;
        let run_id = joined.first().map(|row| row.get(0));
        let run_id = run_id.ok_or_else(|| LoadError::Internal(format!("load {load_id} joined no run")))?;
        let stale_run = stale_run.map(|run_id| period.run(run_id));
        Ok(Joined { run: choice.is_ready().then(|| period.run(run_id)), stale_run })
    }
}

impl RunChoice {
    fn statement(self) -> String {
        match self {
            Self::Single => single_run_statement(),
            Self::Existing { .. } => join_statement(),
            Self::NewAttempt { .. } => new_attempt_statement(),
        }
    }

    fn is_ready(self) -> bool {
        matches!(self.state(), RunState::Ready)
    }

    fn is_skipped(self) -> bool {
        matches!(self.state(), RunState::Skipped)
    }

    fn state(self) -> RunState {
        match self {
            Self::Single => RunState::Ready,
            Self::Existing { state, .. } | Self::NewAttempt { state, .. } => state,
        }
    }
}

/// Returns the latest attempt that was not skipped. `attempts` has the latest first.
fn latest_run(attempts: &[RunAttempt]) -> Option<&RunAttempt> {
    attempts.iter().find(|attempt| attempt.state != RunState::Skipped)
}

/// Returns the run of a load if it is complete and not claimed. The execution that was to start it may have died.
pub(crate) async fn unclaimed(client: &Client, load_id: i64) -> Result<Option<RunRef>, LoadError> {
    let found = client
        .query_opt(
            "select run.run_id, run.pipeline, run.logical_at
             from penstock.run_input as input join penstock.run using (run_id)
             where input.load_id = $1 and run.state = $2 order by run.run_id desc limit 1",
            &[&load_id, &READY],
        )
        .await?;
    Ok(found.map(|row| RunRef { run_id: row.get(0), pipeline: row.get(1), logical_at: row.get(2) }))
}

/// Chooses the run of a load. `attempts` are those of its period, the latest first.
fn choose(attempts: &[RunAttempt], is_complete: bool, again: Again) -> RunChoice {
    let in_state = |state: RunState| attempts.iter().find(|attempt| attempt.state == state);
    let latest = attempts.first();
    let new = |state| RunChoice::NewAttempt { number: latest.map_or(0, |attempt| attempt.number) + 1, state };
    let open_state = if is_complete { RunState::Ready } else { RunState::Waiting };
    if let Some(&RunAttempt { run_id, .. }) = in_state(RunState::Waiting) {
        return RunChoice::Existing { run_id, state: open_state };
    }
    // A skipped attempt says nothing about the result of the run before it.
    if latest_run(attempts).is_none_or(|run| run.state == RunState::Failed) {
        return new(open_state);
    }
    match (latest, again) {
        (Some(&RunAttempt { state: RunState::Skipped, run_id, .. }), Again::Skip) => {
            RunChoice::Existing { run_id, state: RunState::Skipped }
        }
        (_, Again::Skip) => new(RunState::Skipped),
        (_, Again::Rerun) => match in_state(RunState::Ready) {
            Some(&RunAttempt { run_id, .. }) => RunChoice::Existing { run_id, state: RunState::Ready },
            None => new(RunState::Ready),
        },
    }
}

fn attempt(row: &Row) -> Result<RunAttempt, LoadError> {
    let state = row.get::<_, &str>(2).parse().map_err(|error: UnknownName| LoadError::Internal(error.to_string()))?;
    Ok(RunAttempt { run_id: row.get(0), number: row.get(1), state })
}

fn single_run_statement() -> String {
    format!(
        "with run as (
             insert into penstock.run (pipeline, logical_at, state, datasets) values ($1, $2, '{READY}', $3)
             returning run_id)
         insert into penstock.run_input (run_id, dataset, load_id) select run_id, $4, $5 from run returning run_id"
    )
}

/// Creates the first attempt of a period, or locks it. The update changes no key, so rows that refer to the run do not
/// wait.
fn lock_statement() -> String {
    format!(
        "insert into penstock.run (pipeline, logical_at, attempt, state, datasets, started_at, deadline_at)
         select $1, $2, 1, '{WAITING}', $3, now_at, now_at + make_interval(secs => $4) from clock_timestamp() as now_at
         on conflict (pipeline, logical_at, attempt) do update set state = run.state"
    )
}

/// Selects and locks the attempts that matter. The transformer and the sweep change an attempt without locking the first.
fn attempts_statement() -> String {
    format!(
        "select run_id, attempt, state from penstock.run
         where pipeline = $1 and logical_at = $2 and attempt is not null
           and (state in ('{WAITING}', '{READY}')
                or attempt = (select max(attempt) from penstock.run where pipeline = $1 and logical_at = $2)
                or attempt = (select max(attempt) from penstock.run
                              where pipeline = $1 and logical_at = $2 and state <> '{SKIPPED}'))
         order by attempt desc
         for no key update"
    )
}

/// True if each needed dataset has a load in an attempt of the period. This load counts too.
const IS_COMPLETE: &str = "
    select not exists (
        select from unnest($3::text[]) as needed (dataset)
        where needed.dataset <> $4
          and not exists (
              select from penstock.run_input as input join penstock.run using (run_id)
              where run.pipeline = $1 and run.logical_at = $2 and run.attempt is not null
                and input.dataset = needed.dataset))";

/// While a run waits, the latest definition determines the datasets that it requires.
fn join_statement() -> String {
    format!(
        "with run as (
             update penstock.run set state = $2, datasets = case state when '{WAITING}' then $3 else datasets end
             where run_id = $1 returning run_id)
         insert into penstock.run_input (run_id, dataset, load_id) select run_id, $4, $5 from run returning run_id"
    )
}

/// A new attempt has all loads of its period. A skipped attempt has only the loads that it skips.
fn new_attempt_statement() -> String {
    format!(
        "with run as (
             insert into penstock.run (pipeline, logical_at, attempt, state, datasets, started_at, deadline_at, ended_at)
             select $1, $2, $3, $4, $5, now_at, now_at + make_interval(secs => $6),
                    case when $4 = '{SKIPPED}' then now_at end
             from clock_timestamp() as now_at
             returning run_id),
         loads as (
             select input.dataset, input.load_id from penstock.run_input as input join penstock.run using (run_id)
             where run.pipeline = $1 and run.logical_at = $2 and run.attempt is not null and $4 <> '{SKIPPED}'
             union
             values ($7, $8::bigint))
         insert into penstock.run_input (run_id, dataset, load_id)
         select run.run_id, loads.dataset, loads.load_id from run cross join loads
         returning run_id"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempt_is_chosen_by_states_and_again() {
        use Again::{Rerun, Skip};
        use RunState::{Failed, Ready, Running, Skipped, Succeeded, Waiting};

        /// The latest attempt comes first. Attempt N has run id 100 + N.
        fn check(states: &[RunState], is_complete: bool, again: Again, expected: RunChoice) {
            let attempts: Vec<RunAttempt> = states
                .iter()
                .zip((1..=3).rev().skip(3 - states.len()))
                .map(|(state, number)| RunAttempt { run_id: 100 + i64::from(number), number, state: *state })
                .collect();
            assert_eq!(choose(&attempts, is_complete, again), expected, "{states:?} {is_complete} {again:?}");
        }
        let join = |run_id: i64, state: RunState| RunChoice::Existing { run_id, state };
        let new = |number: i32, state: RunState| RunChoice::NewAttempt { number, state };

        for again in [Skip, Rerun] {
            check(&[Waiting], false, again, join(101, Waiting));
            check(&[Waiting], true, again, join(101, Ready));
            check(&[Failed], false, again, new(2, Waiting));
            check(&[Failed], true, again, new(2, Ready));
            check(&[Waiting, Failed], true, again, join(102, Ready));
            for begun in [Running, Succeeded] {
                // The second attempt was forced, so the datasets were never complete.
                check(&[begun, Waiting], true, again, join(101, Ready));
                // The data may be the cause of the failure, so the next file runs again.
                check(&[Failed, begun], true, again, new(3, Ready));
            }
            check(&[Skipped, Failed], true, again, new(3, Ready));
        }
        for state in [Ready, Running, Succeeded] {
            check(&[state], true, Skip, new(2, Skipped));
            check(&[state, Failed], true, Skip, new(3, Skipped));
        }
        check(&[Ready], true, Rerun, join(101, Ready));
        for begun in [Running, Succeeded] {
            check(&[Skipped, begun], true, Skip, join(102, Skipped));
            check(&[begun, Skipped, begun], true, Skip, new(4, Skipped));
            check(&[begun], true, Rerun, new(2, Ready));
            check(&[Ready, begun], true, Rerun, join(102, Ready));
            // The earlier definition had `again = "skip"`.
            check(&[Skipped, begun], true, Rerun, new(3, Ready));
        }
        check(&[Skipped, Ready], true, Rerun, join(101, Ready));
    }
}
