//! What a key would do. The same steps in the same order as the states that meet the file.

use std::time::Duration;

use chrono::{DateTime, Utc};
use pipeline::{
    Captures, Catalog, DataFile, DatasetMatch, KeyBucket, KeyDecision, KeyFailure, KeyRole, KeyTemplate, Location,
    RepairKey, StartsOn,
};
use protocol::{Compression, Failure, FailureName, Format};
use serde::{Serialize, Serializer};

use super::run_part::RunPart;

/// What a key would do, and why.
#[derive(Debug, Serialize)]
pub(super) struct Explanation {
    pub(super) key: String,
    /// `None` is the landing bucket.
    pub(super) bucket: Option<String>,
    #[serde(flatten)]
    pub(super) outcome: Outcome,
    /// The dataset that has the key, and by which template.
    #[serde(rename = "match")]
    pub(super) claim: Option<Claim>,
    /// What would be loaded.
    pub(super) data: Option<Data>,
    /// Which run the load takes part in.
    pub(super) run: Option<RunPart>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub(super) enum Outcome {
    Loads,
    Ignored {
        reason: String,
    },
    Fails {
        #[serde(serialize_with = "failure_name")]
        failure: FailureName,
        reason: String,
        /// The nearest template and where it stops matching.
        #[serde(skip_serializing_if = "Option::is_none")]
        nearest: Option<String>,
    },
}

#[derive(Debug, Serialize)]
pub(super) struct Claim {
    pub(super) pipeline: String,
    pub(super) dataset: String,
    pub(super) table: String,
    pub(super) role: Role,
    pub(super) template: String,
    /// What the template's names stand for, in its order; times are in the pipeline's zone.
    #[serde(serialize_with = "as_map")]
    pub(super) names: Vec<(String, String)>,
    pub(super) timezone: String,
    /// `None`: the key tells no time, and the file's own counts.
    pub(super) logical_time: Option<DateTime<Utc>>,
    /// The template of the trigger, when a data file is explained that starts nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) starts_on: Option<String>,
    /// The load whose refused records the file corrects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) repairs: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    Source,
    Trigger,
    Repair,
}

#[derive(Debug, Serialize)]
pub(super) struct Data {
    pub(super) key: String,
    /// `None` is the landing bucket.
    pub(super) bucket: Option<String>,
    pub(super) format: Format,
    pub(super) compression: Compression,
    /// How long the file may come after its trigger.
    #[serde(rename = "wait_s", serialize_with = "seconds", skip_serializing_if = "Option::is_none")]
    pub(super) wait: Option<Duration>,
}

impl Explanation {
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
                let of_key = Claim::of(&matched);
                let run = RunPart::of(matched.definition, &matched.dataset.name, of_key.logical_time);
                Self { claim: Some(of_key), data: Some(Data::of(file)), run, ..of(Outcome::Loads) }
            }
            KeyDecision::Ignore { matched, reason } => {
                Self { claim: matched.as_ref().map(Claim::of_idle), ..of(Outcome::Ignored { reason }) }
            }
            KeyDecision::Fail { matched, failure } => {
                Self { claim: matched.as_ref().map(Claim::of), ..of(Outcome::of(failure)) }
            }
        }
    }

    pub(super) fn is_failure(&self) -> bool {
        matches!(self.outcome, Outcome::Fails { .. })
    }
}

impl Outcome {
    fn of(failure: KeyFailure) -> Self {
        let name = failure.name();
        let (reason, nearest) = match failure {
            KeyFailure::NoDataset { nearest } => (KeyFailure::NoDataset { nearest: None }.to_string(), nearest),
            failure => (failure.to_string(), None),
        };
        Self::Fails { failure: name, reason, nearest }
    }
}

impl Data {
    fn of(file: DataFile) -> Self {
        let DataFile { bucket, key, format, compression, wait } = file;
        Self { key, bucket, format, compression, wait }
    }
}

impl Claim {
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
            role: Role::of(*role),
            template,
            names,
            timezone: definition.timezone.name().to_owned(),
            logical_time: matched.logical_at(),
            starts_on: None,
            repairs: matched.repairs(),
        }
    }

    /// Of a data file that starts nothing on its own.
    fn of_idle(matched: &DatasetMatch<'_>) -> Self {
        let starts_on = match &matched.dataset.starts_on {
            StartsOn::Trigger { trigger, .. } => Some(trigger.to_string()),
            StartsOn::Source => None,
        };
        Self { starts_on, ..Self::of(matched) }
    }
}

impl Role {
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
