//! Runs that no load has made: asked for by hand, or following another pipeline's.

use chrono::{DateTime, Utc};
use pipeline::{Definition, When};
use postgres::{Client, Mode, Transaction};
use protocol::{OpenedRun, RunRef, RunStart};
use tokio_postgres::Row;

use crate::error::TransformError;
use crate::limits::LEDGER_LOCK_TIMEOUT;
use crate::time::Time;

/// What is asked for, by whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening<'a> {
    pub(crate) execution: &'a str,
    pub(crate) definition: &'a Definition,
    pub(crate) start: &'a RunStart,
    pub(crate) time: Time,
}

/// Opens the run, once: a retry of the same execution gets the same run.
pub(crate) async fn open(client: &Client, opening: Opening<'_>) -> Result<OpenedRun, TransformError> {
    let Opening { definition, start, .. } = opening;
    if !definition.has_runs() {
        let reason = "has no [run], [[transforms]] or [[exports]], so there is nothing to run";
        return Err(TransformError::InvalidInput(format!("pipelines/{}/pipeline.toml {reason}", start.pipeline)));
    }
    let logical_at = match (start.logical_at, start.at) {
        (Some(instant), _) => instant,
        (None, Some(local)) => definition.instant(local),
        (None, None) => client.query_one("select clock_timestamp()", &[]).await?.get(0),
    };
    match start.after_run_id {
        Some(followed) => follow(client, opening, logical_at, followed).await,
        None => by_hand(client, opening, definition.period(logical_at)).await,
    }
}

async fn follow(
    client: &Client,
    Opening { execution, start, .. }: Opening<'_>,
    logical_at: DateTime<Utc>,
    followed: i64,
) -> Result<OpenedRun, TransformError> {
    let opened = client
        .query_opt(
            "insert into penstock.run (pipeline, logical_at, state, after_run_id, execution_arn)
             values ($1, $2, 'Ready', $3, $4)
             on conflict (pipeline, after_run_id) do nothing
             returning run_id",
            &[&start.pipeline, &logical_at, &followed, &execution],
        )
        .await?;
    let run = |run_id, logical_at| RunRef { run_id, pipeline: start.pipeline.clone(), logical_at };
    if let Some(row) = opened {
        return Ok(OpenedRun::Run { run: run(row.get(0), logical_at) });
    }
    let row = client
        .query_one(
            "select run_id, logical_at, state in ('Ready', 'Running') and execution_arn = $3
             from penstock.run where pipeline = $1 and after_run_id = $2",
            &[&start.pipeline, &followed, &execution],
        )
        .await?;
    let run = run(row.get(0), row.get(1));
    if row.get::<_, Option<bool>>(2) == Some(true) {
        return Ok(OpenedRun::Run { run });
    }
    Ok(OpenedRun::Skipped { run, reason: format!("run {followed} has been followed already") })
}

async fn by_hand(
    client: &Client,
    opening: Opening<'_>,
    logical_at: DateTime<Utc>,
) -> Result<OpenedRun, TransformError> {
    let period = Period { client, opening, logical_at };
    period.lock().await?;
    let history = period.history().await?;
    let missing = period.missing().await?;
    let opened = match decide(&history, missing.is_empty(), opening.start.force) {
        Decision::Take(run_id) => OpenedRun::Run { run: period.run(run_id) },
        Decision::Complete(run_id) => OpenedRun::Run { run: period.complete(run_id).await? },
        Decision::Add => OpenedRun::Run { run: period.add(&history).await? },
        Decision::Skip(run_id, reason) => OpenedRun::Skipped { run: period.run(run_id), reason: reason.to_owned() },
        Decision::Refuse => {
            let run = format!("{} {}", opening.start.pipeline, logical_at.format("%Y-%m-%dT%H:%M:%SZ"));
            return Err(TransformError::RunIncomplete { run, missing });
        }
    };
    client.batch_execute("commit").await?;
    Ok(opened)
}

