use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use local_stack::AwsClients;
use serde_json::Value;

use crate::error::{Error, Result};

pub(crate) async fn describe_execution(clients: &AwsClients, arn: &str) -> Result<DescribeExecutionOutput> {
    let described = clients.sfn.describe_execution().execution_arn(arn).send().await;
    described.map_err(Error::aws(format!("reading {arn}")))
}

/// Returns the states that the execution entered, in order.
pub(crate) async fn entered_states(clients: &AwsClients, arn: &str) -> Result<Vec<String>> {
    let mut events = clients.sfn.get_execution_history().execution_arn(arn).into_paginator().items().send();
    let mut states = Vec::new();
    while let Some(event) = events.next().await {
        let event = event.map_err(Error::aws(format!("reading the history of {arn}")))?;
        states.extend(event.state_entered_event_details.map(|entered| entered.name));
    }
    Ok(states)
}

/// Returns the first line of a failure's message. The cause of a failed function is JSON that contains the message.
pub(crate) fn first_line(cause: &str) -> String {
    let parsed: Value = serde_json::from_str(cause).unwrap_or_default();
    let message = parsed["errorMessage"].as_str().unwrap_or(cause);
    message.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_is_the_first_line_of_the_message() {
        fn check(cause: &str, reason: &str) {
            assert_eq!(first_line(cause), reason);
        }
        check(r#"{"errorType":"EmptyFile","errorMessage":"s3://b/k: no byte\nWhat to do: ask"}"#, "s3://b/k: no byte");
        check("plain\nmore", "plain");
        check("", "");
    }
}
