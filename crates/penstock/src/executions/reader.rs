use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime};

use aws_sdk_s3::primitives::DateTime;
use aws_sdk_sfn::types::{ExecutionListItem, ExecutionStatus};
use local_stack::{AwsClients, interrupt};
use protocol::file_remedy;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::executions::step_functions::{describe_execution, entered_states, reason_and_remedy};
use crate::executions::summary::ExecutionSummary;
use crate::executions::upload::UploadedObject;

const POLL: Duration = Duration::from_millis(300);
/// Longest time from an upload to the start of its execution.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// Largest difference between the clocks of this machine and of AWS.
const CLOCK_DIFFERENCE_MAX: Duration = Duration::from_secs(600);

/// Reads the executions of a state machine. Caches what never changes.
#[derive(Debug)]
pub(crate) struct ExecutionReader<'a> {
    clients: &'a AwsClients,
    machine: &'a str,
    /// Earlier executions are not followed.
    since: DateTime,
    /// ARNs of executions that are not matched with an upload (any more).
    done: HashSet<String>,
    /// The object of each execution, by ARN.
    inputs: HashMap<String, UploadedObject>,
}

impl<'a> ExecutionReader<'a> {
    pub(crate) fn new(clients: &'a AwsClients, machine: &'a str) -> Self {
        let since = DateTime::from(SystemTime::now() - CLOCK_DIFFERENCE_MAX);
        Self { clients, machine, since, done: HashSet::new(), inputs: HashMap::new() }
    }

    /// Makes a reader that follows only executions that start later. Call it before the uploads.
    pub(crate) async fn following(clients: &'a AwsClients, machine: &'a str) -> Result<Self> {
        let mut executions = Self::new(clients, machine);
        let started = executions.list_recent().await?;
        executions.done.extend(started.into_iter().map(|item| item.execution_arn));
        Ok(executions)
    }

    /// Returns the latest executions, newest first.
    pub(crate) async fn latest(&mut self, limit: usize, failed_only: bool) -> Result<Vec<ExecutionSummary>> {
        let wanted = |item: &ExecutionListItem| !failed_only || has_failed(&item.status);
        let mut items = self.list(|items| items.iter().filter(|item| wanted(item)).count() >= limit).await?;
        items.retain(wanted);
        items.sort_by_key(|item| std::cmp::Reverse(item.start_date.as_nanos()));
        items.truncate(limit);
        let mut executions = Vec::new();
        for item in items {
            executions.push(self.read(&item).await?);
        }
        Ok(executions)
    }

    /// Describes every running execution. Names the state of the first `named` alone, because each costs two calls.
    pub(crate) async fn running(&mut self, named: usize) -> Result<Vec<String>> {
        let request = self.clients.sfn.list_executions().state_machine_arn(self.machine);
        let mut pages = request.status_filter(ExecutionStatus::Running).into_paginator().items().send();
        let mut described = Vec::new();
        while let Some(item) = pages.next().await {
            let arn = item.map_err(Error::aws("listing the executions"))?.execution_arn;
            if described.len() >= named {
                described.push(arn);
                continue;
            }
            let states = entered_states(self.clients, &arn).await?;
            let state = states.last().map_or("no state yet", String::as_str);
            described.push(format!("{} is in {state}", self.input(&arn).await?.key));
        }
        Ok(described)
    }

    /// Waits until the execution of every upload has ended. Calls `ended` for each and returns them in the order of the
    /// uploads.
    pub(crate) async fn follow(
        &mut self,
        uploads: &[UploadedObject],
        mut ended: impl FnMut(&ExecutionSummary),
    ) -> Result<Vec<ExecutionSummary>> {
        let mut found: Vec<Option<ExecutionSummary>> = vec![None; uploads.len()];
        let mut last_end = tokio::time::Instant::now();
        loop {
            let mut is_running = false;
            for item in self.list_recent().await? {
                if self.done.contains(&item.execution_arn) {
                    continue;
                }
                let input = self.input(&item.execution_arn).await?.clone();
                let waiting = |(upload, found): (&UploadedObject, &Option<ExecutionSummary>)| {
                    found.is_none() && is_same(upload, &input)
                };
                let Some(index) = uploads.iter().zip(&found).position(waiting) else { continue };
                if item.status == ExecutionStatus::Running {
                    is_running = true;
                    continue;
                }
                let execution = self.read(&item).await?;
                ended(&execution);
                self.done.insert(item.execution_arn);
                found[index] = Some(execution);
                last_end = tokio::time::Instant::now();
            }
            if found.iter().all(Option::is_some) {
                return Ok(found.into_iter().flatten().collect());
            }
            if !is_running && last_end.elapsed() > START_TIMEOUT {
                return Err(not_started(uploads, &found));
            }
            interrupt::sleep(POLL).await?;
        }
    }

