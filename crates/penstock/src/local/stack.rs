//! `penstock up` and `penstock down`.

use std::fs;
use std::io::Read;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::definitions::Pipelines;
use super::deploy::{Deployment, check_built};
use super::emulator::{CREDENTIAL, Emulator, EmulatorKind, REGION};
use super::env_file::StackEnv;
use super::notifications;
use super::postgres::Postgres;
use super::processes::Lifetime;
use super::state::StateDir;
use crate::cloud::Cloud;
use crate::cloudformation::{AwsCli, Outputs};
use crate::progress::Progress;
use crate::project::Project;
use crate::{Error, Result, interrupt};

const POLL: Duration = Duration::from_millis(200);

/// What `up` is asked for.
#[derive(Clone, Debug)]
pub struct UpOptions {
    /// The folder that holds all of this stack.
    pub state: PathBuf,
    /// The folder of the pipelines.
    pub pipelines: PathBuf,
    pub stack: String,
    pub chaos_rate: f64,
    /// The text of a plan of failures that was checked; empty for none.
    pub chaos_plan: String,
    /// Other parameters of the template, as `Name=Value`.
    pub parameters: Vec<String>,
    pub emulator: EmulatorKind,
    /// `DATABASE_URL`, when it is set.
    pub database_url: Option<String>,
    pub lifetime: Lifetime,
}

/// A stack that is up. With [`Lifetime::WithCaller`], dropping it stops what it started.
#[derive(Debug)]
pub struct Stack {
    // In this order: the emulator's functions use the database, so it is the emulator that stops first.
    emulator: Emulator,
    database: Database,
    state: StateDir,
    pub env: StackEnv,
}

#[derive(Debug)]
enum Database {
    Embedded(Postgres),
    /// `DATABASE_URL`: not ours to start or stop.
    Given(String),
}

impl Database {
    fn url(&self) -> String {
        match self {
            Self::Embedded(postgres) => postgres.url(),
            Self::Given(url) => url.clone(),
        }
    }
}

impl Stack {
    /// Starts what does not run yet, deploys what is built, uploads the pipelines, and writes `env`.
    pub async fn up(options: &UpOptions, progress: Progress) -> Result<Self> {
        let project = Project::find()?;
        check_built(&project)?;
        let pipelines = Pipelines::read(&options.pipelines)?;
        let state = StateDir::open(&options.state)?;
        let _lock = state.lock()?;
        let ran_before = state.running()?.any();
        if !ran_before {
            // After a crash it has the addresses of what is gone.
            state.remove_addresses()?;
        }
        let started = Self::start(options, progress, &project, &pipelines, &state).await;
        if matches!(started, Err(Error::Interrupted)) && !ran_before {
            state.stop_all()?;
        }
        started
    }

    async fn start(
        options: &UpOptions,
        progress: Progress,
        project: &Project,
        pipelines: &Pipelines,
        state: &StateDir,
    ) -> Result<Self> {
        let database = database(options, state, progress)?;
        let emulator = emulator(options, state, progress)?;
        let endpoint = emulator.endpoint();
        let cloud = Cloud::connect(Some(&endpoint), REGION, Some((CREDENTIAL, CREDENTIAL))).await;
        let step = progress.step("stack");
        let deployment = Deployment {
            project,
            state,
            endpoint: &endpoint,
            stack: &options.stack,
            database_url: &database.url(),
            chaos_rate: options.chaos_rate,
            chaos_plan: &options.chaos_plan,
            parameters: &options.parameters,
        };
        let outputs = deployment.run(&cloud).await?;
        step.done(&format!("{} is deployed", options.stack));

        let step = progress.step("pipelines");
        let mut env = stack_env(&endpoint, &database.url(), &outputs)?;
        pipelines.upload(&cloud, &outputs.get("DefinitionsBucket")?).await?;
        step.done(&format!("{} uploaded", pipelines.names().join(", ")));

        env.notifications_queue_url = Some(notifications::subscribe(&cloud, &outputs.get("TopicArn")?).await?);
        interrupt::check()?;
        // Last: whoever waits for the file finds a stack that is ready.
        env.write(state.path())?;
        Ok(Self { emulator, database, state: state.clone(), env })
    }

