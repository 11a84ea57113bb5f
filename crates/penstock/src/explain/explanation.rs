//! What a key would do. The same steps in the same order as the states that meet the file.

use std::time::Duration;

use chrono::{DateTime, Utc};
use pipeline::{Captures, Catalog, DataFile, Decision, KeyTemplate, Location, Refusal, RepairKey, Start};
use protocol::{Compression, Failure, FailureName, FileKind, Format};
use serde::{Serialize, Serializer};

use super::run_part::RunPart;

/// No bucket's name, so no template can name it.
const LANDING_BUCKET: &str = "the landing bucket";

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
    /// `bucket` is `None` for the landing bucket.
    pub(super) fn of(catalog: &Catalog, bucket: Option<&str>, key: &str) -> Self {
        let of = |outcome| Self {
            key: key.to_owned(),
            bucket: bucket.map(str::to_owned),
            outcome,
            claim: None,
            data: None,
            run: None,
        };
        match FileKind::of_key(key) {
            Err(unsupported) => return of(Outcome::of(Refusal::Unsupported(unsupported))),
            Ok(FileKind::Ignored { reason }) => return of(Outcome::Ignored { reason }),
            Ok(FileKind::Data { .. } | FileKind::Trigger {}) => {}
        }
        match catalog.decide(LANDING_BUCKET, bucket.unwrap_or(LANDING_BUCKET), key) {
            Decision::Load { claim, file } => {
                let of_key = Claim::of(&claim);
                let run = RunPart::of(claim.definition, &claim.dataset.name, of_key.logical_time);
                Self { claim: Some(of_key), data: Some(Data::of(file)), run, ..of(Outcome::Loads) }
            }
            Decision::Ignore { claim, reason } => {
                Self { claim: claim.as_ref().map(Claim::of_idle), ..of(Outcome::Ignored { reason }) }
            }
            Decision::Refuse { claim, refusal } => {
                Self { claim: claim.as_ref().map(Claim::of), ..of(Outcome::of(refusal)) }
            }
        }
    }

    pub(super) fn is_failure(&self) -> bool {
        matches!(self.outcome, Outcome::Fails { .. })
    }
}

impl Outcome {
    fn of(refusal: Refusal) -> Self {
        let failure = refusal.name();
        let (reason, nearest) = match refusal {
            Refusal::NoDataset { nearest } => (Refusal::NoDataset { nearest: None }.to_string(), nearest),
            refusal => (refusal.to_string(), None),
        };
        Self::Fails { failure, reason, nearest }
    }
}

impl Data {
    fn of(file: DataFile) -> Self {
        let DataFile { bucket, key, format, compression, wait } = file;
        Self { key, bucket: Some(bucket).filter(|bucket| bucket != LANDING_BUCKET), format, compression, wait }
    }
}

impl Claim {
    fn of(claim: &pipeline::Claim<'_>) -> Self {
        let pipeline::Claim { definition, dataset, role, captures } = claim;
        let of = |location: &Location| (location.to_string(), names(&location.template, captures));
        let (template, names) = match (&dataset.start, role, RepairKey::template()) {
            (Start::Trigger { trigger, .. }, pipeline::Role::Trigger, _) => of(trigger),
            (_, pipeline::Role::Repair { .. }, Some(template)) => (template.to_string(), names(template, captures)),
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
            logical_time: claim.logical_at(),
            starts_on: None,
            repairs: claim.repairs(),
        }
    }

    /// Of a data file that starts nothing on its own.
    fn of_idle(claim: &pipeline::Claim<'_>) -> Self {
        let starts_on = match &claim.dataset.start {
            Start::Trigger { trigger, .. } => Some(trigger.to_string()),
            Start::Source => None,
        };
        Self { starts_on, ..Self::of(claim) }
    }
}

impl Role {
    fn of(role: pipeline::Role) -> Self {
        match role {
            pipeline::Role::Source => Self::Source,
            pipeline::Role::Trigger => Self::Trigger,
            pipeline::Role::Repair { .. } => Self::Repair,
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
