use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use sample_data::water;
use serde::Deserialize;

use crate::command::Penstock;
use crate::error::Result;
use crate::files::ExecutionResult;

/// More than all runs and executions of a demo.
pub(crate) const LIMIT: &str = "1000";

/// A run, as `penstock runs --json` prints it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Run {
    pub(crate) run_id: i64,
    pub(crate) pipeline: String,
    pub(crate) logical_at: DateTime<Utc>,
    pub(crate) state: String,
    pub(crate) failure: Option<String>,
    pub(crate) exports: i64,
    pub(crate) execution_arn: Option<String>,
}

/// The output of `penstock runs --json`. Runs and executions are sorted, newest first.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RunsReport {
    pub(crate) runs: Vec<Run>,
    pub(crate) executions: Vec<ExecutionResult>,
}

/// Returns the id of the latest run, or 0.
pub(crate) fn latest_run_id(penstock: &Penstock) -> Result<i64> {
    let report: RunsReport = penstock.json(&["runs", "--json", "--limit", "1"])?;
    Ok(report.runs.first().map_or(0, |run| run.run_id))
}

/// Waits until no run and no execution is running.
pub(crate) fn wait_for_end(penstock: &Penstock) -> Result<RunsReport> {
    penstock.json(&["runs", "--follow", "--json", "--limit", LIMIT])
}

/// Returns the periods without a run, and those whose latest run failed or exported nothing.
pub(crate) fn problems(runs: &[Run], today: NaiveDate) -> Vec<String> {
    let mut expected = vec![("retail", today.and_time(NaiveTime::MIN).and_utc())];
    expected.extend(water::hours(today).map(|hour| ("water", hour)));
    let latest = |(pipeline, at): &(&str, DateTime<Utc>)| {
        runs.iter().find(|run| run.pipeline == *pipeline && run.logical_at == *at)
    };
    let problem = |period: &(&str, DateTime<Utc>)| match latest(period) {
        None => Some(format!("{}, {}: no run", period.0, period.1)),
        Some(run) if run.state == "Succeeded" && run.exports > 0 => None,
        Some(run) => Some(format!(
            "run {} of {}, {}: {} with {} exports",
            run.run_id, run.pipeline, run.logical_at, run.state, run.exports
        )),
    };
    expected.iter().filter_map(problem).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(run_id: i64, pipeline: &str, logical_at: &str, state: &str) -> Run {
        Run {
            run_id,
            pipeline: pipeline.to_owned(),
            logical_at: logical_at.parse().unwrap(),
            state: state.to_owned(),
            failure: None,
            exports: 1,
            execution_arn: None,
        }
    }

    #[test]
    fn latest_run_of_each_period_must_succeed() {
        let today = NaiveDate::from_ymd_opt(2024, 5, 4).unwrap();
        let mut runs = vec![run(9, "retail", "2024-05-04T00:00:00Z", "Succeeded")];
        for day in ["2024-05-01", "2024-05-02", "2024-05-03"] {
            for hour in ["08", "09"] {
                runs.push(run(8, "water", &format!("{day}T{hour}:00:00Z"), "Succeeded"));
            }
        }
        assert_eq!(problems(&runs, today), [""; 0]);
        // An earlier attempt of the day.
        runs.push(run(1, "retail", "2024-05-04T00:00:00Z", "Failed"));
        assert_eq!(problems(&runs, today), [""; 0]);
        runs[0].state = "Failed".to_owned();
        runs.remove(6);
        let expected = [
            "run 9 of retail, 2024-05-04 00:00:00 UTC: Failed with 1 exports",
            "water, 2024-05-03 09:00:00 UTC: no run",
        ];
        assert_eq!(problems(&runs, today), expected);
    }
}
