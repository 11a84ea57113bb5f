//! `penstock run`: starts a run by hand and follows it to its end.

use std::time::Duration;

use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::types::ExecutionStatus;
use protocol::{FailureName, RunReport, RunStart};
use serde::Serialize;
use serde_json::Value;

use crate::cloud::Cloud;
use crate::executions::{describe, first_line, states};
use crate::explain::At;
use crate::local::StackEnv;
use crate::numbers::{duration, grouped};
use crate::progress::Progress;
use crate::table::{print, print_json, say};
use crate::{Error, Result, interrupt};

const POLL: Duration = Duration::from_millis(300);

/// What `run` is asked for.
#[derive(Debug)]
pub(crate) struct RunOptions {
    pub(crate) pipeline: String,
    pub(crate) at: At,
    pub(crate) force: bool,
    pub(crate) json: bool,
}

/// How a run that was started by hand ended.
#[derive(Debug, Serialize)]
struct Ended {
    execution: String,
    /// `Succeeded`, `Skipped`, or the failure's name.
    outcome: String,
    failed: bool,
    /// Why it was skipped or failed, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    what_to_do: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<RunReport>,
}

/// Runs a pipeline for one period, says what is under way, and prints the report. False when the run has failed.
pub(crate) async fn run_pipeline(options: &RunOptions, env: &StackEnv, progress: Progress) -> Result<bool> {
    let machine = env.run_pipeline_arn.as_deref();
    let machine = machine.ok_or_else(|| Error::NotSet { file: "the stack".to_owned(), name: "RUN_PIPELINE_ARN" })?;
    let cloud = Cloud::of(env).await;
    let input = serde_json::to_string(&start(options)).map_err(|error| Error::Unexpected(error.to_string()))?;
    let started = cloud.sfn.start_execution().state_machine_arn(machine).input(input).send().await;
    let arn = started.map_err(|error| Error::cloud("starting the run")(error.into()))?.execution_arn;
    let ended = Ended::of(arn.clone(), &follow(&cloud, &arn, &options.pipeline, progress).await?);
    if options.json {
        print_json(&ended)?;
    } else {
        ended.print();
    }
    Ok(!ended.failed)
}

fn start(options: &RunOptions) -> RunStart {
    let (at, logical_at) = match options.at {
        At::Local(local) => (Some(local), None),
        At::Instant(instant) => (None, Some(instant)),
    };
    RunStart { pipeline: options.pipeline.clone(), at, logical_at, force: options.force, after_run_id: None }
}

async fn follow(cloud: &Cloud, arn: &str, pipeline: &str, progress: Progress) -> Result<DescribeExecutionOutput> {
    let mut step = progress.step(format!("run {pipeline}"));
    loop {
        let described = describe(cloud, arn).await?;
        let entered = states(cloud, arn).await?;
        if let Some(state) = entered.iter().rev().find(|state| !state.starts_with("Choose")) {
            step.now(state);
        }
        if described.status != ExecutionStatus::Running {
            return Ok(described);
        }
        interrupt::sleep(POLL).await?;
    }
}

impl Ended {
    fn of(execution: String, described: &DescribeExecutionOutput) -> Self {
        if described.status == ExecutionStatus::Succeeded {
            let output: Value =
                serde_json::from_str(described.output.as_deref().unwrap_or_default()).unwrap_or_default();
            Self::succeeded(execution, &output)
        } else {
            let name = described.error.clone().unwrap_or_else(|| described.status.as_str().to_owned());
            let reason = described.cause.as_deref().map(first_line);
            let what_to_do = FailureName::parse(&name).map(FailureName::what_to_do);
            Self { execution, outcome: name, failed: true, reason, what_to_do, report: None }
        }
    }

    fn succeeded(execution: String, output: &Value) -> Self {
        let text = |name: &str| output[name].as_str().map(str::to_owned);
        Self {
            execution,
            outcome: text("outcome").unwrap_or_default(),
            failed: false,
            reason: text("reason"),
            what_to_do: None,
            report: serde_json::from_value(output["report"].clone()).ok(),
        }
    }

    fn print(&self) {
        say(&self.headline());
        if let Some(advice) = self.what_to_do {
            say(&format!("what to do: {advice}"));
        }
        let Some(report) = &self.report else { return };
        let inputs = report.inputs.iter().map(|input| {
            let counts = [input.loads, input.rows_loaded, input.rows_rejected];
            [input.dataset.clone()].into_iter().chain(counts.map(grouped)).collect()
        });
        section(&["dataset", "loads", "rows", "rejected"], &inputs.collect::<Vec<_>>());
        let transforms = report
            .transforms
            .iter()
            .map(|it| vec![it.sql.clone(), grouped(it.statements), grouped(it.rows), duration(it.duration_ms)]);
        section(&["transform", "statements", "rows", "time"], &transforms.collect::<Vec<_>>());
        let exports = report
            .exports
            .iter()
            .map(|it| vec![format!("s3://{}/{}", it.bucket, it.key), grouped(it.rows), grouped(it.bytes)]);
        section(&["export", "rows", "bytes"], &exports.collect::<Vec<_>>());
    }

    fn headline(&self) -> String {
        match (&self.report, &self.reason) {
            (Some(report), _) => format!(
                "run {} of {}, {}: {} in {}",
                report.run.run_id,
                report.run.pipeline,
                report.period,
                self.outcome,
                duration(report.duration_ms)
            ),
            (None, Some(reason)) => format!("{}: {reason}", self.outcome),
            (None, None) => self.outcome.clone(),
        }
    }
}

fn section(header: &[&str], rows: &[Vec<String>]) {
    if !rows.is_empty() {
        say("");
        print(header, rows);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_headline_says_which_run_and_how_it_ended() {
        fn check(output: &Value, expected: &str) {
            assert_eq!(Ended::succeeded(String::new(), output).headline(), expected);
        }
        let report = json!({
            "outcome": "Succeeded",
            "run": {"run_id": 12, "pipeline": "retail", "logical_at": "2024-05-01T00:00:00Z"},
            "run_date": "2024-05-01",
            "period": "2024-05-01",
            "inputs": [], "transforms": [], "exports": [],
            "duration_ms": 1_250,
            "notify_success": true,
        });
        let succeeded = json!({"outcome": "Succeeded", "report": report});
        check(&succeeded, "run 12 of retail, 2024-05-01: Succeeded in 1.2 s");
        check(&json!({"outcome": "Skipped", "reason": "has run already"}), "Skipped: has run already");
        check(&json!({"outcome": "Succeeded"}), "Succeeded");
    }

    #[test]
    fn a_local_time_stays_local_and_an_instant_an_instant() {
        fn check(at: &str, expected: &Value) {
            let options =
                RunOptions { pipeline: "retail".to_owned(), at: at.parse().unwrap(), force: true, json: false };
            assert_eq!(serde_json::to_value(start(&options)).unwrap(), *expected);
        }
        check("2024-05-01", &json!({"pipeline": "retail", "at": "2024-05-01T00:00:00", "force": true}));
        check("2024-05-01T09:00Z", &json!({"pipeline": "retail", "logical_at": "2024-05-01T09:00:00Z", "force": true}));
    }
}
