use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_sfn::types::{ExecutionStatus, HistoryEvent};
use local_stack::{AwsClients, StackEnv, TopicMessage, take_messages};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio_postgres::{Client, NoTls};

use crate::folders::{binary, scratch_folder};

/// How long a test waits for an execution, on a busy machine.
const EXECUTION_TIMEOUT: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(100);

/// A second bucket that the stack reads from. The test that uses it creates it.
pub const OTHER_BUCKET: &str = "penstock-tests-elsewhere";

/// The whole of Penstock on this machine, started by `penstock up`: emulator, PostgreSQL, functions, state machines and
/// template. It ends with the test process, because its supervisor reads a pipe that this process holds.
#[derive(Debug)]
pub struct Stack {
    pub(crate) environment: HashMap<String, String>,
    pub s3: aws_sdk_s3::Client,
    pub step_functions: aws_sdk_sfn::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
    /// Inputs of executions by ARN, so that each is read from the emulator once.
    inputs: Mutex<HashMap<String, Value>>,
    notices: Mutex<Vec<Notice>>,
    _stops_the_stack_when_dropped: ChildStdin,
    process: Child,
}

/// One ended execution of the state machine.
#[derive(Clone, Debug)]
pub struct Execution {
    pub arn: String,
    pub succeeded: bool,
    /// Entered states, in order.
    pub states: Vec<String>,
    /// Null when it failed.
    pub output: Value,
    pub error: Option<String>,
    pub cause: Option<String>,
}

impl Execution {
    pub fn outcome(&self) -> &str {
        self.output["outcome"].as_str().unwrap_or_default()
    }

    pub fn report(&self) -> &Value {
        &self.output["report"]
    }
}

/// A message of the stack's topic, as a subscriber receives it.
#[derive(Clone, Debug)]
pub struct Notice {
    pub subject: String,
    pub body: Value,
}

impl Stack {
    /// # Panics
    /// When the stack cannot start. The message has its output.
    pub async fn start(pipelines: &Path) -> Self {
        Self::start_with(pipelines, &[]).await
    }

    /// Starts a stack with other parameters of the template, as `Name=Value`.
    ///
    /// # Panics
    /// As [`Stack::start`].
    pub async fn start_with(pipelines: &Path, parameters: &[&str]) -> Self {
        let arguments: Vec<OsString> =
            parameters.iter().flat_map(|parameter| ["--parameter".into(), parameter.into()]).collect();
        Self::start_in(&scratch_folder("stack"), pipelines, &arguments).await
    }

    /// Starts a stack with a fault plan, the text of a `chaos.toml`.
    ///
    /// # Panics
    /// As [`Stack::start`].
    pub async fn start_under(pipelines: &Path, plan: &str) -> Self {
        let state = scratch_folder("stack");
        let file = state.join("chaos.toml");
        std::fs::write(&file, plan).expect("write chaos.toml");
        Self::start_in(&state, pipelines, &["--chaos".into(), file.into()]).await
    }

