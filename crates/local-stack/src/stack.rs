//! Starts and stops the whole stack: `penstock up` and `penstock down`.

use std::fs;
use std::io::Read;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::aws_cli::Outputs;
use crate::aws_clients::AwsClients;
use crate::deploy::{Deployment, check_built};
use crate::emulator::{self, CREDENTIAL, Emulator, EmulatorKind, REGION};
use crate::env_file::StackEnv;
use crate::error::{Error, Result};
use crate::interrupt;
use crate::notifications;
use crate::postgres::Postgres;
use crate::processes::Lifetime;
use crate::project::Project;
use crate::state::StateDir;

const POLL: Duration = Duration::from_millis(200);

/// Options of [`Stack::up`].
#[derive(Clone, Debug)]
pub struct UpOptions {
    /// The state folder.
    pub state: PathBuf,
    /// Name of the CloudFormation stack.
    pub stack: String,
    /// Text of a valid fault plan; empty for none.
    pub chaos_plan: String,
    /// Other template parameters, as `Name=Value`.
    pub parameters: Vec<String>,
    pub emulator: EmulatorKind,
    /// The value of `DATABASE_URL`, if it is set.
    pub database_url: Option<String>,
    pub lifetime: Lifetime,
}

/// Receives the steps of [`Stack::up`], for a progress display.
pub trait StepReporter {
    /// A step begins.
    fn started(&mut self, step: &str);
    /// The current step has ended.
    fn done(&mut self, result: &str);
}

/// A running stack. With [`Lifetime::WithCaller`], dropping it stops everything that it started.
#[derive(Debug)]
pub struct Stack {
    // In this order: the emulator stops first, because its functions use the database.
    emulator: Emulator,
    database: StackDatabase,
    state: StateDir,
    pub env: StackEnv,
}

#[derive(Debug)]
enum StackDatabase {
    Embedded(Postgres),
    /// The server of `DATABASE_URL`, which the stack neither starts nor stops.
    Given(String),
}

impl StackDatabase {
    /// Returns a text that is the same at each start on this database. It contains no password.
    fn identity(&self, state: &StateDir) -> String {
        match self {
            Self::Embedded(_) => state.path().display().to_string(),
            Self::Given(url) => without_credentials(url),
        }
    }

    fn url(&self) -> String {
        match self {
            Self::Embedded(postgres) => postgres.url(),
            Self::Given(url) => url.clone(),
        }
    }
}

impl Stack {
    /// Starts what does not run yet, deploys the current build, and writes `env`.
    ///
    /// `prepare` runs when the stack is deployed and before `env` exists. So a command that waits for `env` finds a
    /// stack that is ready.
    pub async fn up<E: From<Error>>(
        options: &UpOptions,
        reporter: &mut impl StepReporter,
        prepare: impl AsyncFnOnce(&AwsClients, &StackEnv) -> Result<(), E>,
    ) -> Result<Self, E> {
        let project = Project::find()?;
        check_built(&project)?;
        let state = StateDir::open(&options.state)?;
        let _lock = state.lock()?;
        let ran_before = state.recorded()?.any_runs();
        if !ran_before {
            // After a crash, `env` still has the addresses of the old processes.
            state.remove_addresses()?;
        }
        let started = Self::start(options, reporter, &project, &state, prepare).await;
        if started.is_err() && interrupt::check().is_err() && !ran_before {
            state.stop_all()?;
        }
        started
    }

    async fn start<E: From<Error>>(
        options: &UpOptions,
        reporter: &mut impl StepReporter,
        project: &Project,
        state: &StateDir,
        prepare: impl AsyncFnOnce(&AwsClients, &StackEnv) -> Result<(), E>,
    ) -> Result<Self, E> {
        let database = start_database(options, state, reporter)?;
        let emulator = start_emulator(options, state, &database.identity(state), reporter)?;
        let endpoint = emulator.endpoint();
        let clients = AwsClients::connect(Some(&endpoint), REGION, Some((CREDENTIAL, CREDENTIAL))).await;
        reporter.started("stack");
        let deployment = Deployment {
            project,
            state,
            endpoint: &endpoint,
            stack: &options.stack,
            database_url: &database.url(),
            chaos_plan: &options.chaos_plan,
            parameters: &options.parameters,
        };
        let outputs = deployment.run(&clients).await?;
        reporter.done(&format!("{} is deployed", options.stack));

        let mut env = stack_env(&endpoint, &database.url(), &outputs)?;
        prepare(&clients, &env).await?;
        env.notifications_queue_url = Some(notifications::subscribe(&clients, &outputs.get("TopicArn")?).await?);
        interrupt::check()?;
        env.write(state.path())?;
        Ok(Self { emulator, database, state: state.clone(), env })
    }

