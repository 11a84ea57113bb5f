//! What executions tell of objects: each holds the event that it was started with.

use std::collections::HashSet;

use aws_sdk_sfn::Client;
use aws_sdk_sfn::config::{Builder, retry::RetryConfig};
use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::types::{ExecutionListItem, ExecutionStatus};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt, TryStreamExt, stream};
use protocol::{Event, ObjectRef};
use serde_json::Value;

use crate::judge::Standing;
use crate::{CONCURRENCY, StandingError, to_chrono};

/// Between S3, which dates objects, and Step Functions, which dates executions.
const CLOCK_DIFFERENCE_MAX: TimeDelta = TimeDelta::minutes(10);
/// Executions of one answer, the most that there can be: of ten thousand ten calls tell, and not a hundred.
const PAGE: i32 = 1_000;
/// Many calls in a row are throttled in an account, to 15 a second.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>
const ATTEMPTS: u32 = 12;

/// One execution of `process-file`, and the object that its event names.
#[derive(Clone, Debug)]
pub struct Trace {
    pub object: ObjectRef,
    pub standing: Standing,
    /// The event, sequencer and all.
    pub input: String,
}

/// Which executions to read.
#[derive(Debug)]
pub struct Wanted<'a> {
    pub machine: &'a str,
    /// No object that is asked about is older.
    pub since: DateTime<Utc>,
    /// Only those that failed.
    pub failed: bool,
    /// ARNs of which all is known already.
    pub known: &'a HashSet<String>,
}

/// In no particular order.
pub async fn read(sfn: &Client, wanted: &Wanted<'_>) -> Result<Vec<Trace>, StandingError> {
    let items = list(sfn, wanted).await?;
    let described = stream::iter(items).map(|item| describe(sfn, item.execution_arn)).buffer_unordered(CONCURRENCY);
    described.try_filter_map(async |described| Ok(trace(described))).try_collect().await
}

/// The newest come first.
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html>
async fn list(sfn: &Client, wanted: &Wanted<'_>) -> Result<Vec<ExecutionListItem>, StandingError> {
    let since = wanted.since - CLOCK_DIFFERENCE_MAX;
    let request = sfn.list_executions().state_machine_arn(wanted.machine).max_results(PAGE);
    let mut pages = request.into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(StandingError::executions("listing the executions"))?.executions;
        let is_past = page.last().and_then(|item| to_chrono(&item.start_date)).is_some_and(|start| start < since);
        let has_ended_badly = |item: &ExecutionListItem| !matches!(item.status, ExecutionStatus::Succeeded);
        found.extend(
            page.into_iter()
                .filter(|item| !wanted.failed || has_ended_badly(item))
                .filter(|item| !wanted.known.contains(&item.execution_arn)),
        );
        if is_past {
            break;
        }
    }
    Ok(found)
}

async fn describe(sfn: &Client, arn: String) -> Result<DescribeExecutionOutput, StandingError> {
    let patient = Builder::new().retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS));
    let described = sfn.describe_execution().execution_arn(&arn).customize().config_override(patient).send().await;
    described.map_err(StandingError::executions(format!("reading {arn}")))
}

/// None for an execution whose event names no object.
fn trace(described: DescribeExecutionOutput) -> Option<Trace> {
    let input = described.input.unwrap_or_default();
    let event = Event::decode(&serde_json::from_str(&input).ok()?).ok()?;
    let Event::ObjectCreated(object) = event else { return None };
    let output: Value = serde_json::from_str(&described.output.unwrap_or_default()).unwrap_or_default();
    let outcome = output["outcome"].as_str().unwrap_or_default();
    let standing = Standing::of_execution(&described.status, outcome, &described.cause.unwrap_or_default());
    Some(Trace { object, standing, input })
}