    async fn start_in(state: &Path, pipelines: &Path, arguments: &[OsString]) -> Self {
        let log = std::fs::File::create(state.join("up.log")).expect("create up.log");
        let mut process = Command::new(binary("penstock"))
            .args(["up", "--foreground"])
            .args(arguments)
            .arg("--state")
            .arg(state)
            .args(["--parameter", &format!("SourceBuckets=arn:aws:s3:::{OTHER_BUCKET}")])
            .env("PIPELINES", pipelines)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("share up.log"))
            .stderr(log)
            .spawn()
            .expect("start penstock up");
        let stdin = process.stdin.take().expect("hold the pipe");
        let environment = wait_for_environment(&mut process, state).await;
        let env = StackEnv::find(Some(state), state).expect("read the env file");
        let AwsClients { s3, sfn: step_functions, sqs, .. } = AwsClients::of(&env).await;
        Self {
            environment,
            s3,
            step_functions,
            sqs,
            inputs: Mutex::default(),
            notices: Mutex::default(),
            _stops_the_stack_when_dropped: stdin,
            process,
        }
    }

    /// Returns a variable of the stack's `env` file, such as `LANDING_BUCKET`.
    pub fn env(&self, name: &str) -> &str {
        &self.environment[name]
    }

    /// Runs `penstock` with the variables of the stack's `env` file.
    pub fn penstock(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("run penstock")
    }

    /// Returns the command that runs `penstock` with the variables of the stack's `env` file.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("penstock"));
        command.args(arguments).envs(&self.environment);
        command
    }

    /// Returns the id of the process that runs the stack. The functions are its descendants.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    pub async fn database(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(self.env("DATABASE_URL"), NoTls).await.expect("connect");
        tokio::spawn(connection);
        client
    }

    /// Writes an object to the landing bucket and waits until its execution has ended.
    pub async fn drop_file(&self, key: &str, body: impl Into<Vec<u8>>) -> Execution {
        let known: Vec<String> = self.executions_of(key).await;
        self.put(key, body).await;
        self.next_execution(key, &known).await
    }

    pub async fn put(&self, key: &str, body: impl Into<Vec<u8>>) {
        let body = ByteStream::from(body.into());
        self.s3.put_object().bucket(self.env("LANDING_BUCKET")).key(key).body(body).send().await.expect("put object");
    }

    /// Waits for the end of an execution of this key that is not in `known`.
    pub async fn next_execution(&self, key: &str, known: &[String]) -> Execution {
        let started = async || self.executions_of(key).await.into_iter().find(|arn| !known.contains(arn));
        self.ended(&awaited(started, &format!("no execution started for {key}")).await).await
    }

    /// Starts `process-file` with this event.
    pub async fn start_execution(&self, input: &Value) -> String {
        self.start_machine("STATE_MACHINE_ARN", input).await
    }

    /// Starts the state machine of this variable, such as `RUN_PIPELINE_ARN`.
    pub async fn start_machine(&self, name: &str, input: &Value) -> String {
        let request = self.step_functions.start_execution().state_machine_arn(self.env(name));
        request.input(input.to_string()).send().await.expect("start execution").execution_arn
    }

    /// Waits for the end of the execution.
    pub async fn ended(&self, arn: &str) -> Execution {
        let ended = async || {
            let execution = self.step_functions.describe_execution().execution_arn(arn).send().await.expect("describe");
            (execution.status != ExecutionStatus::Running).then_some(execution)
        };
        let execution = awaited(ended, &format!("{arn} is still running")).await;
        let output = execution.output.as_deref().and_then(|text| serde_json::from_str(text).ok());
        Execution {
            arn: arn.to_owned(),
            succeeded: execution.status == ExecutionStatus::Succeeded,
            states: self.states_of(arn).await,
            output: output.unwrap_or_default(),
            error: execution.error,
            cause: execution.cause,
        }
    }

    /// Stops an execution once it waits for its data. LocalStack may continue an execution that it stops during a function
    /// call, and fail it with the function's error.
    pub async fn stop_waiting(&self, arn: &str) {
        let waits = async || self.states_of(arn).await.into_iter().find(|state| state == "AwaitSource");
        awaited(waits, &format!("{arn} does not wait for data")).await;
        self.step_functions.stop_execution().execution_arn(arn).send().await.expect("stop execution");
        self.ended(arn).await;
    }

    /// Returns the ARNs of all executions for this key.
    pub async fn executions_of(&self, key: &str) -> Vec<String> {
        self.executions_with("STATE_MACHINE_ARN", |input| input["detail"]["object"]["key"] == key).await
    }

    /// Waits for the end of the execution of `run-pipeline` that this run's event starts.
    pub async fn followed_by(&self, run_id: i64) -> Execution {
        let is_of_run = |input: &Value| input["detail"]["run"]["run_id"] == run_id;
        let started = async || self.executions_with("RUN_PIPELINE_ARN", is_of_run).await.into_iter().next();
        self.ended(&awaited(started, &format!("no execution started for the end of run {run_id}")).await).await
    }

    /// Waits for the end of the run that this execution of `process-file` started.
    ///
    /// # Panics
    /// When it started none.
    pub async fn run_started_by(&self, loaded: &Execution) -> Execution {
        let started = loaded.output["run"]["execution"].as_str();
        self.ended(started.unwrap_or_else(|| panic!("no run was started: {loaded:?}"))).await
    }

    async fn executions_with(&self, machine: &str, wanted: impl Fn(&Value) -> bool) -> Vec<String> {
        let request = self.step_functions.list_executions().state_machine_arn(self.env(machine));
        let mut pages = request.into_paginator().items().send();
        let mut found = Vec::new();
        let mut inputs = self.inputs.lock().await;
        while let Some(execution) = pages.next().await {
            let arn = execution.expect("list executions").execution_arn;
            if !inputs.contains_key(&arn) {
                let described =
                    self.step_functions.describe_execution().execution_arn(&arn).send().await.expect("describe");
                let input = described.input.as_deref().and_then(|text| serde_json::from_str(text).ok());
                inputs.insert(arn.clone(), input.unwrap_or_default());
            }
            if wanted(&inputs[&arn]) {
                found.push(arn);
            }
        }
        found
    }

    async fn states_of(&self, arn: &str) -> Vec<String> {
        let mut events = self.step_functions.get_execution_history().execution_arn(arn).into_paginator().items().send();
        let mut states = Vec::new();
        while let Some(event) = events.next().await {
            let event: HistoryEvent = event.expect("read history");
            states.extend(event.state_entered_event_details.map(|entered| entered.name));
        }
        states
    }

    /// Waits for `count` notices of this execution and returns all. A second poll finds notices beyond `count`.
    ///
    /// # Panics
    /// When fewer arrive in time.
    pub async fn notices(&self, execution: &Execution, count: usize) -> Vec<Notice> {
        self.notices_with("execution", &execution.arn.as_str().into(), count).await
    }

    /// Waits for `count` notices with this value in this field of the body, and returns all.
    ///
    /// # Panics
    /// As [`Stack::notices`].
    pub async fn notices_with(&self, field: &str, value: &Value, count: usize) -> Vec<Notice> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let found = self.notices_so_far(field, value).await;
            if found.len() >= count {
                tokio::time::sleep(Duration::from_millis(300)).await;
                return self.notices_so_far(field, value).await;
            }
            assert!(Instant::now() < deadline, "{} notices of {count} with {field} {value}", found.len());
            tokio::time::sleep(POLL).await;
        }
    }

    async fn notices_so_far(&self, field: &str, value: &Value) -> Vec<Notice> {
        let queue = self.env("NOTIFICATIONS_QUEUE_URL");
        let mut notices = self.notices.lock().await;
        for TopicMessage { subject, message } in take_messages(&self.sqs, queue).await.expect("receive notices") {
            let body = serde_json::from_str(&message).unwrap_or(Value::String(message));
            notices.push(Notice { subject, body });
        }
        notices.iter().filter(|notice| notice.body[field] == *value).cloned().collect()
    }
}