    /// Blocks until Ctrl-C, SIGTERM, a `penstock down`, or the end of a piped stdin.
    pub fn serve(&mut self) -> Result<()> {
        stop_when_stdin_ends();
        while interrupt::check().is_ok() {
            let recorded = self.state.recorded()?;
            if recorded.emulator.is_none() {
                return Ok(());
            }
            self.emulator.check_alive()?;
            if let StackDatabase::Embedded(postgres) = &mut self.database {
                postgres.check_alive()?;
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Stops everything that this stack started and removes `env`.
    pub fn down(mut self) -> Result<()> {
        self.emulator.stop();
        if let StackDatabase::Embedded(postgres) = &mut self.database {
            postgres.stop();
        }
        self.state.stop_all().map(drop)
    }

    pub fn emulator(&self) -> EmulatorKind {
        self.emulator.kind()
    }
}

/// Stops the processes that `up` recorded in this state folder. Returns the names of those that it stopped.
pub fn down(state: &Path) -> Result<Vec<&'static str>> {
    if !state.exists() {
        return Ok(Vec::new());
    }
    let state = StateDir::open(state)?;
    let _lock = state.lock()?;
    state.stop_all()
}

fn start_database(options: &UpOptions, state: &StateDir, reporter: &mut impl StepReporter) -> Result<StackDatabase> {
    if let Some(url) = options.database_url.as_ref().filter(|url| !Postgres::is_embedded(url)) {
        return Ok(StackDatabase::Given(url.clone()));
    }
    let log = state.log("postgres");
    reporter.started("PostgreSQL");
    let recorded = state.recorded()?.postgres;
    if let Some(postgres) = recorded.and_then(|record| Postgres::from_record(&state.postgres(), &log, record)) {
        reporter.done("already runs");
        return Ok(StackDatabase::Embedded(postgres));
    }
    let record = |started| state.record(|recorded| recorded.postgres = Some(started));
    let postgres = Postgres::start_recorded(&state.postgres(), &log, options.lifetime, record)?;
    reporter.done(&format!("listens on 127.0.0.1:{}", postgres.port()));
    Ok(StackDatabase::Embedded(postgres))
}

fn start_emulator(
    options: &UpOptions,
    state: &StateDir,
    bucket_seed: &str,
    reporter: &mut impl StepReporter,
) -> Result<Emulator> {
    let log = state.log("emulator");
    reporter.started(&options.emulator.to_string());
    if let Some(recorded) = state.recorded()?.emulator {
        let same_kind = recorded.kind == options.emulator;
        match Emulator::from_record(&log, recorded.clone()) {
            Some(emulator) if same_kind => {
                reporter.done("already runs");
                return Ok(emulator);
            }
            // Another kind, or one that does not answer: replace it.
            _ => emulator::stop_recorded(&recorded),
        }
    }
    let record = |started| state.record(|recorded| recorded.emulator = Some(started));
    let (kind, lifetime) = (options.emulator, options.lifetime);
    let emulator = Emulator::start_recorded(&state.emulator(), &log, kind, lifetime, bucket_seed, record)?;
    reporter.done(&format!("answers at {}", emulator.endpoint()));
    Ok(emulator)
}

fn stack_env(endpoint: &str, database_url: &str, outputs: &Outputs) -> Result<StackEnv> {
    Ok(StackEnv {
        endpoint_url: Some(endpoint.to_owned()),
        region: REGION.to_owned(),
        credentials: Some((CREDENTIAL.to_owned(), CREDENTIAL.to_owned())),
        database_url: Some(database_url.to_owned()),
        landing_bucket: outputs.get("LandingBucket")?,
        definitions_bucket: Some(outputs.get("DefinitionsBucket")?),
        curated_bucket: Some(outputs.get("CuratedBucket")?),
        state_machine_arn: outputs.get("StateMachineArn")?,
        run_pipeline_arn: Some(outputs.get("RunPipelineArn")?),
        sweep_runs_arn: Some(outputs.get("SweepRunsArn")?),
        reconcile_arn: Some(outputs.get("ReconcileArn")?),
        event_bus_name: Some(outputs.get("EventBusName")?),
        topic_arn: Some(outputs.get("TopicArn")?),
        notifications_queue_url: None,
        dead_letter_queue_url: Some(outputs.get("DeadLetterQueueUrl")?),
    })
}

/// Returns host, port and database of a connection URL. In other forms, leaves out the password.
fn without_credentials(url: &str) -> String {
    if let Some((_, rest)) = url.split_once("://") {
        let rest = rest.rsplit_once('@').map_or(rest, |(_, address)| address);
        return rest.split('?').next().unwrap_or_default().to_owned();
    }
    url.split_whitespace().filter(|word| !word.starts_with("password")).collect::<Vec<_>>().join(" ")
}

/// Requests a stop when a piped stdin ends, which means that the process at its other end has ended. Other kinds of
/// stdin say nothing: `</dev/null` ends at once.
fn stop_when_stdin_ends() {
    if !fs::metadata("/dev/stdin").is_ok_and(|stdin| stdin.file_type().is_fifo()) {
        return;
    }
    thread::spawn(|| {
        let mut buffer = [0; 256];
        while std::io::stdin().read(&mut buffer).is_ok_and(|read| read > 0) {}
        interrupt::request_stop();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn database_identity_contains_no_password() {
        let check = |url: &str, expected: &str| assert_eq!(without_credentials(url), expected);
        check("postgres://me:se@cret@localhost:5432/shop?sslmode=disable", "localhost:5432/shop");
        check("postgres://localhost/shop", "localhost/shop");
        check("host=localhost password=secret dbname=shop", "host=localhost dbname=shop");
    }
}
