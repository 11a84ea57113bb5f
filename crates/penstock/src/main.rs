use std::process::ExitCode;

use clap::Parser;
use penstock::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    penstock::run(Cli::parse()).await
}
