use std::time::Duration;

use chrono::{DateTime, Utc};
use definitions::Definitions;
use pipeline::{Captures, DataFile, Dataset, DatasetMatch, Definition, KeyBucket, KeyDecision, KeyFailure, KeyRole};
use protocol::{Compression, FileKind, Format, LoadRequest, ObjectRef, Reload, Resolution, ResolveRequest};

use crate::error::ResolveError;
use crate::head::ObjectHead;

/// The longest pause between two lookups of a late data file.
const PAUSE_S_MAX: u64 = 60;

/// The result of [`resolve_key`].
#[derive(Debug)]
pub enum KeyResolution<'a> {
    Final(Resolution),
    /// Look up the object in S3, then call [`SourceLookup::resolve`].
    NeedsLookup(SourceLookup<'a>),
}

/// A load request that lacks the metadata of its object.
#[derive(Debug)]
pub struct SourceLookup<'a> {
    /// The object to look up.
    pub source: ObjectRef,
    definition: &'a Definition,
    dataset: &'a Dataset,
    captures: Captures,
    /// From the key, or from the trigger's key.
    logical_at: Option<DateTime<Utc>>,
    repairs: Option<i64>,
    reload: Option<Reload>,
    format: Format,
    compression: Compression,
    text: String,
    execution: Option<String>,
    trigger: Option<AwaitingTrigger>,
}

/// The trigger that announced the source.
#[derive(Debug)]
struct AwaitingTrigger {
    trigger: ObjectRef,
    /// How long to wait for the source.
    wait: Duration,
    /// How long the state machine has already waited.
    waited_s: u64,
}

/// Returns the resolution of a file that `CheckFileExtension` ignores. It needs no definition.
pub fn resolve_ignored(file: &FileKind) -> Option<Resolution> {
    match file {
        FileKind::Ignored { reason } => Some(ignored(None, reason.clone())),
        FileKind::Data { .. } | FileKind::Trigger {} | FileKind::Undecided {} => None,
    }
}

/// Resolves a file by its key and event. Pure.
pub fn resolve_key<'a>(
    definitions: &'a Definitions,
    landing_bucket: &str,
    request: &ResolveRequest,
) -> Result<KeyResolution<'a>, ResolveError> {
    let object = &request.object;
    let bucket = KeyBucket::of(&object.bucket, landing_bucket);
    let decision = match request.reload {
        Some(_) => definitions.catalog.decide_reload(bucket, &object.key),
        None => definitions.catalog.decide(bucket, &object.key),
    };
    match decision {
        // An invalid definition may have a dataset for this key.
        KeyDecision::Ignore { matched: None, .. }
        | KeyDecision::Fail { failure: KeyFailure::NoDataset { .. }, .. }
        | KeyDecision::Fail { matched: None, failure: KeyFailure::Unsupported(_) }
            if !definitions.invalid.is_empty() =>
        {
            Err(ResolveError::InvalidDefinitions {
                object: Box::new(object.clone()),
                invalid: definitions.invalid.clone(),
            })
        }
        KeyDecision::Ignore { matched, reason } => Ok(KeyResolution::Final(ignored(matched, reason))),
        KeyDecision::Load { matched, file } => {
            let lookup = SourceLookup::new(definitions, landing_bucket, request, matched, file);
            let is_known = lookup.trigger.is_none() && is_complete(object);
            if is_known { Ok(KeyResolution::Final(lookup.load(None)?)) } else { Ok(KeyResolution::NeedsLookup(lookup)) }
        }
        KeyDecision::Fail { failure, .. } => Err(ResolveError::Key { object: Box::new(object.clone()), failure }),
    }
}

fn ignored(matched: Option<DatasetMatch<'_>>, reason: String) -> Resolution {
    let names = matched.map(|matched| (matched.definition.pipeline.clone(), matched.dataset.name.clone()));
    let (pipeline, dataset) = names.unzip();
    Resolution::Ignored { pipeline, dataset, reason }
}

/// Returns true if the event has everything that a load needs. Events of CloudTrail, for example, lack the etag.
fn is_complete(object: &ObjectRef) -> bool {
    object.etag.is_some() && object.size_bytes.is_some() && object.event_time.is_some()
}

impl<'a> SourceLookup<'a> {
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
        let object = &request.object;
        let awaiting = |wait| AwaitingTrigger { trigger: object.clone(), wait, waited_s: request.waited_s };
        Self {
            source: if role == KeyRole::Trigger {
                ObjectRef::new(bucket.unwrap_or_else(|| landing_bucket.to_owned()), key)
            } else {
                object.clone()
            },
            definition,
            dataset,
            captures,
            logical_at,
            repairs,
            reload: request.reload.clone(),
            format,
            compression,
            text: definitions.text(definition).to_owned(),
            execution: request.execution.clone(),
            trigger: wait.map(awaiting),
        }
    }

    /// Resolves the file by the metadata of its object; `None` for an object that does not exist.
    pub fn resolve(self, head: Option<ObjectHead>) -> Result<Resolution, ResolveError> {
        match head {
            Some(head) => self.load(Some(head)),
            None => self.missing(),
        }
    }

    fn missing(self) -> Result<Resolution, ResolveError> {
        let Some(AwaitingTrigger { trigger, wait, waited_s }) = self.trigger else {
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
        // Half of the time waited so far: short at first, when the file is most likely to arrive.
        let pause_s = (waited_s / 2).clamp(1, PAUSE_S_MAX).min(left_s);
        Ok(Resolution::Wait {
            pipeline: self.definition.pipeline.clone(),
            dataset: self.dataset.name.clone(),
            source: self.source,
            pause_s,
            waited_s: waited_s + pause_s,
        })
    }

    fn load(self, head: Option<ObjectHead>) -> Result<Resolution, ResolveError> {
        let object = complete(self.source, head);
        if object.size_bytes == Some(0) {
            return Err(ResolveError::EmptyFile { object: object.into() });
        }
        let instant = |name: &str| self.captures.time(name).map(|local| self.definition.instant(local));
        let announced_at = self.trigger.and_then(|awaiting| awaiting.trigger.event_time);
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
                scheduled_at: instant("scheduled").or_else(|| self.reload.as_ref()?.scheduled_at),
                actual_at: instant("actual").or_else(|| self.reload.as_ref()?.actual_at),
                definition: self.text,
                definition_hash: self.definition.hash.clone(),
                notify_success: self.definition.notify_success,
                repairs: self.repairs,
                reloads: self.reload.map(|reload| reload.load_id),
            },
        })
    }
}

/// Completes the fields of an event with those of S3. The fields of the event count first: they pin the version.
fn complete(object: ObjectRef, head: Option<ObjectHead>) -> ObjectRef {
    let Some(head) = head else { return object };
    // With another etag, the event is about another version than the one in S3.
    let is_same = object.etag.is_none() || object.etag == head.etag;
    ObjectRef {
        version_id: object.version_id.or(head.version_id.filter(|_| is_same)),
        etag: object.etag.or(head.etag),
        size_bytes: object.size_bytes.or(head.size_bytes),
        event_time: object.event_time.or(head.last_modified),
        ..object
    }
}
