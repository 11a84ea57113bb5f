//! `penstock.run`: which run a load is part of, decided in the load's own transaction as the last thing before COMMIT.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::{join3, try_join3};
use pipeline::{Again, Definition, When};
use postgres::Client;
use protocol::{LoadRequest, RunRef};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};

use crate::error::LoadError;
use crate::limits::LOCK_TIMEOUT;

/// What one load has to do with its pipeline's runs.
#[derive(Debug)]
pub(crate) struct Period {
    pipeline: String,
    dataset: String,
    /// The run's `logical_at`.
    start: DateTime<Utc>,
    when: When,
    again: Again,
    deadline: Option<Duration>,
    /// The datasets that a run needs.
    needed: Vec<String>,
}

/// A load's place in a run, found while loads of the same period wait for us.
pub(crate) struct Joining<'a> {
    period: &'a Period,
    to: To,
    statement: Statement,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    /// A run of the load alone.
    Own,
    Attempt {
        run_id: i64,
        state: State,
    },
    NewAttempt {
        number: i32,
        state: State,
    },
}

/// What a load makes of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Ready,
    Skipped,
}

/// One of the runs of a period.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    run_id: i64,
    number: i32,
    standing: Standing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Waiting,
    Failed,
    Ready,
    Skipped,
    /// It runs, or has succeeded.
    Begun,
}

impl Period {
    /// `None` when the pipeline has no runs, or has them by another pipeline's: then loads are no part of any.
    pub(crate) fn of(definition: &Definition, request: &LoadRequest) -> Option<Self> {
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

    /// Finds the load's place. Where loads are grouped, others of the same period wait from here to our COMMIT: of two
    /// last ones that commit together, the second sees the first.
    pub(crate) async fn find_place(&self, client: &Client) -> Result<Joining<'_>, LoadError> {
        let to = match self.when {
            When::Each => To::Own,
            When::Any | When::All => self.decide(client).await?,
        };
        let statement = client.prepare(to.statement()).await?;
        Ok(Joining { period: self, to, statement })
    }

    async fn decide(&self, client: &Client) -> Result<To, LoadError> {
        // Ready before they are needed: PostgreSQL keeps the order of sending, and each of them sees what was committed
        // before the lock was had.
        let (lock, attempts, is_complete) =
            try_join3(client.prepare(LOCK), client.prepare(ATTEMPTS), client.prepare(IS_COMPLETE)).await?;
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
        Ok(place(&attempts, is_complete, self.again))
    }

    fn run(&self, run_id: i64) -> RunRef {
        RunRef { run_id, pipeline: self.pipeline.clone(), logical_at: self.start }
    }

    fn busy(&self, error: tokio_postgres::Error) -> LoadError {
        match error.code() {
            Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                let reason = format!("other sessions held it for {} s", LOCK_TIMEOUT.as_secs());
                LoadError::RunBusy { pipeline: self.pipeline.clone(), logical_at: self.start, reason }
            }
            // Opened by hand meanwhile.
            Some(&SqlState::UNIQUE_VIOLATION) => {
                let reason = "another attempt was made at the same time".to_owned();
                LoadError::RunBusy { pipeline: self.pipeline.clone(), logical_at: self.start, reason }
            }
            _ => error.into(),
        }
    }
}

impl Joining<'_> {
    /// Makes the load part of the run; gives the run when it is complete and not claimed.
    ///
    /// Sent when it is polled first, so that COMMIT can follow at once.
    pub(crate) async fn join(&self, client: &Client, load_id: i64) -> Result<Option<RunRef>, LoadError> {
        let Self { period, to, statement } = self;
        let Period { pipeline, dataset, start, needed, .. } = period;
        let joined = match to {
            To::Own => client.query_prepared(statement, &[pipeline, start, needed, dataset, &load_id]).await,
            To::Attempt { run_id, state } => {
                client.query_prepared(statement, &[run_id, &state.name(), needed, dataset, &load_id]).await
            }
            To::NewAttempt { number, state } => {
                let deadline_s = period.deadline.map(|deadline| deadline.as_secs_f64());
                let state = state.name();
                let parameters: [&(dyn ToSql + Sync); 8] =
                    [pipeline, start, number, &state, needed, &deadline_s, dataset, &load_id];
                client.query_prepared(statement, &parameters).await
            }
        };
        let joined = joined.map_err(|error| period.busy(error))?;
        let run_id = joined.first().map(|row| row.get(0));
        let run_id = run_id.ok_or_else(|| LoadError::Internal(format!("load {load_id} joined no run")))?;
        Ok(to.is_ready().then(|| period.run(run_id)))
    }
}

