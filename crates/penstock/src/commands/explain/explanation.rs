//! Explains what a key does, in the order of the states of `process-file`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use pipeline::{
    Captures, Catalog, DataFile, DatasetMatch, KeyBucket, KeyDecision, KeyFailure, KeyRole, KeyTemplate, Location,
    RepairKey, StartsOn,
};
use protocol::{Compression, Failure, FailureName, Format};
use serde::{Serialize, Serializer};

use crate::commands::explain::run_of_load::RunOfLoad;

/// The effect of a key, with the reasons.
#[derive(Debug, Serialize)]
pub(super) struct KeyExplanation {
    pub(super) key: String,
    /// `None` is the landing bucket.
    pub(super) bucket: Option<String>,
    #[serde(flatten)]
    pub(super) outcome: KeyOutcome,
    /// The dataset of the key and the template that matches.
    #[serde(rename = "match")]
    pub(super) claim: Option<MatchedDataset>,
    /// The file that is loaded: that of the key, or that of the trigger.
    pub(super) data: Option<LoadedFile>,
    /// The run that the load is part of.
    pub(super) run: Option<RunOfLoad>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub(super) enum KeyOutcome {
    Loads,
    Ignored {
        reason: String,
    },
    Fails {
        #[serde(serialize_with = "failure_name")]
        failure: FailureName,
        reason: String,
        /// The most similar template, and where the key differs.
        #[serde(skip_serializing_if = "Option::is_none")]
        nearest: Option<String>,
    },
}

#[derive(Debug, Serialize)]
pub(super) struct MatchedDataset {
    pub(super) pipeline: String,
    pub(super) dataset: String,
    pub(super) table: String,
    pub(super) role: MatchRole,
    pub(super) template: String,
    /// Names of the template and their values, in its order. Times are in the time zone of the pipeline.
    #[serde(serialize_with = "as_map")]
    pub(super) names: Vec<(String, String)>,
    pub(super) timezone: String,
    /// `None` if the key contains no time; then the time of the file counts.
    pub(super) logical_time: Option<DateTime<Utc>>,
    /// Template of the trigger, for a data file that starts nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) starts_on: Option<String>,
    /// The load whose rejects the file repairs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) repairs: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum MatchRole {
    Source,
    Trigger,
    Repair,
}

#[derive(Debug, Serialize)]
pub(super) struct LoadedFile {
    pub(super) key: String,
    /// `None` is the landing bucket.
    pub(super) bucket: Option<String>,
    pub(super) format: Format,
    pub(super) compression: Compression,
    /// Longest delay of the file after its trigger.
    #[serde(rename = "wait_s", serialize_with = "seconds", skip_serializing_if = "Option::is_none")]
    pub(super) wait: Option<Duration>,
}

impl KeyExplanation {
    pub(super) fn of(catalog: &Catalog, bucket: KeyBucket<'_>, key: &str) -> Self {
        let of = |outcome| Self {
            key: key.to_owned(),
            bucket: match bucket {
                KeyBucket::Landing(_) => None,
                KeyBucket::Other(name) => Some(name.to_owned()),
            },
            outcome,
            claim: None,
            data: None,
            run: None,
        };
        match catalog.decide(bucket, key) {
            KeyDecision::Load { matched, file } => {
                let dataset = MatchedDataset::of(&matched);
                let run = RunOfLoad::of(matched.definition, &matched.dataset.name, dataset.logical_time);
                Self { claim: Some(dataset), data: Some(LoadedFile::of(file)), run, ..of(KeyOutcome::Loads) }
            }
            KeyDecision::Ignore { matched, reason } => Self {
                claim: matched.as_ref().map(MatchedDataset::without_start),
                ..of(KeyOutcome::Ignored { reason })
            },
            KeyDecision::Fail { matched, failure } => {
                Self { claim: matched.as_ref().map(MatchedDataset::of), ..of(KeyOutcome::of(failure)) }
            }
        }
    }

    pub(super) fn is_failure(&self) -> bool {
        matches!(self.outcome, KeyOutcome::Fails { .. })
    }
}

impl KeyOutcome {
    fn of(failure: KeyFailure) -> Self {
        let name = failure.name();
        let (reason, nearest) = match failure {
            KeyFailure::NoDataset { nearest } => (KeyFailure::NoDataset { nearest: None }.to_string(), nearest),
            failure => (failure.to_string(), None),
        };
        Self::Fails { failure: name, reason, nearest }
    }
}

impl LoadedFile {
    fn of(file: DataFile) -> Self {
        let DataFile { bucket, key, format, compression, wait } = file;
        Self { key, bucket, format, compression, wait }
    }
}

impl MatchedDataset {
    fn of(matched: &DatasetMatch<'_>) -> Self {
        let DatasetMatch { definition, dataset, role, captures } = matched;
        let of = |location: &Location| (location.to_string(), names(&location.template, captures));
        let (template, names) = match (&dataset.starts_on, role, RepairKey::template()) {
            (StartsOn::Trigger { trigger, .. }, KeyRole::Trigger, _) => of(trigger),
            (_, KeyRole::Repair { .. }, Some(template)) => (template.to_string(), names(template, captures)),
            _ => of(&dataset.source),
        };
        Self {
            pipeline: definition.pipeline.clone(),
            dataset: dataset.name.clone(),
            table: dataset.table.to_string(),
            role: MatchRole::of(*role),
            template,
            names,
            timezone: definition.timezone.name().to_owned(),
            logical_time: matched.logical_at(),
            starts_on: None,
            repairs: matched.repairs(),
        }
    }

    /// Describes a data file whose dataset starts on its trigger.
    fn without_start(matched: &DatasetMatch<'_>) -> Self {
        let starts_on = match &matched.dataset.starts_on {
            StartsOn::Trigger { trigger, .. } => Some(trigger.to_string()),
            StartsOn::Source => None,
        };
        Self { starts_on, ..Self::of(matched) }
    }
}

impl MatchRole {
    fn of(role: KeyRole) -> Self {
        match role {
            KeyRole::Source => Self::Source,
            KeyRole::Trigger => Self::Trigger,
            KeyRole::Repair { .. } => Self::Repair,
        }
    }
}

fn names(template: &KeyTemplate, captures: &Captures) -> Vec<(String, String)> {
    let mut names: Vec<(String, String)> = Vec::new();
    for placeholder in template.placeholders() {
        let time = captures.time(placeholder.name).map(|time| time.format("%Y-%m-%dT%H:%M:%S%.f").to_string());
        let value = time.or_else(|| captures.text(placeholder.name).map(str::to_owned));
        if let Some(value) = value.filter(|_| names.iter().all(|(known, _)| known != placeholder.name)) {
            names.push((placeholder.name.to_owned(), value));
        }
    }
    names
}

fn failure_name<S: Serializer>(name: &FailureName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name.as_str())
}

fn as_map<S: Serializer>(names: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(names.iter().map(|(name, value)| (name, value)))
}

fn seconds<S: Serializer>(wait: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    wait.map(|wait| wait.as_secs()).serialize(serializer)
}
