//! `runs`, `loads` and `rejects`: from the database, and `runs` from Step Functions too.

use std::path::Path;

use database::DatabaseAddress;
use serde::Serialize;

use super::args::{Loads, Rejects, Runs};
use super::stack_env;
use crate::cloud::Cloud;
use crate::executions::{Execution, Executions};
use crate::history::{self, History, Missing, Run};
use crate::local::StackEnv;
use crate::table::{self, say};
use crate::{Error, Result};

#[derive(Debug, Serialize)]
struct AllRuns {
    runs: Vec<Run>,
    missing: Vec<Missing>,
    executions: Vec<Execution>,
}

/// A stack without a database that we may read still has executions, and a database alone has runs.
pub(super) async fn runs(options: &Runs, state: Option<&Path>) -> Result<bool> {
    let env = stack_env(state).ok();
    let (runs, missing) = match address(state) {
        Ok(address) => remembered(options, address).await?,
        Err(error) if env.is_none() => return Err(error),
        Err(_) => {
            eprintln!("runs and what is missing are in the database: set DATABASE_URL or DATABASE_SECRET_ARN");
            (Vec::new(), Vec::new())
        }
    };
    let executions = match &env {
        Some(env) if options.pipeline.is_none() => executions(options, env).await?,
        _ => Vec::new(),
    };
    let all = AllRuns { runs, missing, executions };
    if options.json {
        table::print_json(&all)?;
    } else {
        all.print();
    }
    Ok(true)
}

async fn remembered(options: &Runs, address: DatabaseAddress) -> Result<(Vec<Run>, Vec<Missing>)> {
    let history = History::open(address).await?;
    let pipeline = options.pipeline.as_deref();
    let runs = history.runs(pipeline, options.failed, options.limit).await?;
    Ok((runs, history.missing(pipeline).await?))
}

async fn executions(options: &Runs, env: &StackEnv) -> Result<Vec<Execution>> {
    let cloud = Cloud::of(env).await;
    let limit = usize::try_from(options.limit).unwrap_or(usize::MAX);
    Executions::of(&cloud, &env.state_machine_arn).latest(limit, options.failed).await
}

impl AllRuns {
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

pub(super) async fn loads(options: &Loads, state: Option<&Path>) -> Result<bool> {
    let history = History::open(address(state)?).await?;
    let loads = history.loads(options.pipeline.as_deref(), options.dataset.as_deref(), options.limit).await?;
    if options.json {
        table::print_json(&loads)?;
    } else if loads.is_empty() {
        say("no loads yet: `penstock drop FILE` makes one");
    } else {
        history::print_loads(&loads);
    }
    Ok(true)
}

pub(super) async fn rejects(options: &Rejects, state: Option<&Path>) -> Result<bool> {
    let refused = History::open(address(state)?).await?.rejects(options.load, options.limit).await?;
    if options.json {
        table::print_json(&refused)?;
    } else {
        history::print_rejects(&refused);
    }
    Ok(true)
}

/// The named stack's; else the one that the environment names; else that of the project's own stack.
fn address(state: Option<&Path>) -> Result<DatabaseAddress> {
    let of_the_stack = || stack_env(state).ok().and_then(|env| env.database_url).map(DatabaseAddress::Url);
    let of_the_environment = || state.is_none().then(|| DatabaseAddress::from_env().ok()).flatten();
    of_the_environment().or_else(of_the_stack).ok_or(Error::NoDatabase)
}
