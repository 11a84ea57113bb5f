mod args;
mod history;
mod recover;
mod runs;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use fault_plan::Plan;

use crate::drop_file::{DropOptions, drop_files};
use crate::explain::Question;
use crate::infer::{InferOptions, Inferred, infer_dataset};
use crate::local::{self, EmulatorKind, Lifetime, POSTGRES, Stack, StackEnv, UpOptions};
use crate::progress::Progress;
use crate::project::Project;
use crate::remote::{self, DeployOptions};
use crate::run_pipeline::{RunOptions, run_pipeline};
use crate::{Error, Result, check, demo, explain, interrupt, table};

use args::{Command, Explain, Infer, Stacked, Up};

pub use args::Cli;

/// Does what the arguments say, and says on stderr what went wrong and what to do about it.
pub async fn run(cli: Cli) -> ExitCode {
    let outcome = match interrupt::listen() {
        Ok(()) => dispatch(cli).await,
        Err(error) => Err(Error::Unexpected(format!("cannot listen for signals: {error}"))),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            if let Some(advice) = error.what_to_do() {
                eprintln!("what to do: {advice}");
            }
            // 128 + SIGINT, as a shell reports it.
            if matches!(error, Error::Interrupted) { ExitCode::from(130) } else { ExitCode::FAILURE }
        }
    }
}

async fn dispatch(cli: Cli) -> Result<bool> {
    let state = || cli.state.clone().map_or_else(|| Ok(Project::find()?.root().join(".local")), Ok);
    match cli.command {
        Command::Up(up) => start(up, &state()?).await,
        Command::Down => stop(&state()?),
        Command::Demo(it) => {
            let state = state()?.join("demo");
            // The files are those of the shipped pipelines, whatever PIPELINES says.
            let pipelines = Project::find()?.root().join("pipelines");
            let options = UpOptions {
                state,
                pipelines,
                stack: "penstock".to_owned(),
                chaos_rate: it.chaos_rate,
                chaos_plan: String::new(),
                parameters: Vec::new(),
                emulator: EmulatorKind::from_env()?,
                // What an earlier demo has left in a database would be taken for what this one has built.
                database_url: if it.chaos.is_empty() { database_url() } else { None },
                lifetime: Lifetime::WithCaller,
            };
            demo::run(&options, &it.chaos, Progress::new()).await
        }
        Command::Drop(it) => {
            if it.key.is_some() && it.files.len() > 1 {
                let file = it.files[1].display().to_string();
                return Err(Error::NoKey { file, reason: "--key names one file's key".to_owned() });
            }
            let env = stack_env(cli.state.as_deref())?;
            let options =
                DropOptions { files: it.files, key: it.key, pipelines: pipelines(it.stacked)?, json: it.json };
            drop_files(&options, &env, Progress::new()).await
        }
        Command::Run(it) => {
            let env = stack_env(cli.state.as_deref())?;
            let options = RunOptions { pipeline: it.pipeline, at: it.date, force: it.force, json: it.json };
            run_pipeline(&options, &env, Progress::new()).await
        }
        Command::Runs(it) => runs::runs(&it, cli.state.as_deref()).await,
        Command::Loads(it) => history::loads(&it, cli.state.as_deref()).await,
        Command::Rejects(it) => history::rejects(&it, cli.state.as_deref()).await,
        Command::Repair(it) => history::repair(it, cli.state.as_deref()).await,
        Command::DeadLetters(it) => recover::dead_letters(it, &stack_env(cli.state.as_deref())?).await,
        Command::Replay(it) => recover::replay(it, &stack_env(cli.state.as_deref())?).await,
        Command::Reconcile(it) => recover::reconcile(it, &stack_env(cli.state.as_deref())?).await,
        Command::Check(it) => check::check(&typed(&pipelines(Stacked { pipelines: it.path })?), it.json),
        Command::Explain(it) => explain_one(it, cli.state.as_deref()),
        Command::Infer(it) => infer(it),
        Command::Deploy(it) => {
            let options = DeployOptions {
                state: state()?,
                pipelines: pipelines(it.stacked)?,
                stack: it.stack,
                arch: it.arch,
                database_secret_arn: it.database_secret_arn,
                chaos_plan: chaos_plan(it.chaos)?,
                parameters: it.parameters,
            };
            remote::deploy(&options, Progress::new()).map(|()| true)
        }
        Command::Destroy(it) => remote::destroy(&it.stack, Progress::new()).map(|()| true),
    }
}

