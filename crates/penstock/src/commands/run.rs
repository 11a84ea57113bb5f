use std::time::Duration;

use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::types::ExecutionStatus;
use clap::Args;
use local_stack::{AwsClients, interrupt};
use protocol::{FailureName, RunReport, RunStart};
use serde::Serialize;
use serde_json::Value;

use crate::context::{Context, required};
use crate::error::{Error, Result};
use crate::executions::{describe_execution, entered_states, reason_and_remedy};
use crate::output::{Progress, duration, grouped, print_json, print_line, print_table};
use crate::time_argument::TimeArgument;

const POLL: Duration = Duration::from_millis(300);

/// Run the transforms and exports of a pipeline for one period
///
/// Requires a period that has all its datasets and has not run yet; --force drops both conditions. Follows the run and
/// exits with status 1 if it fails.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Name of the pipeline, which is the name of its folder
    pipeline: String,
    /// Any time in the period, or a period as `penstock runs` prints it. In the time zone of the pipeline unless it has an
    /// offset: 2024-05-01, 2024-05-01T09:15 or 2024-05-01T09:15Z
    #[arg(long, value_name = "TIME")]
    date: TimeArgument,
    /// Run also if the period has run already or if datasets are missing
    #[arg(long)]
    force: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The result of a run.
#[derive(Debug, Serialize)]
struct RunResult {
    execution: String,
    /// `Succeeded`, `Skipped`, or the failure's name.
    outcome: String,
    failed: bool,
    /// Why the run was skipped or failed, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    what_to_do: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<RunReport>,
}

pub(crate) async fn run(args: RunArgs, context: &Context) -> Result<bool> {
    start_and_follow(&run_start(&args), args.json, context).await
}

/// Starts `run-pipeline` and follows the run. Prints its result, and returns false if it failed.
pub(crate) async fn start_and_follow(start: &RunStart, json: bool, context: &Context) -> Result<bool> {
    let env = context.stack_env()?;
    let machine = required(env.run_pipeline_arn.as_ref(), "RUN_PIPELINE_ARN")?;
    let clients = AwsClients::of(&env).await;
    let input = serde_json::to_string(start).map_err(|error| Error::Unexpected(error.to_string()))?;
    let started = clients.sfn.start_execution().state_machine_arn(machine).input(input).send().await;
    let arn = started.map_err(Error::aws("starting the run"))?.execution_arn;
    let result = RunResult::of(arn.clone(), &follow(&clients, &arn, &start.pipeline).await?);
    if json {
        print_json(&result)?;
    } else {
        result.print();
    }
    Ok(!result.failed)
}

fn run_start(args: &RunArgs) -> RunStart {
    let (at, logical_at) = match args.date {
        TimeArgument::Local(local) => (Some(local), None),
        TimeArgument::Instant(instant) => (None, Some(instant)),
    };
    RunStart { pipeline: args.pipeline.clone(), at, logical_at, force: args.force, after_run_id: None, rerun: None }
}

async fn follow(clients: &AwsClients, arn: &str, pipeline: &str) -> Result<DescribeExecutionOutput> {
    let mut step = Progress::new().step(format!("run {pipeline}"));
    loop {
        let described = describe_execution(clients, arn).await?;
        let entered = entered_states(clients, arn).await?;
        if let Some(state) = entered.iter().rev().find(|state| !state.starts_with("Choose")) {
            step.show(state);
        }
        if described.status != ExecutionStatus::Running {
            return Ok(described);
        }
        interrupt::sleep(POLL).await?;
    }
}

impl RunResult {
    fn of(execution: String, described: &DescribeExecutionOutput) -> Self {
        if described.status == ExecutionStatus::Succeeded {
            let output: Value =
                serde_json::from_str(described.output.as_deref().unwrap_or_default()).unwrap_or_default();
            Self::succeeded(execution, &output)
        } else {
            let name = described.error.clone().unwrap_or_else(|| described.status.as_str().to_owned());
            let reason = described.cause.as_deref().map(|cause| reason_and_remedy(cause).0);
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
        print_line(&self.headline());
        if let Some(remedy) = self.what_to_do {
            print_line(&format!("what to do: {remedy}"));
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
        print_line("");
        print_table(header, rows);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn headline_has_the_run_and_its_outcome() {
        fn check(output: &Value, expected: &str) {
            assert_eq!(RunResult::succeeded(String::new(), output).headline(), expected);
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
    fn time_offset_selects_the_start_field() {
        fn check(at: &str, expected: &Value) {
            let args = RunArgs { pipeline: "retail".to_owned(), date: at.parse().unwrap(), force: true, json: false };
            assert_eq!(serde_json::to_value(run_start(&args)).unwrap(), *expected);
        }
        check("2024-05-01", &json!({"pipeline": "retail", "at": "2024-05-01T00:00:00", "force": true}));
        check("2024-05-01T09:00Z", &json!({"pipeline": "retail", "logical_at": "2024-05-01T09:00:00Z", "force": true}));
    }
}
