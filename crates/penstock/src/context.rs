//! The stack, database and folders that a command uses.

use std::path::{Path, PathBuf};

use fault_plan::FaultPlan;
use local_stack::{Project, StackEnv};
use postgres::DatabaseAddress;

use crate::error::{Error, Result};

/// The folder of a stack in the project, if `--state` is not set.
const STATE_FOLDER: &str = ".local";

/// Options that every command has.
#[derive(Debug)]
pub(crate) struct Context {
    /// The value of `--state`.
    pub(crate) state: Option<PathBuf>,
}

impl Context {
    pub(crate) fn state_folder(&self) -> Result<PathBuf> {
        match &self.state {
            Some(state) => Ok(state.clone()),
            None => Ok(Project::find()?.root().join(STATE_FOLDER)),
        }
    }

    /// Finds the addresses of the stack: with `--state` in that folder, else in the environment, else in the project.
    pub(crate) fn stack_env(&self) -> Result<StackEnv> {
        // Outside of a checkout, only the environment can name a stack.
        let default = self.state_folder().unwrap_or_else(|_| PathBuf::from(STATE_FOLDER));
        Ok(StackEnv::find(self.state.as_deref(), &default)?)
    }

    /// Finds the database: with `--state` that of the stack, else that of the environment, else that of the project's
    /// stack.
    pub(crate) fn database(&self) -> Result<DatabaseAddress> {
        let of_the_environment = || self.state.is_none().then(|| DatabaseAddress::from_env().ok()).flatten();
        let of_the_stack = || self.stack_env().ok().and_then(|env| env.database_url).map(DatabaseAddress::Url);
        of_the_environment().or_else(of_the_stack).ok_or(Error::NoDatabase)
    }
}

/// Returns the folder of the pipelines. The default is `pipelines` in the project.
pub(crate) fn pipelines_folder(named: Option<PathBuf>) -> Result<PathBuf> {
    match named.filter(|path| !path.as_os_str().is_empty()) {
        Some(path) => Ok(path),
        None => Ok(Project::find()?.root().join("pipelines")),
    }
}

/// Returns the name of the user of this computer, for records of what a person did.
pub(crate) fn user_name() -> String {
    let name = |variable: &str| std::env::var(variable).ok().filter(|name| !name.is_empty());
    name("USER").or_else(|| name("USERNAME")).unwrap_or_else(|| "unknown".to_owned())
}

pub(crate) fn database_url() -> Option<String> {
    std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty())
}

/// Reads and checks a fault plan. Without a path, returns the empty plan.
pub(crate) fn fault_plan(path: Option<PathBuf>) -> Result<String> {
    let Some(path) = path else { return Ok(String::new()) };
    let text = std::fs::read_to_string(&path).map_err(Error::file("read", &path))?;
    FaultPlan::parse(&text).map_err(|source| Error::ChaosPlan { path, source })?;
    Ok(text)
}

/// Returns the path relative to the current folder if it is below it.
pub(crate) fn relative(path: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    let short = path.strip_prefix(here).unwrap_or(path);
    if short.as_os_str().is_empty() { PathBuf::from(".") } else { short.to_owned() }
}

/// Returns an address of the stack that the command requires. `name` is its variable in `.local/env`.
pub(crate) fn required<'a>(address: Option<&'a String>, name: &'static str) -> Result<&'a str> {
    let not_set = || local_stack::Error::NotSet { file: "the addresses of the stack".to_owned(), name };
    Ok(address.ok_or_else(not_set)?)
}
