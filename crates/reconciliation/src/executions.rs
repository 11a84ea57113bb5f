//! The executions of `process-file`. The input of each one is the event of an object version.

use std::collections::HashSet;

use aws_sdk_sfn::Client;
use aws_sdk_sfn::config::{Builder, retry::RetryConfig};
use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::types::{ExecutionListItem, ExecutionStatus};
use chrono::{DateTime, Utc};
use futures_util::{StreamExt, TryStreamExt, stream};
use protocol::{Event, ObjectRef};
use serde_json::Value;

use crate::error::ReconciliationError;
use crate::limits::{CLOCK_DIFFERENCE_MAX, CONCURRENCY, EXECUTIONS_ATTEMPTS_MAX, EXECUTIONS_PAGE};
use crate::status::FileStatus;
use crate::time::to_chrono;

/// One execution of `process-file`.
#[derive(Clone, Debug)]
pub struct FileExecution {
    /// The object version that the event names.
    pub object: ObjectRef,
    pub status: FileStatus,
    /// The event, as JSON.
    pub input: String,
}

/// Which executions to read.
#[derive(Debug)]
pub struct ExecutionQuery<'a> {
    /// The ARN of the state machine.
    pub machine: &'a str,
    /// The time of the oldest object version of interest.
    pub since: DateTime<Utc>,
    /// Leaves out executions that succeeded.
    pub failed_only: bool,
    /// ARNs of executions to leave out.
    pub known: &'a HashSet<String>,
}

/// Reads executions, in no particular order.
pub async fn read(sfn: &Client, query: &ExecutionQuery<'_>) -> Result<Vec<FileExecution>, ReconciliationError> {
    let items = list(sfn, query).await?;
    let described = stream::iter(items).map(|item| describe(sfn, item.execution_arn)).buffer_unordered(CONCURRENCY);
    described.try_filter_map(async |described| Ok(file_execution(described))).try_collect().await
}

/// Step Functions lists the newest executions first.
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html>
async fn list(sfn: &Client, query: &ExecutionQuery<'_>) -> Result<Vec<ExecutionListItem>, ReconciliationError> {
    let since = query.since - CLOCK_DIFFERENCE_MAX;
    let request = sfn.list_executions().state_machine_arn(query.machine).max_results(EXECUTIONS_PAGE);
    let mut pages = request.into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(ReconciliationError::executions("listing the executions"))?.executions;
        let is_past = page.last().and_then(|item| to_chrono(&item.start_date)).is_some_and(|start| start < since);
        let has_failed = |item: &ExecutionListItem| !matches!(item.status, ExecutionStatus::Succeeded);
        found.extend(
            page.into_iter()
                .filter(|item| !query.failed_only || has_failed(item))
                .filter(|item| !query.known.contains(&item.execution_arn)),
        );
        if is_past {
            break;
        }
    }
    Ok(found)
}

async fn describe(sfn: &Client, arn: String) -> Result<DescribeExecutionOutput, ReconciliationError> {
    let retries = Builder::new().retry_config(RetryConfig::standard().with_max_attempts(EXECUTIONS_ATTEMPTS_MAX));
    let described = sfn.describe_execution().execution_arn(&arn).customize().config_override(retries).send().await;
    described.map_err(ReconciliationError::executions(format!("reading {arn}")))
}

/// Returns `None` for an execution whose input names no object.
fn file_execution(described: DescribeExecutionOutput) -> Option<FileExecution> {
    let input = described.input.unwrap_or_default();
    let event = Event::decode(&serde_json::from_str(&input).ok()?).ok()?;
    let Event::ObjectCreated(object) = event else { return None };
    let output: Value = serde_json::from_str(&described.output.unwrap_or_default()).unwrap_or_default();
    let outcome = output["outcome"].as_str().unwrap_or_default();
    let status = FileStatus::from_execution(&described.status, outcome, &described.cause.unwrap_or_default());
    Some(FileExecution { object, status, input })
}
