use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use local_stack::interrupt;

use crate::commands::check::CheckArgs;
use crate::commands::dead_letters::DeadLettersArgs;
use crate::commands::demo::DemoArgs;
use crate::commands::deploy::DeployArgs;
use crate::commands::destroy::DestroyArgs;
use crate::commands::drop::DropArgs;
use crate::commands::explain::ExplainArgs;
use crate::commands::failures::FailuresArgs;
use crate::commands::forget::ForgetArgs;
use crate::commands::infer::InferArgs;
use crate::commands::loads::LoadsArgs;
use crate::commands::reconcile::ReconcileArgs;
use crate::commands::rejects::RejectsArgs;
use crate::commands::reload::ReloadArgs;
use crate::commands::repair::RepairArgs;
use crate::commands::replay::ReplayArgs;
use crate::commands::rerun::RerunArgs;
use crate::commands::run::RunArgs;
use crate::commands::runs::RunsArgs;
use crate::commands::up::UpArgs;
use crate::commands::{
    check, dead_letters, demo, deploy, destroy, down, drop, explain, failures, forget, infer, loads, reconcile,
    rejects, reload, repair, replay, rerun, run as run_command, runs, up,
};
use crate::context::Context;
use crate::error::{Error, Result};

/// Load files from S3 into PostgreSQL, exactly once
#[derive(Debug, Parser)]
#[command(name = "penstock", version, max_term_width = 120)]
pub struct Cli {
    /// Folder of the stack: data, logs and addresses. Each folder is a separate stack
    /// [default: .local in the project]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    state: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(UpArgs),
    /// Stop the stack that `up` started
    ///
    /// Also works after a crash or an interrupted `up`. Keeps the files of the database.
    Down,
    Demo(DemoArgs),
    Drop(DropArgs),
    Run(RunArgs),
    Rerun(RerunArgs),
    Runs(RunsArgs),
    Failures(FailuresArgs),
    Loads(LoadsArgs),
    Rejects(RejectsArgs),
    Repair(RepairArgs),
    DeadLetters(DeadLettersArgs),
    Replay(ReplayArgs),
    Reload(ReloadArgs),
    Forget(ForgetArgs),
    Reconcile(ReconcileArgs),
    Check(CheckArgs),
    Explain(ExplainArgs),
    Infer(InferArgs),
    Deploy(DeployArgs),
    Destroy(DestroyArgs),
}

/// Runs the command. Prints an error and its remedy on stderr.
pub async fn run(cli: Cli) -> ExitCode {
    let result = match interrupt::listen() {
        Ok(()) => dispatch(cli).await,
        Err(error) => Err(Error::Unexpected(format!("cannot listen for signals: {error}"))),
    };
    match result.map_err(|error| match interrupt::check() {
        // Other errors only follow from the interrupt: the same Ctrl-C also stops the emulator of a demo.
        Err(interrupted) => interrupted.into(),
        Ok(()) => error,
    }) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            if let Some(remedy) = error.what_to_do() {
                eprintln!("what to do: {remedy}");
            }
            // 128 + SIGINT, as a shell reports it.
            if error.is_interrupt() { ExitCode::from(130) } else { ExitCode::FAILURE }
        }
    }
}

/// Returns false if the exit status must be 1 although the command has printed its result.
async fn dispatch(cli: Cli) -> Result<bool> {
    let context = Context { state: cli.state };
    match cli.command {
        Command::Up(args) => up::run(args, &context).await,
        Command::Down => down::run(&context),
        Command::Demo(args) => demo::run(args, &context).await,
        Command::Drop(args) => drop::run(args, &context).await,
        Command::Run(args) => run_command::run(args, &context).await,
        Command::Rerun(args) => rerun::run(args, &context).await,
        Command::Runs(args) => runs::run(&args, &context).await,
        Command::Failures(args) => failures::run(args, &context).await,
        Command::Loads(args) => loads::run(&args, &context).await,
        Command::Rejects(args) => rejects::run(&args, &context).await,
        Command::Repair(args) => repair::run(&args, &context).await,
        Command::DeadLetters(args) => dead_letters::run(args, &context).await,
        Command::Replay(args) => replay::run(args, &context).await,
        Command::Forget(args) => forget::run(args, &context).await,
        Command::Reload(args) => reload::run(args, &context).await,
        Command::Reconcile(args) => reconcile::run(args, &context).await,
        Command::Check(args) => check::run(args, &context).await,
        Command::Explain(args) => explain::run(args, &context),
        Command::Infer(args) => infer::run(args),
        Command::Deploy(args) => deploy::run(args, &context),
        Command::Destroy(args) => destroy::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn export_takes_an_optional_file_name() {
        for arguments in [&["rejects", "12", "--export"][..], &["rejects", "12", "--export", "x.csv", "--json"]] {
            assert!(Cli::try_parse_from([&["penstock"], arguments].concat()).is_ok(), "{arguments:?}");
        }
    }
}
