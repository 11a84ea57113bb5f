//! What Step Functions tells about the way of each file.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime};

use aws_sdk_s3::primitives::DateTime;
use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::types::{ExecutionListItem, ExecutionStatus, HistoryEvent};
use chrono::Utc;
use protocol::LoadReport;
use serde::Serialize;
use serde_json::Value;

use crate::cloud::Cloud;
use crate::{Error, Result, interrupt};

const POLL: Duration = Duration::from_millis(300);
/// How long an event may take from S3 to its execution before we say that something is wrong.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// Between this machine and AWS.
const CLOCK_DIFFERENCE_MAX: Duration = Duration::from_secs(600);

/// One execution of `process-file`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Execution {
    pub(crate) arn: String,
    pub(crate) key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version_id: Option<String>,
    /// The states it entered, in order.
    pub(crate) states: Vec<String>,
    /// `None` while it runs; else `Loaded`, `AlreadyLoaded`, `Superseded`, `Ignored` or the failure's name.
    pub(crate) outcome: Option<String>,
    pub(crate) failed: bool,
    /// Why it was ignored or failed, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) report: Option<LoadReport>,
    pub(crate) started_at: chrono::DateTime<Utc>,
    /// From the execution's start to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) duration_ms: Option<i64>,
}

/// An uploaded object, as its event will name it.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) key: String,
    pub(crate) version_id: Option<String>,
}

/// Reads executions, each no more often than it must be.
#[derive(Debug)]
pub(crate) struct Executions<'a> {
    cloud: &'a Cloud,
    machine: &'a str,
    /// Nothing earlier is followed.
    since: DateTime,
    /// ARNs of executions that no upload is to be matched with (any more).
    done: HashSet<String>,
    /// By ARN: what an execution works on never changes.
    inputs: HashMap<String, Upload>,
}

impl<'a> Executions<'a> {
    pub(crate) fn of(cloud: &'a Cloud, machine: &'a str) -> Self {
        let since = DateTime::from(SystemTime::now() - CLOCK_DIFFERENCE_MAX);
        Self { cloud, machine, since, done: HashSet::new(), inputs: HashMap::new() }
    }

    /// To be made before the uploads that it is to follow: what has started by now is of other uploads.
    pub(crate) async fn from_now_on(cloud: &'a Cloud, machine: &'a str) -> Result<Self> {
        let mut executions = Self::of(cloud, machine);
        let started = executions.list_recent().await?;
        executions.done.extend(started.into_iter().map(|item| item.execution_arn));
        Ok(executions)
    }

