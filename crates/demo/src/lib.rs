//! The demo: starts a temporary stack, drops the files of both example pipelines, prints the results, checks them, and
//! stops the stack. It drives the command line as a user does, through its arguments, its output and its `--json`.
//!
//! With seeds, it runs again with planned failures and compares the tables.

mod checksums;
mod command;
mod comparison;
mod database;
mod error;
mod exports;
mod files;
mod notices;
mod options;
mod output;
mod planned_failures;
mod result;
mod run;
mod runs;
mod stack;
mod tables;

pub use error::{Error, Result};
pub use options::DemoOptions;
pub use output::Output;
pub use run::run;
