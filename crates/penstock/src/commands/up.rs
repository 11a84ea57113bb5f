use std::path::{Path, PathBuf};

use clap::Args;
use local_stack::{AwsClients, EmulatorKind, Lifetime, Stack, StackEnv, UpOptions};
use postgres::DatabaseAddress;

use crate::commands::shared_args::PipelinesArg;
use crate::context::{Context, database_url, fault_plan, pipelines_folder, relative, required};
use crate::error::{Error, Result};
use crate::history;
use crate::output::{Progress, StackSteps};
use crate::pipelines::{PipelinesFolder, unknown_loads};

/// Start the stack on this machine and write `.local/env`
///
/// Starts an AWS emulator and PostgreSQL, deploys the template, and uploads the pipelines. Run it again at any time: it
/// keeps what runs and deploys what has changed. The environment variable EMULATOR selects `ministack` (default) or
/// `localstack`. DATABASE_URL names your own PostgreSQL, which `up` neither starts nor stops.
#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    #[command(flatten)]
    pipelines: PipelinesArg,
    /// Name of the CloudFormation stack
    #[arg(long, env = "STACK", default_value = "penstock")]
    stack: String,
    /// Keep running, and stop the stack on Ctrl-C, on SIGTERM, or when a piped stdin ends
    #[arg(long)]
    foreground: bool,
    /// Fault plan (chaos.toml): which attempts of which states fail, and how
    #[arg(long, value_name = "FILE")]
    chaos: Option<PathBuf>,
    /// Another parameter of infra/template.yaml. Can be repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
}

pub(crate) async fn run(args: UpArgs, context: &Context) -> Result<bool> {
    let state = context.state_folder()?;
    let pipelines = PipelinesFolder::read(&pipelines_folder(args.pipelines.pipelines)?)?;
    let options = UpOptions {
        state: state.clone(),
        stack: args.stack,
        chaos_plan: fault_plan(args.chaos)?,
        parameters: args.parameters,
        emulator: EmulatorKind::from_env()?,
        database_url: database_url(),
        lifetime: if args.foreground { Lifetime::WithCaller } else { Lifetime::UntilStopped },
    };
    let progress = Progress::new();
    let upload = async |clients: &AwsClients, env: &StackEnv| {
        let step = progress.step("pipelines");
        let bucket = required(env.definitions_bucket.as_ref(), "DEFINITIONS_BUCKET")?;
        pipelines.upload(clients, bucket).await?;
        step.done(&format!("{} uploaded", pipelines.names().join(", ")));
        let step = progress.step("schema");
        let url = required(env.database_url.as_ref(), "DATABASE_URL")?;
        history::session(DatabaseAddress::Url(url.to_owned())).await?;
        step.done("penstock is current");
        Ok::<(), Error>(())
    };
    let mut stack = Stack::up(&options, &mut StackSteps::new(progress), upload).await?;
    if let Some(url) = &stack.env.database_url {
        let address = DatabaseAddress::Url(url.clone());
        for warning in unknown_loads(pipelines.catalog.definitions(), address).await {
            eprintln!("warning: {warning}");
        }
    }
    print_next_steps(&stack, &state);
    if args.foreground {
        eprintln!("press Ctrl-C to stop the stack");
        let served = stack.serve();
        stack.down()?;
        served?;
    }
    Ok(true)
}

fn print_next_steps(stack: &Stack, state: &Path) {
    let env = relative(&state.join("env"));
    println!(
        "\nThe stack is up on {}. Next:\n\
         \x20 . {}                                     set the addresses for the shell, the AWS CLI and psql\n\
         \x20 aws s3 cp FILE \"s3://$LANDING_BUCKET/KEY\"    drop a file; `penstock drop FILE` also follows it\n\
         \x20 psql \"$DATABASE_URL\"                         read the tables and the ledger penstock.load\n\
         \x20 penstock runs                               list runs, missing files and executions\n\
         \x20 make down                                   stop the stack",
        stack.emulator(),
        env.display()
    );
}
