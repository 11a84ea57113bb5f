//! Describes the runs and exports of a definition, for people and as JSON.

use std::time::Duration;

use pipeline::{Again, Definition, ExportSource, Per, RunSettings, When};
use serde::Serialize;

/// The table `[run]` of a definition, with its defaults.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct RunRule {
    when: &'static str,
    per: &'static str,
    deadline_s: Option<u64>,
    again: &'static str,
    after: Option<String>,
    after_failure: Option<String>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ExportDescription {
    /// The table or the query.
    what: String,
    to: String,
}

impl RunRule {
    /// Returns `None` for a pipeline without runs.
    pub(crate) fn of(definition: &Definition) -> Option<Self> {
        let RunSettings { when, per, deadline, again, after, after_failure } = &definition.run;
        definition.has_runs().then(|| Self {
            when: when.as_str(),
            per: per.as_str(),
            deadline_s: deadline.map(|deadline| deadline.as_secs()),
            again: again.as_str(),
            after: after.clone(),
            after_failure: after_failure.clone(),
        })
    }
}

impl ExportDescription {
    pub(crate) fn all_of(definition: &Definition) -> Vec<Self> {
        let of = |export: &pipeline::Export| Self {
            what: match &export.source {
                ExportSource::Table(table) => table.to_string(),
                ExportSource::Query(query) => query.split_whitespace().collect::<Vec<_>>().join(" "),
            },
            to: export.to.to_string(),
        };
        definition.exports.iter().map(of).collect()
    }

    pub(crate) fn line(&self) -> String {
        format!("{} to {}", self.what, self.to)
    }
}

/// Describes in one clause which loads start a run.
pub(crate) fn describe_runs(run: &RunSettings) -> String {
    let followed = |name: &Option<String>, how: &str| name.as_ref().map(|name| format!("every {how} run of {name}"));
    let follows: Vec<String> =
        [followed(&run.after, "successful"), followed(&run.after_failure, "failed")].into_iter().flatten().collect();
    if !follows.is_empty() {
        return format!("after {}", follows.join(" and "));
    }
    let period = match run.per {
        Per::File => "logical time",
        per => per.as_str(),
    };
    let again = match run.again {
        Again::Skip => "",
        Again::Rerun => ", and again with every later load",
    };
    match (run.when, run.deadline) {
        (When::Each, _) => "every load".to_owned(),
        (When::Any, _) => format!("the first load of each {period}{again}"),
        (When::All, None) => format!("all datasets of each {period}{again}"),
        (When::All, Some(deadline)) => {
            format!("all datasets of each {period}, within {}{again}", format_duration(deadline))
        }
    }
}

/// Formats a duration as in a definition, in the largest unit that divides it: `90m`.
pub(crate) fn format_duration(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds % 86_400 == 0 => format!("{}d", seconds / 86_400),
        seconds if seconds % 3600 == 0 => format!("{}h", seconds / 3600),
        seconds if seconds % 60 == 0 => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_rule_is_one_clause() {
        let check = |run: &str, expected: &str| {
            let text = format!("[datasets.x]\nsource = '{{date:%F}}.csv'\ntable = 'x'\n[run]\n{run}");
            let definition = Definition::parse("p", "pipeline.toml", &text).unwrap_or_else(|errors| panic!("{errors}"));
            assert_eq!(describe_runs(&definition.run), expected, "{run}");
        };
        check("", "every load");
        check("when = 'any'\nper = 'hour'", "the first load of each hour");
        check("when = 'all'", "all datasets of each logical time");
        check(
            "when = 'all'\nper = 'day'\ndeadline = '90m'\nagain = 'rerun'",
            "all datasets of each day, within 90m, and again with every later load",
        );
        check("after = 'a'", "after every successful run of a");
        check("after = 'a'\nafter_failure = 'b'", "after every successful run of a and every failed run of b");
    }
}
