//! Executions that are started by hand, many at once.

use aws_sdk_sfn::operation::start_execution::StartExecutionError;
use futures_util::{StreamExt, TryStreamExt, stream};
use protocol::ObjectRef;
use reconciliation::CONCURRENCY;
use serde::Serialize;

use crate::cloud::Cloud;
use crate::progress::Progress;
use crate::{Error, Result, interrupt};

/// What is to be started.
#[derive(Clone, Debug)]
pub(super) struct Start {
    /// What it is about, for people.
    pub(super) about: String,
    pub(super) machine: String,
    /// The same name never starts twice.
    pub(super) name: Option<String>,
    pub(super) input: String,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Started {
    pub(super) about: String,
    /// `None`: it had been started under the same name before.
    pub(super) execution: Option<String>,
}

/// Starts one execution. One of that name that was started before counts as started.
///
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>
pub(super) async fn start(cloud: &Cloud, start: Start) -> Result<Started> {
    interrupt::check()?;
    let request = cloud.sfn.start_execution().state_machine_arn(&start.machine).input(&start.input);
    let execution = match request.set_name(start.name).send().await {
        Ok(begun) => Some(begun.execution_arn),
        Err(error) if error.as_service_error().is_some_and(StartExecutionError::is_execution_already_exists) => None,
        Err(error) => return Err(Error::cloud(format!("starting an execution for {}", start.about))(error.into())),
    };
    Ok(Started { about: start.about, execution })
}

/// Starts all of them, some at a time. What was started before an error stays started.
pub(super) async fn start_all(cloud: &Cloud, starts: Vec<Start>, progress: Progress) -> Result<Vec<Started>> {
    let mut count = progress.count("executions", starts.len());
    let mut under_way = stream::iter(starts).map(|it| start(cloud, it)).buffer_unordered(CONCURRENCY);
    let mut started = Vec::new();
    while let Some(one) = under_way.try_next().await? {
        count.one(&one.about);
        started.push(one);
    }
    count.finish();
    Ok(started)
}

/// The event of an object as a person would write it, when nothing better is known of it.
pub(super) fn bare_event(object: &ObjectRef) -> Result<String> {
    serde_json::to_string(object).map_err(|error| Error::Unexpected(format!("cannot write {object} as JSON: {error}")))
}