    /// Lists executions page by page, newest first, until `enough` returns true.
    /// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html>
    async fn list(&self, enough: impl Fn(&[ExecutionListItem]) -> bool) -> Result<Vec<ExecutionListItem>> {
        let mut pages = self.clients.sfn.list_executions().state_machine_arn(self.machine).into_paginator().send();
        let mut items = Vec::new();
        while let Some(page) = pages.next().await {
            items.extend(page.map_err(Error::aws("listing the executions"))?.executions);
            if enough(&items) {
                break;
            }
        }
        Ok(items)
    }

    /// Lists the executions since `self.since`.
    async fn list_recent(&self) -> Result<Vec<ExecutionListItem>> {
        let earlier = |item: &ExecutionListItem| item.start_date < self.since;
        let mut items = self.list(|items| items.last().is_some_and(earlier)).await?;
        items.retain(|item| !earlier(item));
        Ok(items)
    }

    async fn input(&mut self, arn: &str) -> Result<&UploadedObject> {
        if !self.inputs.contains_key(arn) {
            let described = describe_execution(self.clients, arn).await?;
            let input = object_of(described.input.as_deref().unwrap_or_default());
            self.inputs.insert(arn.to_owned(), input);
        }
        Ok(&self.inputs[arn])
    }

    async fn read(&mut self, item: &ExecutionListItem) -> Result<ExecutionSummary> {
        let arn = &item.execution_arn;
        let UploadedObject { key, version_id } = self.input(arn).await?.clone();
        let described = describe_execution(self.clients, arn).await?;
        let failed = has_failed(&described.status);
        let output: Value = serde_json::from_str(described.output.as_deref().unwrap_or_default()).unwrap_or_default();
        let (outcome, reason, remedy) = if failed {
            let name = described.error.unwrap_or_else(|| described.status.as_str().to_owned());
            let (reason, remedy) = reason_and_remedy(&described.cause.unwrap_or_default());
            (Some(name), Some(reason).filter(|text| !text.is_empty()), Some(file_remedy(remedy.as_deref(), Some(&key))))
        } else {
            let text = |name: &str| output[name].as_str().map(str::to_owned);
            (text("outcome"), text("reason"), None)
        };
        Ok(ExecutionSummary {
            states: entered_states(self.clients, arn).await?,
            arn: arn.clone(),
            key,
            version_id,
            outcome,
            failed,
            reason,
            remedy,
            report: serde_json::from_value(output["report"].clone()).ok(),
            started_at: chrono::DateTime::from_timestamp_nanos(nanoseconds(&item.start_date)),
            duration_ms: described.stop_date.map(|stop| milliseconds(&item.start_date, &stop)),
        })
    }
}

fn has_failed(status: &ExecutionStatus) -> bool {
    matches!(status, ExecutionStatus::Failed | ExecutionStatus::TimedOut | ExecutionStatus::Aborted)
}

fn milliseconds(start: &DateTime, stop: &DateTime) -> i64 {
    (nanoseconds(stop) - nanoseconds(start)) / 1_000_000
}

/// Returns the nanoseconds since 1970. They fit until the year 2262.
fn nanoseconds(time: &DateTime) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

/// Returns the object of an event. An event that cannot be decoded still needs a name in lists.
fn object_of(input: &str) -> UploadedObject {
    let input: Value = serde_json::from_str(input).unwrap_or_default();
    match protocol::Event::decode(&input) {
        Ok(protocol::Event::ObjectCreated(object)) => UploadedObject { key: object.key, version_id: object.version_id },
        _ => {
            let key = input["detail"]["object"]["key"].as_str().unwrap_or("(an event without an object)");
            UploadedObject { key: key.to_owned(), version_id: None }
        }
    }
}

/// Compares by version id, or by key alone if one of them has no version id.
fn is_same(upload: &UploadedObject, event: &UploadedObject) -> bool {
    match (&upload.version_id, &event.version_id) {
        (Some(uploaded), Some(received)) => uploaded == received && upload.key == event.key,
        _ => upload.key == event.key,
    }
}

fn not_started(uploads: &[UploadedObject], found: &[Option<ExecutionSummary>]) -> Error {
    let missing = uploads.iter().zip(found).filter(|(_, found)| found.is_none());
    let keys: Vec<&str> = missing.map(|(upload, _)| upload.key.as_str()).collect();
    Error::NotStarted { keys: keys.join(", "), waited: START_TIMEOUT }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn execution_matches_its_object_version() {
        let upload = |key: &str, version: Option<&str>| UploadedObject {
            key: key.to_owned(),
            version_id: version.map(str::to_owned),
        };
        assert!(is_same(&upload("k", Some("1")), &upload("k", Some("1"))));
        assert!(!is_same(&upload("k", Some("2")), &upload("k", Some("1"))));
        assert!(is_same(&upload("k", None), &upload("k", Some("1"))));
        assert!(!is_same(&upload("other", None), &upload("k", None)));
    }
}
