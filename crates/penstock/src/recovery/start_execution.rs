//! Starts executions by hand.

use aws_sdk_sfn::operation::start_execution::StartExecutionError;
use futures_util::{StreamExt, TryStreamExt, stream};
use local_stack::{AwsClients, interrupt};
use protocol::ObjectRef;
use reconciliation::CONCURRENCY;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::output::Progress;

/// An execution to start.
#[derive(Clone, Debug)]
pub(crate) struct ExecutionStart {
    /// The object or run, for people.
    pub(crate) about: String,
    pub(crate) machine: String,
    /// Step Functions starts one execution per name.
    pub(crate) name: Option<String>,
    pub(crate) input: String,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct StartedExecution {
    pub(crate) about: String,
    /// ARN of the execution. `None` if an execution of this name already existed.
    pub(crate) execution: Option<String>,
}

/// Starts one execution. An existing execution of the same name counts as started.
///
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>
pub(crate) async fn start_execution(clients: &AwsClients, start: ExecutionStart) -> Result<StartedExecution> {
    interrupt::check()?;
    let request = clients.sfn.start_execution().state_machine_arn(&start.machine).input(&start.input);
    let execution = match request.set_name(start.name).send().await {
        Ok(started) => Some(started.execution_arn),
        Err(error) if error.as_service_error().is_some_and(StartExecutionError::is_execution_already_exists) => None,
        Err(error) => return Err(Error::aws(format!("starting an execution for {}", start.about))(error)),
    };
    Ok(StartedExecution { about: start.about, execution })
}

/// Starts all executions, several at a time. Those that started before an error keep running.
pub(crate) async fn start_executions(
    clients: &AwsClients,
    starts: Vec<ExecutionStart>,
    progress: Progress,
) -> Result<Vec<StartedExecution>> {
    let mut count = progress.count("executions", starts.len());
    let mut starting = stream::iter(starts).map(|start| start_execution(clients, start)).buffer_unordered(CONCURRENCY);
    let mut started = Vec::new();
    while let Some(one) = starting.try_next().await? {
        count.add(&one.about);
        started.push(one);
    }
    count.finish();
    Ok(started)
}

/// Returns the simplest event of an object, for objects whose own event is unknown.
pub(crate) fn bare_event(object: &ObjectRef) -> Result<String> {
    serde_json::to_string(object).map_err(|error| Error::Unexpected(format!("cannot write {object} as JSON: {error}")))
}
