//! The response to the state machine: bounded, with a count of what it leaves out.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use protocol::{MissedFile, ObjectRef, Reconciliation};
use reconciliation::{FileExecution, FileVersion};
use sha2::{Digest, Sha256};

use crate::limits::{MISSED_MAX, RESPONSE_BYTES_MAX};

/// Bytes of the digest in an execution's name.
const DIGEST_BYTES: usize = 16;

/// Builds the response. The oldest files come first, because they leave the window first.
pub fn response(
    bucket: &str,
    since: DateTime<Utc>,
    versions: &[FileVersion],
    mut startable: Vec<&FileVersion>,
) -> Reconciliation {
    startable.sort_by_key(|it| it.listed.object.event_time);
    let files = startable.iter().map(|it| missed_file(it));
    let mut bytes = 0;
    let fits = |file: &MissedFile| {
        bytes += serde_json::to_vec(file).map_or(RESPONSE_BYTES_MAX, |json| json.len());
        bytes <= RESPONSE_BYTES_MAX
    };
    let missed: Vec<MissedFile> = files.take(MISSED_MAX).take_while(fits).collect();
    let left = startable.len() - missed.len();
    Reconciliation { bucket: bucket.to_owned(), since, missed, left, statuses: count_statuses(versions) }
}

fn missed_file(version: &FileVersion) -> MissedFile {
    let object = &version.listed.object;
    MissedFile {
        name: execution_name(object, version.executions),
        object: event(object, version.execution.as_ref()),
        reason: version.status.description().to_owned(),
    }
}

/// Returns the object as S3 lists it, with the fields that only its event has.
fn event(listed: &ObjectRef, execution: Option<&FileExecution>) -> ObjectRef {
    let Some(FileExecution { object, .. }) = execution else { return listed.clone() };
    ObjectRef {
        sequencer: object.sequencer.clone(),
        event_time: object.event_time.or(listed.event_time),
        event_id: object.event_id.clone(),
        ..listed.clone()
    }
}

/// Returns the name of the next execution of a version, given the number of its earlier executions.
///
/// Two reconcilers that find the same missed version compute the same name, and Step Functions starts a name once.
/// The name has at most 80 characters, of those that CloudWatch can log.
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>
pub fn execution_name(object: &ObjectRef, executions: usize) -> String {
    let mut hash = Sha256::new_with_prefix("penstock reconcile");
    let written = object.event_time.filter(|_| object.version_id.is_none()).map(|time| time.to_rfc3339());
    let version = [object.version_id.as_ref(), object.etag.as_ref(), written.as_ref()];
    for part in [Some(&object.bucket), Some(&object.key)].into_iter().chain(version) {
        // No part contains this byte, so different parts never give the same text.
        hash.update(b"\xff");
        hash.update(part.map_or("", String::as_str));
    }
    let hex: String = hash.finalize().iter().take(DIGEST_BYTES).map(|byte| format!("{byte:02x}")).collect();
    format!("reconcile-{hex}-{}", executions + 1)
}

fn count_statuses(versions: &[FileVersion]) -> BTreeMap<String, usize> {
    let mut statuses = BTreeMap::new();
    for it in versions {
        *statuses.entry(it.status.description().to_owned()).or_default() += 1;
    }
    statuses
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use protocol::PAYLOAD_BYTES_MAX;
    use reconciliation::{FileStatus, ListedVersion};

    use super::*;

    fn object(key: &str) -> ObjectRef {
        ObjectRef {
            version_id: Some("3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY".to_owned()),
            etag: Some("d41d8cd98f00b204e9800998ecf8427e".to_owned()),
            size_bytes: Some(42),
            event_time: Some("2024-05-01T06:07:08Z".parse().unwrap()),
            ..ObjectRef::new("landing", key)
        }
    }

    fn missed(object: ObjectRef) -> FileVersion {
        let listed = ListedVersion { object, is_latest: true };
        FileVersion { listed, status: FileStatus::Missed, execution: None, executions: 0 }
    }

    fn response_of(versions: &[FileVersion]) -> Reconciliation {
        response("landing", DateTime::UNIX_EPOCH, versions, versions.iter().collect())
    }

    #[test]
    fn response_is_bounded_and_counts_the_rest() {
        fn check(key: impl Fn(usize) -> String, count: usize, expected: usize) {
            let versions: Vec<FileVersion> = (0..count).map(|n| missed(object(&key(n)))).collect();
            let response = response_of(&versions);
            assert_eq!((response.missed.len(), response.left), (expected, count - expected));
            let bytes = serde_json::to_vec(&response).unwrap().len();
            assert!(bytes < PAYLOAD_BYTES_MAX / 2, "{bytes} bytes");
        }
        check(|n| format!("{n}.csv"), 0, 0);
        check(|n| format!("{n}.csv"), MISSED_MAX, MISSED_MAX);
        check(|n| format!("{n}.csv"), MISSED_MAX + 1, MISSED_MAX);
        check(|n| format!("{n}.csv"), 100 * MISSED_MAX, MISSED_MAX);
        // The longest keys, of characters that take six bytes each in JSON.
        check(|n| format!("{}{n:04}", "\u{1}".repeat(1020)), 100, 10);
    }

    #[test]
    fn oldest_files_come_first() {
        let age = |key: &str, hours| {
            let object = object(key);
            missed(ObjectRef { event_time: object.event_time.map(|time| time - TimeDelta::hours(hours)), ..object })
        };
        let response = response_of(&[age("a", 1), age("b", 3), age("c", 2)]);
        let keys: Vec<&str> = response.missed.iter().map(|file| file.object.key.as_str()).collect();
        assert_eq!(keys, ["b", "c", "a"]);
        assert_eq!(response.statuses, [(FileStatus::Missed.description().to_owned(), 3)].into());
    }

    #[test]
    fn execution_name_is_unique_per_version_and_valid() {
        let one = object("raw_data/a b+é%\"*?.csv");
        let name = execution_name(&one, 0);
        assert_eq!(execution_name(&one, 0), name);
        let longest = execution_name(&object(&"é".repeat(512)), 90 * 24);
        for name in [&name, &longest] {
            assert!(name.len() <= 80 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{name}");
        }
        let without_version = ObjectRef { version_id: None, ..one.clone() };
        let written_again =
            ObjectRef { event_time: Some("2024-05-02T00:00:00Z".parse().unwrap()), ..without_version.clone() };
        let others = [
            execution_name(&one, 1),
            execution_name(&object("other.csv"), 0),
            execution_name(&ObjectRef { bucket: "other".to_owned(), ..one.clone() }, 0),
            execution_name(&ObjectRef { version_id: Some("v2".to_owned()), ..one.clone() }, 0),
            execution_name(&without_version, 0),
            execution_name(&written_again, 0),
        ];
        let mut distinct = others.to_vec();
        distinct.push(name);
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), others.len() + 1, "{others:?}");
    }

    #[test]
    fn started_event_has_the_sequencer_of_the_first() {
        let listed = object("a.csv");
        assert_eq!(event(&listed, None), listed);
        // An event of a bucket without versioning has no version id.
        let from_event = ObjectRef { version_id: None, sequencer: Some("0055AED6".to_owned()), ..listed.clone() };
        let execution = FileExecution { object: from_event, status: FileStatus::Unnoticed, input: String::new() };
        let expected = ObjectRef { sequencer: Some("0055AED6".to_owned()), ..listed.clone() };
        assert_eq!(event(&listed, Some(&execution)), expected);
    }
}