/// A run of the period, as it is now.
#[derive(Clone, Debug)]
struct Past {
    run_id: i64,
    attempt: Option<i32>,
    state: String,
    is_incomplete: bool,
    /// Opened or claimed by the execution that asks.
    is_ours: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Decision {
    /// This run, as it is.
    Take(i64),
    /// This run, which waits no more.
    Complete(i64),
    /// One more run.
    Add,
    Skip(i64, &'static str),
    /// The set is incomplete.
    Refuse,
}

/// `history` is in the order in which the runs were made.
fn decide(history: &[Past], is_complete: bool, force: bool) -> Decision {
    let newest = |is: &dyn Fn(&Past) -> bool| history.iter().rev().find(|past| is(past));
    // A retry of ourselves; or one that nobody has claimed yet, which has all that there is.
    if let Some(past) = newest(&|past| past.state == "Ready" || (past.state == "Running" && past.is_ours)) {
        return Decision::Take(past.run_id);
    }
    let waiting = newest(&|past| past.state == "Waiting");
    let Some(latest) = newest(&|past| past.state != "Skipped").filter(|_| !force) else {
        return match waiting {
            Some(past) => Decision::Complete(past.run_id),
            None if force || is_complete => Decision::Add,
            None => Decision::Refuse,
        };
    };
    match latest.state.as_str() {
        "Running" => Decision::Skip(latest.run_id, "it is running"),
        "Succeeded" => Decision::Skip(latest.run_id, "it has run already; --force runs it again"),
        "Waiting" if is_complete => Decision::Complete(latest.run_id),
        "Waiting" => Decision::Refuse,
        // Failed, of which only an incomplete set stays what it was.
        _ if latest.is_incomplete && !is_complete => Decision::Refuse,
        _ => Decision::Add,
    }
}

/// The runs of one pipeline and period, seen by one who asks for a run.
#[derive(Clone, Copy)]
struct Period<'a> {
    client: &'a Client,
    opening: Opening<'a>,
    logical_at: DateTime<Utc>,
}

impl Period<'_> {
    /// Begins a transaction in which no load joins the period and nobody else opens a run of it.
    async fn lock(&self) -> Result<(), TransformError> {
        let time = self.opening.time.left();
        let transaction = Transaction {
            mode: Mode::ReadWrite,
            lock_timeout: LEDGER_LOCK_TIMEOUT,
            statement_timeout: Some(time),
            time,
        };
        self.client.batch_execute(&transaction.begin()).await?;
        let pipeline = &self.opening.start.pipeline;
        let lock = "select pg_advisory_xact_lock(hashtextextended('penstock open ' || $1::text, 0))";
        self.client.execute(lock, &[pipeline]).await?;
        // Loads decide about a period with its first attempt locked.
        let first = "select from penstock.run where pipeline = $1 and logical_at = $2 and attempt = 1 for update";
        self.client.execute(first, &[pipeline, &self.logical_at]).await?;
        Ok(())
    }

    async fn history(&self) -> Result<Vec<Past>, TransformError> {
        let found = self
            .client
            .query(
                "select run_id, attempt, state, coalesce(failure = 'RunIncomplete', false),
                        coalesce(execution_arn = $3, false)
                 from penstock.run where pipeline = $1 and logical_at = $2 order by run_id",
                &[&self.opening.start.pipeline, &self.logical_at, &self.opening.execution],
            )
            .await?;
        let past = |row: &Row| Past {
            run_id: row.get(0),
            attempt: row.get(1),
            state: row.get(2),
            is_incomplete: row.get(3),
            is_ours: row.get(4),
        };
        Ok(found.iter().map(past).collect())
    }

    /// The datasets without which the set is incomplete, in the order of the definition.
    async fn missing(&self) -> Result<Vec<String>, TransformError> {
        let definition = self.opening.definition;
        let found = self
            .client
            .query(
                "select distinct input.dataset from penstock.run_input as input join penstock.run using (run_id)
                 where run.pipeline = $1 and run.logical_at = $2",
                &[&self.opening.start.pipeline, &self.logical_at],
            )
            .await?;
        let arrived: Vec<String> = found.iter().map(|row| row.get(0)).collect();
        let is_complete = match definition.run.when {
            _ if definition.run.follows() => true,
            When::Each | When::Any => !arrived.is_empty(),
            When::All => false,
        };
        let names = definition.datasets.iter().map(|dataset| &dataset.name);
        Ok(names.filter(|name| !is_complete && !arrived.contains(name)).cloned().collect())
    }