/// Polls until `find` returns a value.
///
/// # Panics
/// With `message` after [`EXECUTION_TIMEOUT`].
async fn awaited<T>(find: impl AsyncFn() -> Option<T>, message: &str) -> T {
    let deadline = Instant::now() + EXECUTION_TIMEOUT;
    loop {
        if let Some(found) = find().await {
            return found;
        }
        assert!(Instant::now() < deadline, "{message} after {EXECUTION_TIMEOUT:?}");
        tokio::time::sleep(POLL).await;
    }
}

async fn wait_for_environment(process: &mut Child, state: &Path) -> HashMap<String, String> {
    let log = || std::fs::read_to_string(state.join("up.log")).unwrap_or_default();
    let deadline = Instant::now() + Duration::from_secs(300);
    loop {
        if let Ok(text) = std::fs::read_to_string(state.join("env")) {
            return text.lines().filter_map(parse_export).collect();
        }
        if let Some(status) = process.try_wait().expect("read the status of penstock up") {
            panic!("penstock up ended with {status}:\n{}", log());
        }
        assert!(Instant::now() < deadline, "penstock up is not ready:\n{}", log());
        tokio::time::sleep(POLL).await;
    }
}

/// Parses `export NAME='value'`. The values contain no quotes.
fn parse_export(line: &str) -> Option<(String, String)> {
    let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
    Some((name.to_owned(), value.trim_matches('\'').to_owned()))
}
