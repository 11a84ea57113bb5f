use chrono::{DateTime, Utc};
use pipeline::{Dataset, Definition, Location, StartsOn, When};
use serde::Serialize;

use crate::commands::explain::layout::{line, utc};
use crate::pipelines::{RunRule, dataset_times, describe_runs, export_times};

/// The run that a load is part of, from the definition alone.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct RunOfLoad {
    #[serde(flatten)]
    rule: Option<RunRule>,
    /// Start of the period. `None` if the key contains no time.
    period: Option<DateTime<Utc>>,
    /// The other datasets that the run requires.
    needs: Vec<RequiredDataset>,
    /// Keys of the exports in the curated bucket.
    exports: Vec<String>,
    #[serde(skip)]
    described: String,
}

/// Another dataset of the run, with its key for the same time.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct RequiredDataset {
    dataset: String,
    key: String,
}

impl RunOfLoad {
    /// Returns `None` if loads of the dataset start no runs.
    pub(super) fn of(definition: &Definition, dataset: &str, logical_at: Option<DateTime<Utc>>) -> Option<Self> {
        if !definition.has_runs() || definition.run.follows() {
            return None;
        }
        let other_times =
            |other: &Dataset| logical_at.map(|at| dataset_times(other, definition.local(at))).unwrap_or_default();
        let others =
            definition.datasets.iter().filter(|other| other.name != dataset && definition.run.when == When::All);
        let needs = others.map(|other| RequiredDataset {
            dataset: other.name.clone(),
            key: starts_on(other).fill_in(&other_times(other)),
        });
        let period = logical_at.map(|at| definition.period(at));
        let export_times = period.map(|at| export_times(definition.local(at))).unwrap_or_default();
        Some(Self {
            rule: RunRule::of(definition),
            period,
            needs: needs.collect(),
            exports: definition.exports.iter().map(|export| export.to.fill_in(&export_times)).collect(),
            described: describe_runs(&definition.run),
        })
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let period = self.period.map(|period| format!("; the period is {}", utc(period))).unwrap_or_default();
        let mut lines = vec![line("run", &format!("{}{period}", self.described))];
        lines.extend(self.needs.iter().map(|needed| line("requires", &format!("{}: {}", needed.dataset, needed.key))));
        lines.extend(self.exports.iter().map(|export| line("exports", export)));
        lines
    }
}

fn starts_on(dataset: &Dataset) -> &Location {
    match &dataset.starts_on {
        StartsOn::Source => &dataset.source,
        StartsOn::Trigger { trigger, .. } => trigger,
    }
}
