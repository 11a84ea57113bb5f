//! What the machine is told: bounded, and honest about what the bound leaves out.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use protocol::{MissedFile, ObjectRef, Reconciliation};
use reconciliation::{Judged, Trace};
use sha2::{Digest, Sha256};

use crate::limits::{ANSWER_BYTES_MAX, MISSED_MAX};

/// What of an execution's name is the version's; the rest says which try it is.
const DIGEST_BYTES: usize = 16;

/// The oldest are told first: they are the first to fall out of the window.
pub fn answer(bucket: &str, since: DateTime<Utc>, judged: &[Judged], mut startable: Vec<&Judged>) -> Reconciliation {
    startable.sort_by_key(|it| it.listed.object.event_time);
    let files = startable.iter().map(|it| missed(it));
    let mut bytes = 0;
    let fits = |file: &MissedFile| {
        bytes += serde_json::to_vec(file).map_or(ANSWER_BYTES_MAX, |json| json.len());
        bytes <= ANSWER_BYTES_MAX
    };
    let told: Vec<MissedFile> = files.take(MISSED_MAX).take_while(fits).collect();
    let left = startable.len() - told.len();
    Reconciliation { bucket: bucket.to_owned(), since, missed: told, left, standings: standings(judged) }
}

fn missed(judged: &Judged) -> MissedFile {
    let object = &judged.listed.object;
    MissedFile {
        name: execution_name(object, judged.executions),
        object: event(object, judged.trace.as_ref()),
        reason: judged.standing.words().to_owned(),
    }
}

/// As S3 lists the version, with what only its event told.
fn event(listed: &ObjectRef, trace: Option<&Trace>) -> ObjectRef {
    let Some(Trace { object, .. }) = trace else { return listed.clone() };
    ObjectRef {
        sequencer: object.sequencer.clone(),
        event_time: object.event_time.or(listed.event_time),
        event_id: object.event_id.clone(),
        ..listed.clone()
    }
}

/// One for each version and each time that it is started: whoever finds the same missed, at once or after a lost answer,
/// takes the same name, and Step Functions starts a name once. With every execution that came to nothing it is another.
///
/// At most 80 characters, of those that CloudWatch can log.
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>
pub fn execution_name(object: &ObjectRef, executions: usize) -> String {
    let mut hash = Sha256::new_with_prefix("penstock reconcile");
    let written = object.event_time.filter(|_| object.version_id.is_none()).map(|time| time.to_rfc3339());
    let version = [object.version_id.as_ref(), object.etag.as_ref(), written.as_ref()];
    for part in [Some(&object.bucket), Some(&object.key)].into_iter().chain(version) {
        // None of them can hold this byte.
        hash.update(b"\xff");
        hash.update(part.map_or("", String::as_str));
    }
    let hex: String = hash.finalize().iter().take(DIGEST_BYTES).map(|byte| format!("{byte:02x}")).collect();
    format!("reconcile-{hex}-{}", executions + 1)
}

fn standings(judged: &[Judged]) -> BTreeMap<String, usize> {
    let mut standings = BTreeMap::new();
    for it in judged {
        *standings.entry(it.standing.words().to_owned()).or_default() += 1;
    }
    standings
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use protocol::PAYLOAD_BYTES_MAX;
    use reconciliation::{Listed, Standing};

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

    fn judged(object: ObjectRef) -> Judged {
        let listed = Listed { object, is_latest: true };
        Judged { listed, standing: Standing::Missed, trace: None, executions: 0 }
    }

    fn answered(judged: &[Judged]) -> Reconciliation {
        answer("landing", DateTime::UNIX_EPOCH, judged, judged.iter().collect())
    }

    #[test]
    fn the_answer_is_bounded_and_counts_what_it_leaves_out() {
        fn check(key: impl Fn(usize) -> String, count: usize, told: usize) {
            let all: Vec<Judged> = (0..count).map(|n| judged(object(&key(n)))).collect();
            let answer = answered(&all);
            assert_eq!((answer.missed.len(), answer.left), (told, count - told));
            let bytes = serde_json::to_vec(&answer).unwrap().len();
            assert!(bytes < PAYLOAD_BYTES_MAX / 2, "{bytes} bytes");
        }
        check(|n| format!("{n}.csv"), 0, 0);
        check(|n| format!("{n}.csv"), MISSED_MAX, MISSED_MAX);
        check(|n| format!("{n}.csv"), MISSED_MAX + 1, MISSED_MAX);
        check(|n| format!("{n}.csv"), 100 * MISSED_MAX, MISSED_MAX);
        // The longest keys, of characters that JSON writes as six: a file still goes with each turn.
        check(|n| format!("{}{n:04}", "\u{1}".repeat(1020)), 100, 10);
    }

    #[test]
    fn the_oldest_are_told_first() {
        let age = |key: &str, hours| {
            let object = object(key);
            judged(ObjectRef { event_time: object.event_time.map(|time| time - TimeDelta::hours(hours)), ..object })
        };
        let answer = answered(&[age("a", 1), age("b", 3), age("c", 2)]);
        let keys: Vec<&str> = answer.missed.iter().map(|file| file.object.key.as_str()).collect();
        assert_eq!(keys, ["b", "c", "a"]);
        assert_eq!(answer.standings, [(Standing::Missed.words().to_owned(), 3)].into());
    }

    #[test]
    fn a_name_is_the_versions_own_and_step_functions_takes_it() {
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
    fn the_event_keeps_what_only_an_event_tells() {
        let listed = object("a.csv");
        assert_eq!(event(&listed, None), listed);
        // As the events of a bucket whose versions nobody tells.
        let told = ObjectRef { version_id: None, sequencer: Some("0055AED6".to_owned()), ..listed.clone() };
        let trace = Trace { object: told, standing: Standing::Unnoticed, input: String::new() };
        let expected = ObjectRef { sequencer: Some("0055AED6".to_owned()), ..listed.clone() };
        assert_eq!(event(&listed, Some(&trace)), expected);
    }
}
