//! Arguments that several commands have.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct PipelinesArg {
    /// Folder of the pipelines, with one folder per pipeline [default: pipelines in the project]
    #[arg(long, env = "PIPELINES", value_name = "DIR")]
    pub(crate) pipelines: Option<PathBuf>,
}
