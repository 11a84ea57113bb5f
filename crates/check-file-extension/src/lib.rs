//! The function behind `CheckFileExtension`: decodes the event, and determines the kind of the file by key and size.

use protocol::{CheckedFile, Event, Failure, FailureName, FileKind, InvalidEvent, ObjectRef, requested_reload};
use serde_json::Value;

#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    #[error(transparent)]
    Event(#[from] InvalidEvent),
    #[error("{object} is empty: it has 0 bytes")]
    EmptyFile { object: Box<ObjectRef> },
}

impl Failure for CheckError {
    fn name(&self) -> FailureName {
        match self {
            Self::Event(_) => FailureName::InvalidEvent,
            Self::EmptyFile { .. } => FailureName::EmptyFile,
        }
    }
}

/// Returns the object of an event and the kind of its file.
pub fn check(event: &Value) -> Result<CheckedFile, CheckError> {
    match Event::decode(event)? {
        Event::Test { bucket } => {
            let reason = format!("test event of S3: notifications of bucket {bucket} are enabled");
            Ok(CheckedFile { object: ObjectRef::new(bucket, ""), file: FileKind::Ignored { reason }, reload: None })
        }
        Event::ObjectCreated(object) => {
            Ok(CheckedFile { file: classify(&object)?, object, reload: requested_reload(event)? })
        }
    }
}

/// Returns the kind of a file by its name. A data file must have bytes; a trigger may be empty.
///
/// A name that shows no kind, or one to ignore, is undecided: a definition may name it. If the event has no size, the
/// loader checks it.
pub fn classify(object: &ObjectRef) -> Result<FileKind, CheckError> {
    match (FileKind::of_key(&object.key), object.size_bytes) {
        (Ok(FileKind::Data { .. }), Some(0)) => Err(CheckError::EmptyFile { object: Box::new(object.clone()) }),
        (Ok(FileKind::Ignored { .. }), _) if !FileKind::is_folder_marker(&object.key) => Ok(FileKind::Undecided {}),
        (Ok(kind), _) => Ok(kind),
        (Err(_), _) => Ok(FileKind::Undecided {}),
    }
}

#[cfg(test)]
mod tests {
    use protocol::{Compression, Format};
    use serde_json::json;

    use super::*;

    fn check_one(key: &str, size_bytes: Option<u64>, expected: &Result<FileKind, FailureName>) {
        let object = ObjectRef { size_bytes, ..ObjectRef::new("landing", key) };
        let found = classify(&object).map_err(|error| error.name());
        assert_eq!(&found, expected, "{key:?} of {size_bytes:?} bytes");
    }

    #[test]
    fn empty_data_file_is_an_error() {
        let csv = FileKind::Data { format: Format::Csv, compression: Compression::None };
        let gzipped = FileKind::Data { format: Format::Jsonl, compression: Compression::Gzip };
        check_one("a.csv", Some(1), &Ok(csv.clone()));
        check_one("a.csv", None, &Ok(csv));
        check_one("a.csv", Some(0), &Err(FailureName::EmptyFile));
        check_one("A.JSONL.GZ", Some(20), &Ok(gzipped));
        check_one("a.jsonl.gz", Some(0), &Err(FailureName::EmptyFile));
        check_one("a.trig", Some(0), &Ok(FileKind::Trigger {}));
        check_one("a.trig", Some(12), &Ok(FileKind::Trigger {}));
        for undecided in ["a.pdf", "a.gz", "a", "_a.csv", ".a", "_temporary/a.csv"] {
            check_one(undecided, Some(9), &Ok(FileKind::Undecided {}));
            check_one(undecided, Some(0), &Ok(FileKind::Undecided {}));
        }
        check_one("folder/", Some(0), &Ok(FileKind::Ignored { reason: "a folder marker".to_owned() }));
    }

    #[test]
    fn event_is_accepted_with_and_without_envelope() {
        let bare = json!({"bucket": "landing", "key": "a.csv"});
        let wrapped = json!({"execution": "arn:aws:states:::execution", "event": bare});
        assert_eq!(check(&bare).unwrap(), check(&wrapped).unwrap());
    }

    #[test]
    fn reload_is_taken_from_the_bare_event() {
        let bare = json!({"bucket": "landing", "key": "a.csv", "reload": {"load_id": 5}});
        for event in [bare.clone(), json!({"execution": "arn:aws:states:::execution", "event": bare})] {
            let checked = check(&event).unwrap();
            assert_eq!(checked.object, ObjectRef::new("landing", "a.csv"));
            assert_eq!(checked.reload.map(|reload| reload.load_id), Some(5));
        }
        let unnamed = json!({"bucket": "landing", "key": "a.csv", "reload": {}});
        assert_eq!(check(&unnamed).unwrap_err().name(), FailureName::InvalidEvent);
    }

    #[test]
    fn s3_test_event_is_ignored() {
        let checked = check(&json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "landing"})).unwrap();
        assert_eq!(checked.object, ObjectRef::new("landing", ""));
        assert!(matches!(checked.file, FileKind::Ignored { reason } if reason.contains("landing")));
    }

    #[test]
    fn other_json_is_an_invalid_event() {
        assert_eq!(check(&json!({"hello": "world"})).unwrap_err().name(), FailureName::InvalidEvent);
        assert_eq!(check(&json!(7)).unwrap_err().name(), FailureName::InvalidEvent);
    }
}