impl To {
    fn statement(self) -> &'static str {
        match self {
            Self::Own => OWN,
            Self::Attempt { .. } => JOIN,
            Self::NewAttempt { .. } => NEW_ATTEMPT,
        }
    }

    fn is_ready(self) -> bool {
        match self {
            Self::Own => true,
            Self::Attempt { state, .. } | Self::NewAttempt { state, .. } => state == State::Ready,
        }
    }
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Waiting => "Waiting",
            Self::Ready => "Ready",
            Self::Skipped => "Skipped",
        }
    }
}

/// The run of a load that is complete and still not claimed: whoever was to start it may have died.
pub(crate) async fn unclaimed(client: &Client, load_id: i64) -> Result<Option<RunRef>, LoadError> {
    let found = client
        .query_opt(
            "select run.run_id, run.pipeline, run.logical_at
             from penstock.run_input as input join penstock.run using (run_id)
             where input.load_id = $1 and run.state = 'Ready' order by run.run_id desc limit 1",
            &[&load_id],
        )
        .await?;
    Ok(found.map(|row| RunRef { run_id: row.get(0), pipeline: row.get(1), logical_at: row.get(2) }))
}

/// Where a load goes, given the attempts of its period, the latest first.
fn place(attempts: &[Attempt], is_complete: bool, again: Again) -> To {
    let standing = |wanted: Standing| attempts.iter().find(|attempt| attempt.standing == wanted);
    let latest = attempts.first();
    let new = |state| To::NewAttempt { number: latest.map_or(0, |attempt| attempt.number) + 1, state };
    let filling = if is_complete { State::Ready } else { State::Waiting };
    if let Some(&Attempt { run_id, .. }) = standing(Standing::Waiting) {
        return To::Attempt { run_id, state: filling };
    }
    // What was skipped beside a run says nothing about how that run ended.
    let latest_run = attempts.iter().find(|attempt| attempt.standing != Standing::Skipped);
    if latest_run.is_none_or(|run| run.standing == Standing::Failed) {
        return new(filling);
    }
    match (latest, again) {
        (Some(&Attempt { standing: Standing::Skipped, run_id, .. }), Again::Skip) => {
            To::Attempt { run_id, state: State::Skipped }
        }
        (_, Again::Skip) => new(State::Skipped),
        (_, Again::Rerun) => match standing(Standing::Ready) {
            Some(&Attempt { run_id, .. }) => To::Attempt { run_id, state: State::Ready },
            None => new(State::Ready),
        },
    }
}

fn attempt(row: &Row) -> Result<Attempt, LoadError> {
    let state: &str = row.get(2);
    let standing = match state {
        "Waiting" => Standing::Waiting,
        "Failed" => Standing::Failed,
        "Ready" => Standing::Ready,
        "Skipped" => Standing::Skipped,
        "Running" | "Succeeded" => Standing::Begun,
        other => return Err(LoadError::Internal(format!("penstock.run has the unknown state {other}"))),
    };
    Ok(Attempt { run_id: row.get(0), number: row.get(1), standing })
}

const OWN: &str = "
    with run as (
        insert into penstock.run (pipeline, logical_at, state, datasets) values ($1, $2, 'Ready', $3) returning run_id)
    insert into penstock.run_input (run_id, dataset, load_id) select run_id, $4, $5 from run returning run_id";

/// Creates the first attempt of a period, or locks it: no key of it changes, or rows that refer to it would wait.
const LOCK: &str = "
    insert into penstock.run (pipeline, logical_at, attempt, state, datasets, started_at, deadline_at)
    select $1, $2, 1, 'Waiting', $3, now_at, now_at + make_interval(secs => $4) from clock_timestamp() as now_at
    on conflict (pipeline, logical_at, attempt) do update set state = run.state";