    /// Takes the plan of failures away from the function that follows it: what starts from now on fails no more. As a
    /// deployment without one would, and in a second.
    pub(crate) fn end_chaos(&self, stack: &str) -> Result<()> {
        let aws = AwsCli::new(&Project::find()?, Some(&self.emulator.endpoint()))?;
        let function = format!("{stack}-random-failure-generator");
        let update = ["lambda", "update-function-configuration", "--function-name", &function];
        aws.run(update.into_iter().chain(["--environment", "Variables={LOG_LEVEL=info}"])).map(drop)
    }

    /// Stays until Ctrl-C, SIGTERM, `down` from elsewhere, or the end of a piped stdin.
    pub fn serve(&mut self) -> Result<()> {
        stop_when_stdin_ends();
        while interrupt::check().is_ok() {
            let running = self.state.running()?;
            if running.emulator.is_none() {
                return Ok(());
            }
            self.emulator.check_alive()?;
            if let Database::Embedded(postgres) = &mut self.database {
                postgres.check_alive()?;
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Stops what this stack started, and says so to later commands.
    pub fn down(mut self) -> Result<()> {
        self.emulator.stop();
        if let Database::Embedded(postgres) = &mut self.database {
            postgres.stop();
        }
        self.state.stop_all().map(drop)
    }

    pub fn emulator(&self) -> EmulatorKind {
        self.emulator.kind()
    }
}

/// Stops what `up` started in this folder, whatever became of `up`. Says what it stopped.
pub fn down(state: &Path) -> Result<Vec<&'static str>> {
    if !state.exists() {
        return Ok(Vec::new());
    }
    let state = StateDir::open(state)?;
    let _lock = state.lock()?;
    state.stop_all()
}

fn database(options: &UpOptions, state: &StateDir, progress: Progress) -> Result<Database> {
    if let Some(url) = options.database_url.as_ref().filter(|url| !Postgres::is_embedded(url)) {
        return Ok(Database::Given(url.clone()));
    }
    let log = state.log("postgres");
    let step = progress.step("PostgreSQL");
    if let Some(postgres) = state.running()?.postgres.and_then(|it| Postgres::found(&state.postgres(), &log, it)) {
        step.done("runs already");
        return Ok(Database::Embedded(postgres));
    }
    let record = |started| state.record(|running| running.postgres = Some(started));
    let postgres = Postgres::start_recorded(&state.postgres(), &log, options.lifetime, record)?;
    step.done(&format!("listens on 127.0.0.1:{}", postgres.port()));
    Ok(Database::Embedded(postgres))
}

fn emulator(options: &UpOptions, state: &StateDir, progress: Progress) -> Result<Emulator> {
    let log = state.log("emulator");
    let step = progress.step(options.emulator.to_string());
    if let Some(running) = state.running()?.emulator {
        let same_kind = running.kind == options.emulator;
        match Emulator::found(&log, running.clone()) {
            Some(emulator) if same_kind => {
                step.done("runs already");
                return Ok(emulator);
            }
            // Of the other kind, or it hangs: replaced.
            _ => super::emulator::stop_recorded(&running),
        }
    }
    let record = |started| state.record(|running| running.emulator = Some(started));
    let emulator = Emulator::start_recorded(&state.emulator(), &log, options.emulator, options.lifetime, record)?;
    step.done(&format!("answers at {}", emulator.endpoint()));
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

/// Only for a pipe: its end is the end of whoever started us. `</dev/null` ends at once and means nothing.
fn stop_when_stdin_ends() {
    if !fs::metadata("/dev/stdin").is_ok_and(|stdin| stdin.file_type().is_fifo()) {
        return;
    }
    thread::spawn(|| {
        let mut buffer = [0; 256];
        while std::io::stdin().read(&mut buffer).is_ok_and(|read| read > 0) {}
        interrupt::ask_to_stop();
    });
}
