//! What a key would do. The same steps in the same order as the states that meet the file.

use std::time::Duration;

use chrono::{DateTime, Utc};
use contracts::{Compression, FailureName, FileKind, Format};
use pipeline::{Captures, Catalog, Dataset, Definition, FindError, KeyMatch, KeyTemplate, Location, Start};
use serde::{Serialize, Serializer};

use crate::keys::placeholders;

/// No bucket's name, so no template can name it.
const LANDING_BUCKET: &str = "the landing bucket";

/// The only status of a trigger that leads to a load.
const SUCCEEDED: &str = "Succeeded";

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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    Source,
    Trigger,
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

impl Outcome {
    fn fails(failure: FailureName, reason: &impl ToString) -> Self {
        Self::Fails { failure, reason: reason.to_string(), nearest: None }
    }
}

impl Explanation {
    /// `bucket` is `None` for the landing bucket.
    pub(super) fn of(catalog: &Catalog, bucket: Option<&str>, key: &str) -> Self {
        let (outcome, claim, data) = match FileKind::of_key(key) {
            Err(unsupported) => (Outcome::fails(FailureName::UnsupportedFormat, &unsupported), None, None),
            Ok(FileKind::Ignored { reason }) => (Outcome::Ignored { reason }, None, None),
            Ok(FileKind::Data { .. } | FileKind::Trigger {}) => find(catalog, bucket, key),
        };
        Self { key: key.to_owned(), bucket: bucket.map(str::to_owned), outcome, claim, data }
    }

    pub(super) fn is_failure(&self) -> bool {
        matches!(self.outcome, Outcome::Fails { .. })
    }
}

fn find(catalog: &Catalog, bucket: Option<&str>, key: &str) -> (Outcome, Option<Claim>, Option<Data>) {
    match catalog.find(LANDING_BUCKET, bucket.unwrap_or(LANDING_BUCKET), key) {
        Ok(KeyMatch::Source { definition, dataset, captures }) => {
            let claim = Claim::of(definition, dataset, Role::Source, &dataset.source, &captures);
            let (outcome, data) = loads(bucket, key, None);
            (outcome, Some(claim), data)
        }
        Ok(KeyMatch::Trigger { definition, dataset, captures }) => {
            let Start::Trigger { trigger, wait } = &dataset.start else { return no_match(None) };
            let claim = Claim::of(definition, dataset, Role::Trigger, trigger, &captures);
            let (outcome, data) = announced(dataset, &captures, *wait);
            (outcome, Some(claim), data)
        }
        Ok(KeyMatch::SourceOfTriggered { definition, dataset }) => {
            let captures = dataset.source.template.matches(key).unwrap_or_default();
            let claim = Claim::of(definition, dataset, Role::Source, &dataset.source, &captures);
            let starts_on = match &dataset.start {
                Start::Trigger { trigger, .. } => Some(trigger.to_string()),
                Start::Source => None,
            };
            let reason = "its dataset starts on its trigger, not on the data file".to_owned();
            (Outcome::Ignored { reason }, Some(Claim { starts_on, ..claim }), None)
        }
        Err(FindError::NoMatch(no)) => no_match(no.nearest),
        Err(FindError::Ambiguous { first, second, .. }) => {
            let reason = format!("it starts both {first} and {second}; only one dataset may have it");
            (Outcome::fails(FailureName::InvalidDefinition, &reason), None, None)
        }
    }
}

fn no_match(nearest: Option<String>) -> (Outcome, Option<Claim>, Option<Data>) {
    let reason = "no dataset has this key as its source or trigger".to_owned();
    (Outcome::Fails { failure: FailureName::NoDataset, reason, nearest }, None, None)
}

/// What a trigger's name says of the data file.
fn announced(dataset: &Dataset, captures: &Captures, wait: Duration) -> (Outcome, Option<Data>) {
    if let Some(status) = captures.text("status").filter(|status| *status != SUCCEEDED) {
        let reason = format!("the process that writes this dataset ended as {status:?}, and only {SUCCEEDED} loads");
        return (Outcome::fails(FailureName::UpstreamFailed, &reason), None);
    }
    match dataset.source.template.build(captures) {
        Ok(key) => loads(dataset.source.bucket.as_deref(), &key, Some(wait)),
        Err(error) => (Outcome::fails(FailureName::InvalidDefinition, &error), None),
    }
}

fn loads(bucket: Option<&str>, key: &str, wait: Option<Duration>) -> (Outcome, Option<Data>) {
    let refused = |reason: String| (Outcome::fails(FailureName::UnsupportedFormat, &reason), None);
    match FileKind::of_key(key) {
        Ok(FileKind::Data { format, compression }) => {
            let bucket = bucket.map(str::to_owned);
            (Outcome::Loads, Some(Data { key: key.to_owned(), bucket, format, compression, wait }))
        }
        Ok(FileKind::Trigger {} | FileKind::Ignored { .. }) => {
            refused(format!("its dataset takes {key} for data, and its name says that it is none"))
        }
        Err(unsupported) => refused(unsupported.to_string()),
    }
}

impl Claim {
    fn of(definition: &Definition, dataset: &Dataset, role: Role, location: &Location, captures: &Captures) -> Self {
        Self {
            pipeline: definition.pipeline.clone(),
            dataset: dataset.name.clone(),
            table: dataset.table.to_string(),
            role,
            template: location.to_string(),
            names: names(&location.template, captures),
            timezone: definition.timezone.name().to_owned(),
            logical_time: captures.logical_time().map(|local| definition.instant(local)),
            starts_on: None,
        }
    }
}

fn names(template: &KeyTemplate, captures: &Captures) -> Vec<(String, String)> {
    let mut names: Vec<(String, String)> = Vec::new();
    for placeholder in placeholders(&template.to_string()) {
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
