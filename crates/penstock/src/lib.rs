//! The command line of Penstock, and what it is made of: tests start the same local cloud that `penstock up` does.

mod check;
mod cli;
mod cloud;
mod cloudformation;
mod demo;
mod drop_file;
mod error;
mod executions;
mod explain;
mod history;
mod infer;
mod interrupt;
mod keys;
pub mod local;
mod numbers;
mod progress;
mod project;
mod recovery;
mod remote;
mod repair;
mod run_pipeline;
mod run_rule;
mod table;

pub use cli::{Cli, run};
pub use demo::retail_files;
pub use error::{Error, Result};
pub use progress::Progress;
pub use project::Project;