    async fn complete(&self, run_id: i64) -> Result<RunRef, TransformError> {
        let complete = "update penstock.run set state = 'Ready', execution_arn = $2 where run_id = $1";
        self.client.execute(complete, &[&run_id, &self.opening.execution]).await?;
        self.gather_inputs(run_id).await
    }

    async fn add(&self, history: &[Past]) -> Result<RunRef, TransformError> {
        let Opening { definition, start, execution, .. } = self.opening;
        let is_grouped = definition.run.when != When::Each && !definition.run.follows();
        let last = history.iter().filter_map(|past| past.attempt).max().unwrap_or(0);
        let attempt = is_grouped.then_some(last + 1);
        let datasets: Vec<&str> = definition.datasets.iter().map(|dataset| dataset.name.as_str()).collect();
        let added = self
            .client
            .query_opt(
                "insert into penstock.run (pipeline, logical_at, attempt, state, datasets, execution_arn)
                 values ($1, $2, $3, 'Ready', $4, $5)
                 on conflict (pipeline, logical_at, attempt) do nothing
                 returning run_id",
                &[&start.pipeline, &self.logical_at, &attempt, &datasets, &execution],
            )
            .await?;
        let Some(row) = added else {
            let reason = format!("{}: the first load of the period is being committed", start.pipeline);
            return Err(TransformError::RunInProgress(reason));
        };
        self.gather_inputs(row.get(0)).await
    }

    /// A run that is made anew counts all loads of its period.
    async fn gather_inputs(&self, run_id: i64) -> Result<RunRef, TransformError> {
        let gather = "insert into penstock.run_input (run_id, dataset, load_id)
                      select distinct $1::bigint, input.dataset, input.load_id
                      from penstock.run_input as input join penstock.run using (run_id)
                      where run.pipeline = $2 and run.logical_at = $3
                      on conflict do nothing";
        self.client.execute(gather, &[&run_id, &self.opening.start.pipeline, &self.logical_at]).await?;
        Ok(self.run(run_id))
    }

    fn run(&self, run_id: i64) -> RunRef {
        RunRef { run_id, pipeline: self.opening.start.pipeline.clone(), logical_at: self.logical_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `2 Failed` is run 2, `3 Running ours` one of the execution that asks.
    fn past(text: &str) -> Past {
        let mut words = text.split(' ');
        let run_id = words.next().unwrap().parse().unwrap();
        let state = words.next().unwrap();
        let (state, is_incomplete) = if state == "Incomplete" { ("Failed", true) } else { (state, false) };
        Past { run_id, attempt: None, state: state.to_owned(), is_incomplete, is_ours: words.next() == Some("ours") }
    }

    #[test]
    fn what_is_opened_depends_on_what_has_run() {
        use Decision::{Add, Complete, Refuse, Skip, Take};
        let check = |history: &[&str], is_complete: bool, unforced: Decision, forced: Decision| {
            let pasts: Vec<Past> = history.iter().map(|text| past(text)).collect();
            assert_eq!(decide(&pasts, is_complete, false), unforced, "{history:?}, complete: {is_complete}");
            assert_eq!(decide(&pasts, is_complete, true), forced, "{history:?}, complete: {is_complete}, forced");
        };
        let again = "it has run already; --force runs it again";
        check(&[], false, Refuse, Add);
        check(&[], true, Add, Add);
        check(&["1 Ready"], true, Take(1), Take(1));
        check(&["1 Waiting"], false, Refuse, Complete(1));
        check(&["1 Waiting"], true, Complete(1), Complete(1));
        check(&["1 Running"], true, Skip(1, "it is running"), Add);
        check(&["1 Running ours"], true, Take(1), Take(1));
        check(&["1 Succeeded"], true, Skip(1, again), Add);
        check(&["1 Succeeded", "2 Skipped"], true, Skip(1, again), Add);
        check(&["1 Succeeded", "2 Ready"], true, Take(2), Take(2));
        check(&["1 Failed"], true, Add, Add);
        check(&["1 Failed", "2 Succeeded"], true, Skip(2, again), Add);
        check(&["1 Failed", "2 Ready ours"], true, Take(2), Take(2));
        check(&["1 Incomplete"], false, Refuse, Add);
        check(&["1 Incomplete"], true, Add, Add);
        check(&["1 Incomplete", "2 Waiting"], false, Refuse, Complete(2));
    }
}
