use std::time::Duration;

use chrono::{DateTime, Utc};
use definitions::Definitions;
use pipeline::{Captures, DataFile, Dataset, DatasetMatch, Definition, KeyBucket, KeyDecision, KeyFailure, KeyRole};
use protocol::{Compression, FileKind, Format, LoadRequest, ObjectRef, Resolution, ResolveRequest};

use crate::error::ResolveError;
use crate::head::Found;

/// The longest pause between two looks for a data file that is late.
const PAUSE_S_MAX: u64 = 60;

/// What to do about a file, as far as names alone tell.
#[derive(Debug)]
pub enum Plan<'a> {
    Done(Resolution),
    /// Look at S3 for this object, then [`Lookup::decide`].
    Look(Lookup<'a>),
}

/// A load that lacks only what S3 knows of its object.
#[derive(Debug)]
pub struct Lookup<'a> {
    pub source: ObjectRef,
    definition: &'a Definition,
    dataset: &'a Dataset,
    captures: Captures,
    /// As far as the key tells it.
    logical_at: Option<DateTime<Utc>>,
    repairs: Option<i64>,
    format: Format,
    compression: Compression,
    text: String,
    execution: Option<String>,
    trigger: Option<AwaitedBy>,
}

/// The trigger that announced the source, and how long the wait for it may last and has lasted.
#[derive(Debug)]
struct AwaitedBy {
    trigger: ObjectRef,
    wait: Duration,
    waited_s: u64,
}

/// Returns the answer for a file that `CheckFileExtension` ignores. It needs no definition.
pub fn ignored_kind(file: &FileKind) -> Option<Resolution> {
    match file {
        FileKind::Ignored { reason } => Some(ignored(None, reason.clone())),
        FileKind::Data { .. } | FileKind::Trigger {} => None,
    }
}

/// Which dataset a file belongs to, and what that makes of it. Looks at nothing but its arguments.
pub fn plan<'a>(
    definitions: &'a Definitions,
    landing_bucket: &str,
    request: &ResolveRequest,
) -> Result<Plan<'a>, ResolveError> {
    let object = &request.object;
    match definitions.catalog.decide(KeyBucket::of(&object.bucket, landing_bucket), &object.key) {
        // A definition that is broken may be the one that the key belongs to.
        KeyDecision::Ignore { matched: None, .. } | KeyDecision::Fail { failure: KeyFailure::NoDataset { .. }, .. }
            if !definitions.invalid.is_empty() =>
        {
            Err(ResolveError::BrokenDefinitions {
                object: Box::new(object.clone()),
                broken: definitions.invalid.clone(),
            })
        }
        KeyDecision::Ignore { matched, reason } => Ok(Plan::Done(ignored(matched, reason))),
        KeyDecision::Load { matched, file } => {
            let lookup = Lookup::new(definitions, landing_bucket, request, matched, file);
            let is_known = lookup.trigger.is_none() && is_complete(object);
            if is_known { Ok(Plan::Done(lookup.load(None)?)) } else { Ok(Plan::Look(lookup)) }
        }
        KeyDecision::Fail { failure, .. } => Err(ResolveError::Refused { object: Box::new(object.clone()), failure }),
    }
}

fn ignored(matched: Option<DatasetMatch<'_>>, reason: String) -> Resolution {
    let names = matched.map(|matched| (matched.definition.pipeline.clone(), matched.dataset.name.clone()));
    let (pipeline, dataset) = names.unzip();
    Resolution::Ignored { pipeline, dataset, reason }
}

/// Whether the event tells all that a load needs. Others, such as CloudTrail's, lack the etag that pins the bytes.
fn is_complete(object: &ObjectRef) -> bool {
    object.etag.is_some() && object.size_bytes.is_some() && object.event_time.is_some()
}

impl<'a> Lookup<'a> {
    fn new(
        definitions: &Definitions,
        landing_bucket: &str,
        request: &ResolveRequest,
        matched: DatasetMatch<'a>,
        file: DataFile,
    ) -> Self {
        let (logical_at, repairs) = (matched.logical_at(), matched.repairs());
        let DatasetMatch { definition, dataset, role, captures } = matched;
        let DataFile { bucket, key, format, compression, wait } = file;
        let told = &request.object;
        let awaited_by = |wait| AwaitedBy { trigger: told.clone(), wait, waited_s: request.waited_s };
        Self {
            source: if role == KeyRole::Trigger {
                ObjectRef::new(bucket.unwrap_or_else(|| landing_bucket.to_owned()), key)
            } else {
                told.clone()
            },
            definition,
            dataset,
            captures,
            logical_at,
            repairs,
            format,
            compression,
            text: definitions.text(definition).to_owned(),
            execution: request.execution.clone(),
            trigger: wait.map(awaited_by),
        }
    }

    /// What S3 says of the object decides. None means that it is not there.
    pub fn decide(self, found: Option<Found>) -> Result<Resolution, ResolveError> {
        match found {
            Some(found) => self.load(Some(found)),
            None => self.missing(),
        }
    }

    fn missing(self) -> Result<Resolution, ResolveError> {
        let Some(AwaitedBy { trigger, wait, waited_s }) = self.trigger else {
            return Err(ResolveError::ObjectMissing { object: Box::new(self.source) });
        };
        let left_s = wait.as_secs().saturating_sub(waited_s);
        if left_s == 0 {
            return Err(ResolveError::SourceMissing {
                source_object: self.source.into(),
                trigger: trigger.into(),
                waited_s,
            });
        }
        // Half of what was waited for already: quick while the file is most likely to come, patient later.
        let pause_s = (waited_s / 2).clamp(1, PAUSE_S_MAX).min(left_s);
        Ok(Resolution::Wait {
            pipeline: self.definition.pipeline.clone(),
            dataset: self.dataset.name.clone(),
            source: self.source,
            pause_s,
            waited_s: waited_s + pause_s,
        })
    }

    fn load(self, found: Option<Found>) -> Result<Resolution, ResolveError> {
        let object = completed(self.source, found);
        if object.size_bytes == Some(0) {
            return Err(ResolveError::EmptyFile { object: object.into() });
        }
        let instant = |name: &str| self.captures.time(name).map(|local| self.definition.instant(local));
        let announced_at = self.trigger.and_then(|awaited_by| awaited_by.trigger.event_time);
        let Some(logical_at) = self.logical_at.or(announced_at).or(object.event_time) else {
            return Err(ResolveError::Undated { object: object.into() });
        };
        Ok(Resolution::Load {
            load: LoadRequest {
                execution: self.execution,
                pipeline: self.definition.pipeline.clone(),
                dataset: self.dataset.name.clone(),
                object,
                format: self.format,
                compression: self.compression,
                logical_at,
                scheduled_at: instant("scheduled"),
                actual_at: instant("actual"),
                definition: self.text,
                definition_hash: self.definition.hash.clone(),
                notify_success: self.definition.notify_success,
                repairs: self.repairs,
            },
        })
    }
}

/// The event pins the version: what it tells stands, and S3 fills in what it leaves open.
fn completed(told: ObjectRef, found: Option<Found>) -> ObjectRef {
    let Some(found) = found else { return told };
    // An event that tells another etag speaks of other bytes: the version that is there now is not its.
    let is_same = told.etag.is_none() || told.etag == found.etag;
    ObjectRef {
        version_id: told.version_id.or(found.version_id.filter(|_| is_same)),
        etag: told.etag.or(found.etag),
        size_bytes: told.size_bytes.or(found.size_bytes),
        event_time: told.event_time.or(found.last_modified),
        ..told
    }
}
