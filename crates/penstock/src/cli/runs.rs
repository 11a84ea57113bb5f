//! `runs`: from the database and from Step Functions.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::args::Runs;
use super::history::address;
use super::stack_env;
use crate::cloud::Cloud;
use crate::executions::{Execution, Executions};
use crate::history::{self, History, Missing, Run};
use crate::progress::Progress;
use crate::table::{self, say};
use crate::{Result, interrupt};

const POLL: Duration = Duration::from_secs(1);
/// So many of what is under way are named.
const NAMED_MAX: usize = 3;

#[derive(Debug, Default, Serialize)]
struct AllRuns {
    runs: Vec<Run>,
    missing: Vec<Missing>,
    executions: Vec<Execution>,
}

/// A stack whose database we may not read still has executions, and a database alone has runs.
struct Sources {
    history: Option<History>,
    /// With the machine whose executions are of files.
    cloud: Option<(Cloud, String)>,
}

pub(super) async fn runs(options: &Runs, state: Option<&Path>) -> Result<bool> {
    let sources = Sources::open(state).await?;
    let all = if options.follow { sources.follow(options).await? } else { sources.read(options).await? };
    if options.json {
        table::print_json(&all)?;
    } else {
        all.print();
    }
    Ok(true)
}

impl Sources {
    async fn open(state: Option<&Path>) -> Result<Self> {
        let env = stack_env(state).ok();
        let history = match address(state) {
            Ok(address) => Some(History::open(address).await?),
            Err(error) if env.is_none() => return Err(error),
            Err(_) => {
                eprintln!("runs and what is missing are in the database: set DATABASE_URL or DATABASE_SECRET_ARN");
                None
            }
        };
        let cloud = match env {
            Some(env) => Some((Cloud::of(&env).await, env.state_machine_arn)),
            None => None,
        };
        Ok(Self { history, cloud })
    }

    async fn read(&self, options: &Runs) -> Result<AllRuns> {
        let mut all = AllRuns::default();
        let pipeline = options.pipeline.as_deref();
        if let Some(history) = &self.history {
            all.runs = history.runs(pipeline, options.failed, options.limit).await?;
            all.missing = history.missing(pipeline).await?;
        }
        if let (Some((cloud, machine)), None) = (&self.cloud, pipeline) {
            let limit = usize::try_from(options.limit).unwrap_or(usize::MAX);
            all.executions = Executions::of(cloud, machine).latest(limit, options.failed).await?;
        }
        Ok(all)
    }

    async fn follow(&self, options: &Runs) -> Result<AllRuns> {
        let mut step = Progress::new().step("under way");
        loop {
            let all = self.read(options).await?;
            match all.under_way() {
                Some(what) => step.now(&what),
                None => return Ok(all),
            }
            interrupt::sleep(POLL).await?;
        }
    }
}

impl AllRuns {
    /// Runs and files that somebody works on; a run that waits may wait for hours.
    fn under_way(&self) -> Option<String> {
        let runs = self.runs.iter().filter(|run| matches!(run.state.as_str(), "Ready" | "Running"));
        let runs = runs.map(|run| format!("run {} of {} is {}", run.run_id, run.pipeline, run.state));
        let files = self.executions.iter().filter(|execution| execution.outcome.is_none());
        let files =
            files.map(|it| format!("{} is in {}", it.key, it.states.last().map_or("no state yet", String::as_str)));
        let mut all: Vec<String> = runs.chain(files).collect();
        let more = all.len().saturating_sub(NAMED_MAX);
        all.truncate(NAMED_MAX);
        if more > 0 {
            all.push(format!("{more} more"));
        }
        (!all.is_empty()).then(|| all.join(", "))
    }

    fn print(&self) {
        if self.runs.is_empty() && self.missing.is_empty() && self.executions.is_empty() {
            say("nothing has run yet: `penstock drop FILE` starts something");
        }
        section("Runs", &self.runs, history::print_runs);
        section("Missing", &self.missing, history::print_missing);
        section("Files", &self.executions, table::executions);
    }
}

fn section<T>(title: &str, rows: &[T], print: impl Fn(&[T])) {
    if !rows.is_empty() {
        say(&format!("\n{title}"));
        print(rows);
    }
}
