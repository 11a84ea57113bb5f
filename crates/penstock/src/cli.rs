use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::cloud::Cloud;
use crate::drop_file::{DropOptions, drop_files};
use crate::executions::Executions;
use crate::infer::{InferOptions, Inferred, infer_dataset};
use crate::local::{self, EmulatorKind, Lifetime, POSTGRES, Stack, StackEnv, UpOptions};
use crate::progress::Progress;
use crate::project::Project;
use crate::remote::{self, DeployOptions};
use crate::{Error, Result, demo, interrupt, table};

/// A file dropped in S3 becomes rows in PostgreSQL: here on this machine, with no cloud, no Docker and no token.
#[derive(Debug, Parser)]
#[command(name = "penstock", version, max_term_width = 120)]
pub struct Cli {
    /// Folder of the stack: data, logs, addresses, and what runs. Several stacks can live side by side
    /// [default: .local in the project]
    #[arg(long, global = true, value_name = "DIR")]
    state: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start emulator and PostgreSQL, deploy the stack, upload the pipelines, and write `.local/env`
    ///
    /// What runs already is kept, and what was built or changed since is deployed: run it again at any time.
    /// The environment variable EMULATOR chooses `ministack` (default) or `localstack`; DATABASE_URL names a
    /// PostgreSQL of your own, which is then neither started nor stopped.
    Up(Up),
    /// Stop exactly what `up` started
    ///
    /// Also after a crash, or when `up` was interrupted. The database's files stay.
    Down,
    /// Show the whole way: a stack of its own, both example pipelines, real files, and what became of each
    ///
    /// Ends with a failure when one file ends otherwise than it should, and stops all that it started. Its own stack
    /// is in `.local/demo`.
    Demo(Demo),
    /// Upload files to the landing bucket and follow each to its end
    ///
    /// Ends with a failure when one of them fails.
    Drop(Drop),
    /// List the latest executions: file, states, outcome, rows
    Runs(Runs),
    /// Print a dataset for a file, ready to be pasted into pipeline.toml
    ///
    /// Every row is looked at, and each column gets the narrowest type that takes all its values.
    Infer(Infer),
    /// Deploy to the AWS account that the environment points to, and upload the pipelines
    ///
    /// The functions are those of `make build`. The first time it needs the ARN of the secret with the database's
    /// URL; later what is not named keeps its value.
    Deploy(Deploy),
    /// Delete the stack from AWS, and say what is kept
    Destroy(Destroy),
}

#[derive(Debug, Args)]
struct Stacked {
    /// Folder with one folder a pipeline [default: pipelines in the project]
    #[arg(long, env = "PIPELINES", value_name = "DIR")]
    pipelines: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Up {
    #[command(flatten)]
    stacked: Stacked,
    /// Name of the CloudFormation stack
    #[arg(long, env = "STACK", default_value = "penstock")]
    stack: String,
    /// Stay, and stop everything on Ctrl-C, SIGTERM, or when a piped stdin ends
    #[arg(long)]
    foreground: bool,
    /// Share of loads that fail on purpose, from 0 to 1
    #[arg(long, value_name = "RATE", default_value_t = 0.0, value_parser = rate)]
    chaos_rate: f64,
}

#[derive(Debug, Args)]
struct Demo {
    /// Share of loads that fail on purpose, from 0 to 1
    #[arg(long, value_name = "RATE", default_value_t = 0.0, value_parser = rate)]
    chaos_rate: f64,
}

#[derive(Debug, Args)]
struct Drop {
    /// Files to upload
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Key to upload the file as [default: the key that makes it today's file of the one dataset with its name]
    #[arg(long)]
    key: Option<String>,
    #[command(flatten)]
    stacked: Stacked,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Runs {
    /// Only those that failed
    #[arg(long)]
    failed: bool,
    /// How many, from the newest
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Infer {
    /// CSV, JSON or JSON Lines, compressed or not
    file: PathBuf,
    /// The dataset's name [default: from the file's]
    #[arg(long)]
    name: Option<String>,
    /// Table that the rows shall go to [default: staging.NAME]
    #[arg(long, value_name = "SCHEMA.TABLE")]
    table: Option<String>,
    /// Template of the keys that the files will have [default: raw_data/NAME/{date:%Y-%m-%d}/FILE]
    #[arg(long, value_name = "TEMPLATE")]
    source: Option<String>,
    /// What separates the fields of a CSV file [default: a comma, or a tab in .tsv files]
    #[arg(long, value_name = "CHARACTER", value_parser = ascii)]
    delimiter: Option<u8>,
    /// A text that means NULL; several times for several [default: the empty text]
    #[arg(long = "null", value_name = "TEXT")]
    null_values: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Deploy {
    #[command(flatten)]
    stacked: Stacked,
    /// Name of the CloudFormation stack
    #[arg(long, env = "STACK", default_value = "penstock")]
    stack: String,
    /// What the functions were built for: x86_64 or arm64
    #[arg(long, env = "ARCH", default_value = "x86_64", value_parser = ["x86_64", "arm64"])]
    arch: String,
    /// Secret whose value is the database's URL
    #[arg(long, env = "DATABASE_SECRET_ARN", value_name = "ARN")]
    database_secret_arn: Option<String>,
    /// Any other parameter of infra/template.yaml, as Name=Value
    #[arg(long = "parameter", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
}

#[derive(Debug, Args)]
struct Destroy {
    /// Name of the CloudFormation stack
    #[arg(long, env = "STACK", default_value = "penstock")]
    stack: String,
}

fn ascii(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err("one ASCII character is needed, or \\t for a tab".to_owned()),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.0..=1.0).contains(&rate) => Ok(rate),
        _ => Err("a rate is a number from 0 to 1".to_owned()),
    }
}

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
                emulator: EmulatorKind::from_env()?,
                database_url: database_url(),
                lifetime: Lifetime::WithCaller,
            };
            demo::run(&options, Progress::new()).await
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
        Command::Runs(it) => runs(&it, &stack_env(cli.state.as_deref())?).await,
        Command::Infer(it) => infer(it),
        Command::Deploy(it) => {
            let options = DeployOptions {
                state: state()?,
                pipelines: pipelines(it.stacked)?,
                stack: it.stack,
                arch: it.arch,
                database_secret_arn: it.database_secret_arn,
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
         \x20 penstock runs                               what became of each file\n\
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

async fn runs(options: &Runs, env: &StackEnv) -> Result<bool> {
    let cloud = Cloud::of(env).await;
    let executions = Executions::of(&cloud, &env.state_machine_arn).latest(options.limit, options.failed).await?;
    if options.json {
        table::print_json(&executions)?;
    } else if executions.is_empty() {
        println!("no executions yet: `penstock drop FILE` starts one");
    } else {
        table::executions(&executions);
    }
    Ok(true)
}

fn infer(it: Infer) -> Result<bool> {
    let Infer { file, name, table, source, delimiter, null_values, json } = it;
    let dataset = infer_dataset(&file, InferOptions { name, table, source, delimiter, null_values })?;
    if json {
        table::print_json(&Inferred::of(&dataset))?;
    } else {
        print!("{}", dataset.to_toml());
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

fn database_url() -> Option<String> {
    std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty())
}

/// As the user would type it.
fn relative(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_rate_is_from_0_to_1() {
        fn check(text: &str, fine: bool) {
            assert_eq!(rate(text).is_ok(), fine, "{text}");
        }
        check("0", true);
        check("0.5", true);
        check("1", true);
        check("1.1", false);
        check("-0.1", false);
        check("NaN", false);
    }
}
