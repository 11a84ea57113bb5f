use std::time::Duration;

use contracts::{Compression, FileKind, Format, LoadRequest, ObjectRef, Resolution, ResolveRequest};
use pipeline::{Captures, Dataset, Definition, FindError, KeyMatch, Start};

use crate::{Found, Library, ResolveError};

/// The only status of a trigger that leads to a load.
const SUCCEEDED: &str = "Succeeded";

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

/// Which dataset a file belongs to, and what that makes of it. Looks at nothing but its arguments.
pub fn plan<'a>(
    library: &'a Library,
    landing_bucket: &str,
    request: &ResolveRequest,
) -> Result<Plan<'a>, ResolveError> {
    let object = &request.object;
    if matches!(request.file, FileKind::Ignored { .. }) {
        return Err(ResolveError::Ignored { object: Box::new(object.clone()) });
    }
    match find(library, landing_bucket, object)? {
        KeyMatch::SourceOfTriggered { definition, dataset } => Ok(Plan::Done(ignored(definition, dataset))),
        KeyMatch::Source { definition, dataset, captures } => {
            let lookup = Lookup::new(library, request, definition, dataset, captures, object.clone())?;
            if is_complete(object) { Ok(Plan::Done(lookup.load(None)?)) } else { Ok(Plan::Look(lookup)) }
        }
        KeyMatch::Trigger { definition, dataset, captures } => {
            check_status(object, &captures)?;
            let source = announced(landing_bucket, object, dataset, &captures)?;
            let lookup = Lookup::new(library, request, definition, dataset, captures, source)?;
            let awaited_by = AwaitedBy { trigger: object.clone(), wait: wait(dataset), waited_s: request.waited_s };
            Ok(Plan::Look(Lookup { trigger: Some(awaited_by), ..lookup }))
        }
    }
}

fn find<'a>(library: &'a Library, landing_bucket: &str, object: &ObjectRef) -> Result<KeyMatch<'a>, ResolveError> {
    let nearest = match library.find(landing_bucket, object) {
        Ok(found) => return Ok(found),
        Err(FindError::NoMatch(no_match)) => no_match.nearest,
        Err(FindError::Ambiguous { first, second, .. }) => {
            let reason = format!("{second} has this key too");
            return Err(ResolveError::InvalidDefinition { object: Box::new(object.clone()), dataset: first, reason });
        }
    };
    let object = Box::new(object.clone());
    if library.broken.is_empty() {
        Err(ResolveError::NoDataset { object, nearest })
    } else {
        Err(ResolveError::BrokenDefinitions { object, broken: library.broken.clone() })
    }
}

fn ignored(definition: &Definition, dataset: &Dataset) -> Resolution {
    let reason = match &dataset.start {
        Start::Source => "its dataset does not start on it".to_owned(),
        Start::Trigger { trigger, .. } => format!("its dataset starts on its trigger {trigger}, not on the data file"),
    };
    Resolution::Ignored { pipeline: definition.pipeline.clone(), dataset: dataset.name.clone(), reason }
}

/// Whether the event tells all that a load needs. Others, such as CloudTrail's, lack the etag that pins the bytes.
fn is_complete(object: &ObjectRef) -> bool {
    object.etag.is_some() && object.size_bytes.is_some() && object.event_time.is_some()
}

fn check_status(trigger: &ObjectRef, captures: &Captures) -> Result<(), ResolveError> {
    match captures.text("status") {
        Some(status) if status != SUCCEEDED => {
            Err(ResolveError::UpstreamFailed { trigger: Box::new(trigger.clone()), status: status.to_owned() })
        }
        _ => Ok(()),
    }
}

/// The data file that a trigger's name tells of.
fn announced(
    landing_bucket: &str,
    trigger: &ObjectRef,
    dataset: &Dataset,
    captures: &Captures,
) -> Result<ObjectRef, ResolveError> {
    let key = dataset.source.template.build(captures).map_err(|error| ResolveError::InvalidDefinition {
        object: Box::new(trigger.clone()),
        dataset: dataset.name.clone(),
        reason: error.to_string(),
    })?;
    Ok(ObjectRef::new(dataset.source.bucket.as_deref().unwrap_or(landing_bucket), key))
}

fn wait(dataset: &Dataset) -> Duration {
    match dataset.start {
        Start::Trigger { wait, .. } => wait,
        Start::Source => Duration::ZERO,
    }
}

impl<'a> Lookup<'a> {
    fn new(
        library: &Library,
        request: &ResolveRequest,
        definition: &'a Definition,
        dataset: &'a Dataset,
        captures: Captures,
        source: ObjectRef,
    ) -> Result<Self, ResolveError> {
        let (format, compression) = data_format(&source)?;
        let (text, execution) = (library.text(definition), request.execution.clone());
        Ok(Self { source, definition, dataset, captures, format, compression, text, execution, trigger: None })
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
        let told = self.captures.logical_time().map(|local| self.definition.instant(local));
        let announced_at = self.trigger.and_then(|awaited_by| awaited_by.trigger.event_time);
        let Some(logical_at) = told.or(announced_at).or(object.event_time) else {
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

fn data_format(source: &ObjectRef) -> Result<(Format, Compression), ResolveError> {
    match FileKind::of_key(&source.key) {
        Ok(FileKind::Data { format, compression }) => Ok((format, compression)),
        Ok(FileKind::Trigger {} | FileKind::Ignored { .. }) => {
            Err(ResolveError::NotData { object: Box::new(source.clone()) })
        }
        Err(error) => Err(ResolveError::UnsupportedFormat { object: Box::new(source.clone()), source: error }),
    }
}
