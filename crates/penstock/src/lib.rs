//! The command line of Penstock.

mod cli;
mod commands;
mod context;
mod error;
mod executions;
mod history;
mod output;
mod pipelines;
mod recovery;
mod rejects_export;
mod time_argument;

pub use cli::{Cli, run};
pub use error::{Error, Result};