/// Locked too: the transformer claims a run, and the sweep fails one, without asking the first attempt.
const ATTEMPTS: &str = "
    select run_id, attempt, state from penstock.run
    where pipeline = $1 and logical_at = $2 and attempt is not null
      and (state in ('Waiting', 'Ready')
           or attempt = (select max(attempt) from penstock.run where pipeline = $1 and logical_at = $2)
           or attempt = (select max(attempt) from penstock.run
                         where pipeline = $1 and logical_at = $2 and state <> 'Skipped'))
    order by attempt desc
    for no key update";

/// Whether with this load every needed dataset has one, in whichever attempt.
const IS_COMPLETE: &str = "
    select not exists (
        select from unnest($3::text[]) as needed (dataset)
        where needed.dataset <> $4
          and not exists (
              select from penstock.run_input as input join penstock.run using (run_id)
              where run.pipeline = $1 and run.logical_at = $2 and run.attempt is not null
                and input.dataset = needed.dataset))";

/// As long as the run waits, the newest definition says what it needs.
const JOIN: &str = "
    with run as (
        update penstock.run set state = $2, datasets = case state when 'Waiting' then $3 else datasets end
        where run_id = $1 returning run_id)
    insert into penstock.run_input (run_id, dataset, load_id) select run_id, $4, $5 from run returning run_id";

/// An attempt has all loads of its period; a skipped one tells what was skipped.
const NEW_ATTEMPT: &str = "
    with run as (
        insert into penstock.run (pipeline, logical_at, attempt, state, datasets, started_at, deadline_at, ended_at)
        select $1, $2, $3, $4, $5, now_at, now_at + make_interval(secs => $6),
               case when $4 = 'Skipped' then now_at end
        from clock_timestamp() as now_at
        returning run_id),
    loads as (
        select input.dataset, input.load_id from penstock.run_input as input join penstock.run using (run_id)
        where run.pipeline = $1 and run.logical_at = $2 and run.attempt is not null and $4 <> 'Skipped'
        union
        values ($7, $8::bigint))
    insert into penstock.run_input (run_id, dataset, load_id)
    select run.run_id, loads.dataset, loads.load_id from run cross join loads
    returning run_id";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        use Again::{Rerun, Skip};
        use Standing::{Begun, Failed, Ready, Skipped, Waiting};

        /// The latest first; runs have the number of their attempt and a hundred.
        fn check(standings: &[Standing], is_complete: bool, again: Again, expected: To) {
            let attempts: Vec<Attempt> = standings
                .iter()
                .zip((1..=3).rev().skip(3 - standings.len()))
                .map(|(standing, number)| Attempt { run_id: 100 + i64::from(number), number, standing: *standing })
                .collect();
            assert_eq!(place(&attempts, is_complete, again), expected, "{standings:?} {is_complete} {again:?}");
        }
        let join = |run_id: i64, state: State| To::Attempt { run_id, state };
        let new = |number: i32, state: State| To::NewAttempt { number, state };

        for again in [Skip, Rerun] {
            check(&[Waiting], false, again, join(101, State::Waiting));
            check(&[Waiting], true, again, join(101, State::Ready));
            check(&[Failed], false, again, new(2, State::Waiting));
            check(&[Failed], true, again, new(2, State::Ready));
            check(&[Waiting, Failed], true, again, join(102, State::Ready));
            // The second was forced: the set has never been complete.
            check(&[Begun, Waiting], true, again, join(101, State::Ready));
            // What was wrong may have been the data: the next file tries once more.
            check(&[Failed, Begun], true, again, new(3, State::Ready));
            check(&[Skipped, Failed], true, again, new(3, State::Ready));
        }
        for standing in [Ready, Begun] {
            check(&[standing], true, Skip, new(2, State::Skipped));
            check(&[standing, Failed], true, Skip, new(3, State::Skipped));
        }
        check(&[Skipped, Begun], true, Skip, join(102, State::Skipped));
        check(&[Begun, Skipped, Begun], true, Skip, new(4, State::Skipped));
        check(&[Ready], true, Rerun, join(101, State::Ready));
        check(&[Begun], true, Rerun, new(2, State::Ready));
        check(&[Ready, Begun], true, Rerun, join(102, State::Ready));
        // The definition said `skip` until now.
        check(&[Skipped, Begun], true, Rerun, new(3, State::Ready));
        check(&[Skipped, Ready], true, Rerun, join(101, State::Ready));
    }
}