    /// The latest executions, the newest first.
    pub(crate) async fn latest(&mut self, limit: usize, failed_only: bool) -> Result<Vec<Execution>> {
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

    /// Waits until the execution of every upload has ended, calls `ended` for each, and gives them in the order of
    /// the uploads.
    pub(crate) async fn follow(
        &mut self,
        uploads: &[Upload],
        mut ended: impl FnMut(&Execution),
    ) -> Result<Vec<Execution>> {
        let mut found: Vec<Option<Execution>> = vec![None; uploads.len()];
        let mut last_news = tokio::time::Instant::now();
        loop {
            let mut under_way = false;
            for item in self.list_recent().await? {
                if self.done.contains(&item.execution_arn) {
                    continue;
                }
                let input = self.input(&item.execution_arn).await?.clone();
                let waiting = |(upload, found): (&Upload, &Option<Execution>)| found.is_none() && same(upload, &input);
                let Some(index) = uploads.iter().zip(&found).position(waiting) else { continue };
                if item.status == ExecutionStatus::Running {
                    under_way = true;
                    continue;
                }
                let execution = self.read(&item).await?;
                ended(&execution);
                self.done.insert(item.execution_arn);
                found[index] = Some(execution);
                last_news = tokio::time::Instant::now();
            }
            if found.iter().all(Option::is_some) {
                return Ok(found.into_iter().flatten().collect());
            }
            if !under_way && last_news.elapsed() > START_TIMEOUT {
                return Err(not_started(uploads, &found));
            }
            interrupt::sleep(POLL).await?;
        }
    }

    /// Executions, page by page until these are `enough`. The newest come first.
    /// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html>
    async fn list(&self, enough: impl Fn(&[ExecutionListItem]) -> bool) -> Result<Vec<ExecutionListItem>> {
        let mut pages = self.cloud.sfn.list_executions().state_machine_arn(self.machine).into_paginator().send();
        let mut items = Vec::new();
        while let Some(page) = pages.next().await {
            items.extend(page.map_err(|error| Error::cloud("listing the executions")(error.into()))?.executions);
            if enough(&items) {
                break;
            }
        }
        Ok(items)
    }

    /// Executions that started no longer ago than clocks may differ.
    async fn list_recent(&self) -> Result<Vec<ExecutionListItem>> {
        let earlier = |item: &ExecutionListItem| item.start_date < self.since;
        let mut items = self.list(|items| items.last().is_some_and(earlier)).await?;
        items.retain(|item| !earlier(item));
        Ok(items)
    }

    async fn input(&mut self, arn: &str) -> Result<&Upload> {
        if !self.inputs.contains_key(arn) {
            let described = describe(self.cloud, arn).await?;
            let input = upload_of(described.input.as_deref().unwrap_or_default());
            self.inputs.insert(arn.to_owned(), input);
        }
        Ok(&self.inputs[arn])
    }

    async fn read(&mut self, item: &ExecutionListItem) -> Result<Execution> {
        let arn = &item.execution_arn;
        let Upload { key, version_id } = self.input(arn).await?.clone();
        let described = describe(self.cloud, arn).await?;
        let failed = has_failed(&described.status);
        let output: Value = serde_json::from_str(described.output.as_deref().unwrap_or_default()).unwrap_or_default();
        let (outcome, reason) = if failed {
            let name = described.error.unwrap_or_else(|| described.status.as_str().to_owned());
            (Some(name), described.cause.as_deref().map(first_line))
        } else {
            let text = |name: &str| output[name].as_str().map(str::to_owned);
            (text("outcome"), text("reason"))
        };
        Ok(Execution {
            states: states(self.cloud, arn).await?,
            arn: arn.clone(),
            key,
            version_id,
            outcome,
            failed,
            reason,
            report: serde_json::from_value(output["report"].clone()).ok(),
            started_at: chrono::DateTime::from_timestamp_nanos(nanoseconds(&item.start_date)),
            duration_ms: described.stop_date.map(|stop| milliseconds(&item.start_date, &stop)),
        })
    }
}

pub(crate) async fn describe(cloud: &Cloud, arn: &str) -> Result<DescribeExecutionOutput> {
    let described = cloud.sfn.describe_execution().execution_arn(arn).send().await;
    described.map_err(|error| Error::cloud(format!("reading {arn}"))(error.into()))
}

/// The states that the execution entered, in order.
pub(crate) async fn states(cloud: &Cloud, arn: &str) -> Result<Vec<String>> {
    let events = history(cloud, arn).await?.into_iter();
    Ok(events.filter_map(|event| event.state_entered_event_details).map(|entered| entered.name).collect())
}

/// All that Step Functions has written down of the execution, in order.
pub(crate) async fn history(cloud: &Cloud, arn: &str) -> Result<Vec<HistoryEvent>> {
    let mut pages = cloud.sfn.get_execution_history().execution_arn(arn).into_paginator().items().send();
    let mut events = Vec::new();
    while let Some(event) = pages.next().await {
        events.push(event.map_err(|error| Error::cloud(format!("reading the history of {arn}"))(error.into()))?);
    }
    Ok(events)
}

fn has_failed(status: &ExecutionStatus) -> bool {
    matches!(status, ExecutionStatus::Failed | ExecutionStatus::TimedOut | ExecutionStatus::Aborted)
}

fn milliseconds(start: &DateTime, stop: &DateTime) -> i64 {
    (nanoseconds(stop) - nanoseconds(start)) / 1_000_000
}

/// Since 1970, which fits until 2262.
fn nanoseconds(time: &DateTime) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

/// The object of an event. One that cannot be decoded still has a name to be listed by.
fn upload_of(input: &str) -> Upload {
    let input: Value = serde_json::from_str(input).unwrap_or_default();
    match protocol::Event::decode(&input) {
        Ok(protocol::Event::ObjectCreated(object)) => Upload { key: object.key, version_id: object.version_id },
        _ => {
            let key = input["detail"]["object"]["key"].as_str().unwrap_or("(an event without an object)");
            Upload { key: key.to_owned(), version_id: None }
        }
    }
}

/// A version belongs to one upload; without one on either side the key must do.
fn same(upload: &Upload, event: &Upload) -> bool {
    match (&upload.version_id, &event.version_id) {
        (Some(uploaded), Some(told)) => uploaded == told && upload.key == event.key,
        _ => upload.key == event.key,
    }
}

/// A function's error arrives as JSON, with its message in it; the first line says what happened.
pub(crate) fn first_line(cause: &str) -> String {
    let parsed: Value = serde_json::from_str(cause).unwrap_or_default();
    let message = parsed["errorMessage"].as_str().unwrap_or(cause);
    message.lines().next().unwrap_or_default().to_owned()
}

fn not_started(uploads: &[Upload], found: &[Option<Execution>]) -> Error {
    let missing = uploads.iter().zip(found).filter(|(_, found)| found.is_none());
    let keys: Vec<&str> = missing.map(|(upload, _)| upload.key.as_str()).collect();
    Error::NotStarted { keys: keys.join(", "), waited: START_TIMEOUT }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_first_line_of_the_functions_message() {
        fn check(cause: &str, reason: &str) {
            assert_eq!(first_line(cause), reason);
        }
        check(r#"{"errorType":"EmptyFile","errorMessage":"s3://b/k: no byte\nWhat to do: ask"}"#, "s3://b/k: no byte");
        check("plain\nmore", "plain");
        check("", "");
    }

    #[test]
    fn an_execution_is_that_of_its_version() {
        let upload =
            |key: &str, version: Option<&str>| Upload { key: key.to_owned(), version_id: version.map(str::to_owned) };
        assert!(same(&upload("k", Some("1")), &upload("k", Some("1"))));
        assert!(!same(&upload("k", Some("2")), &upload("k", Some("1"))));
        assert!(same(&upload("k", None), &upload("k", Some("1"))));
        assert!(!same(&upload("other", None), &upload("k", None)));
    }
}
