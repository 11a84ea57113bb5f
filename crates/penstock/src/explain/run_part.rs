//! Which run a load takes part in.

use chrono::{DateTime, Utc};
use pipeline::{Dataset, Definition, Location, StartsOn, When};
use serde::Serialize;

use super::lines::{line, utc};
use crate::keys::times;
use crate::run_rule::{self, RunRule};

/// The run of one logical time, as far as the definition tells.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct RunPart {
    #[serde(flatten)]
    rule: Option<RunRule>,
    /// The start of the period; `None` when the file itself tells its time.
    period: Option<DateTime<Utc>>,
    /// What else makes the set complete.
    needs: Vec<Needed>,
    /// The keys that the run writes, in the curated bucket.
    exports: Vec<String>,
    #[serde(skip)]
    described: String,
}

/// A dataset and the key that starts it for the same time.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Needed {
    dataset: String,
    key: String,
}

impl RunPart {
    /// Of a load of `dataset`; `None` when its loads make no runs.
    pub(super) fn of(definition: &Definition, dataset: &str, logical_at: Option<DateTime<Utc>>) -> Option<Self> {
        if !definition.has_runs() || definition.run.follows() {
            return None;
        }
        let values = |at: Option<DateTime<Utc>>| at.map(|at| times(definition.local(at))).unwrap_or_default();
        let others =
            definition.datasets.iter().filter(|other| other.name != dataset && definition.run.when == When::All);
        let needs = others
            .map(|other| Needed { dataset: other.name.clone(), key: starts_on(other).fill_in(&values(logical_at)) });
        let period = logical_at.map(|at| definition.period(at));
        Some(Self {
            rule: RunRule::of(definition),
            period,
            needs: needs.collect(),
            exports: definition.exports.iter().map(|export| export.to.fill_in(&values(period))).collect(),
            described: run_rule::described(&definition.run),
        })
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let period = self.period.map(|period| format!("; this one's is {}", utc(period))).unwrap_or_default();
        let mut lines = vec![line("run", &format!("{}{period}", self.described))];
        lines.extend(self.needs.iter().map(|needed| line("needs", &format!("{}: {}", needed.dataset, needed.key))));
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