async fn start(up: Up, state: &Path) -> Result<bool> {
    let options = UpOptions {
        state: state.to_owned(),
        pipelines: pipelines(up.stacked)?,
        stack: up.stack,
        chaos_rate: up.chaos_rate,
        chaos_plan: chaos_plan(up.chaos)?,
        parameters: up.parameters,
        emulator: EmulatorKind::from_env()?,
        database_url: database_url(),
        lifetime: if up.foreground { Lifetime::WithCaller } else { Lifetime::UntilStopped },
    };
    let mut stack = Stack::up(&options, Progress::new()).await?;
    say_what_next(&stack, state);
    if up.foreground {
        eprintln!("Ctrl-C stops it");
        let served = stack.serve();
        stack.down()?;
        served?;
    }
    Ok(true)
}

fn say_what_next(stack: &Stack, state: &Path) {
    let env = relative(&state.join("env"));
    println!(
        "\nThe stack is up on {}. Next:\n\
         \x20 . {env}                                     addresses for the shell, the AWS CLI and psql\n\
         \x20 aws s3 cp FILE \"s3://$LANDING_BUCKET/KEY\"    drop a file; `penstock drop FILE` also follows it\n\
         \x20 psql \"$DATABASE_URL\"                         look at the tables, and at penstock.load\n\
         \x20 penstock runs                               runs, what is missing, and what became of each file\n\
         \x20 make down                                   stop it",
        stack.emulator()
    );
}

fn stop(state: &Path) -> Result<bool> {
    let stopped = local::down(state)?;
    if stopped.is_empty() {
        println!("nothing is up in {}", relative(state));
    } else {
        println!("stopped {}", stopped.join(" and "));
    }
    if stopped.contains(&POSTGRES) {
        println!("the database's files stay in {}: delete them to start anew", relative(&state.join("postgres")));
    }
    Ok(true)
}

fn explain_one(it: Explain, state: Option<&Path>) -> Result<bool> {
    let question = match (it.key, it.dataset, it.at) {
        (_, Some(dataset), Some(at)) => Question::Dataset { dataset, at },
        (key, ..) => {
            // Only the environment or a stack's file knows the name, and nothing needs it but a bucket that is named.
            let landing_bucket = stack_env(state).ok().map(|env| env.landing_bucket);
            Question::Key { key: key.unwrap_or_default(), bucket: it.bucket, landing_bucket }
        }
    };
    explain::explain(&question, &typed(&pipelines(it.stacked)?), it.json)
}

fn infer(it: Infer) -> Result<bool> {
    let Infer { file, name, table, source, delimiter, null_values, json } = it;
    let dataset = infer_dataset(&file, InferOptions { name, table, source, delimiter, null_values })?;
    if json {
        table::print_json(&Inferred::of(&dataset))?;
    } else {
        table::say(dataset.to_toml().trim_end());
    }
    Ok(true)
}

/// Also outside of a checkout, where only the environment can name a stack.
fn stack_env(named: Option<&Path>) -> Result<StackEnv> {
    let default = Project::find().map_or_else(|_| PathBuf::from(".local"), |project| project.root().join(".local"));
    StackEnv::find(named, &default)
}

fn pipelines(stacked: Stacked) -> Result<PathBuf> {
    stacked
        .pipelines
        .filter(|path| !path.as_os_str().is_empty())
        .map_or_else(|| Ok(Project::find()?.root().join("pipelines")), Ok)
}

/// The text of a plan of failures, checked as the function will check it.
fn chaos_plan(path: Option<PathBuf>) -> Result<String> {
    let Some(path) = path else { return Ok(String::new()) };
    let text = std::fs::read_to_string(&path).map_err(Error::file("read", &path))?;
    Plan::parse(&text).map_err(|source| Error::ChaosPlan { path, source })?;
    Ok(text)
}

fn database_url() -> Option<String> {
    std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty())
}

/// As the user would type it.
fn typed(path: &Path) -> PathBuf {
    let short = relative(path);
    if short.is_empty() { PathBuf::from(".") } else { PathBuf::from(short) }
}

/// As the user would type it.
fn relative(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}
