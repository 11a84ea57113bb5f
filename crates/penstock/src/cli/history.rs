//! `loads`, `rejects` and `repair`, and where the database is.

use std::path::Path;

use postgres::DatabaseAddress;

use super::args::{Loads, Rejects, Repair};
use super::stack_env;
use crate::history::{self, History};
use crate::progress::Progress;
use crate::repair::{self, RepairOptions};
use crate::table::{self, say};
use crate::{Error, Result};

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
    let history = History::open(address(state)?).await?;
    if let Some(file) = &options.export {
        let exported = repair::export(&history, options.load, file.as_deref()).await?;
        if options.json {
            table::print_json(&exported)?;
        } else {
            exported.print();
        }
        return Ok(true);
    }
    let refused = history.rejects(options.load, options.limit).await?;
    if options.json {
        table::print_json(&refused)?;
    } else {
        history::print_rejects(&refused);
    }
    Ok(true)
}

pub(super) async fn repair(it: Repair, state: Option<&Path>) -> Result<bool> {
    let env = stack_env(state)?;
    let history = History::open(address(state)?).await?;
    let options = RepairOptions { load_id: it.load, file: it.file, json: it.json };
    repair::repair(&options, &history, &env, Progress::new()).await
}

/// The named stack's; else the one that the environment names; else that of the project's own stack.
pub(super) fn address(state: Option<&Path>) -> Result<DatabaseAddress> {
    let of_the_stack = || stack_env(state).ok().and_then(|env| env.database_url).map(DatabaseAddress::Url);
    let of_the_environment = || state.is_none().then(|| DatabaseAddress::from_env().ok()).flatten();
    of_the_environment().or_else(of_the_stack).ok_or(Error::NoDatabase)
}
