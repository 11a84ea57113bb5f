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

/// Returns the reason and the remedy of a failure, each in one line. The cause of a failed function is JSON that contains
/// the message.
pub(crate) fn reason_and_remedy(cause: &str) -> (String, Option<String>) {
    // `process-file` adds a line to the cause if it cannot send the notice.
    let parsed = serde_json::Deserializer::from_str(cause).into_iter::<Value>().next();
    let parsed = parsed.and_then(Result::ok).unwrap_or_default();
    let (reason, remedy) = protocol::split_message(parsed["errorMessage"].as_str().unwrap_or(cause));
    let first_line = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    (first_line(reason), remedy.map(first_line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cause_has_reason_and_remedy() {
        fn check(cause: &str, reason: &str, remedy: Option<&str>) {
            assert_eq!(reason_and_remedy(cause), (reason.to_owned(), remedy.map(str::to_owned)));
        }
        let cause = r#"{"errorType":"EmptyFile","errorMessage":"s3://b/k: no byte\nWhat to do: ask"}"#;
        check(cause, "s3://b/k: no byte", Some("ask"));
        check(&format!("{cause}\nThe notice of this failure could not be sent: x"), "s3://b/k: no byte", Some("ask"));
        check("plain\nmore", "plain", None);
        check("", "", None);
    }
}
