//! The failures of files and runs, as `penstock.failure` stores them, and their remedies.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// Separates what happened from the remedy in the message of a failure.
pub const REMEDY_MARK: &str = "\nWhat to do: ";

/// The remedy of a failed file whose message has none, such as a timeout. `process-file` has the same text.
pub const FILE_REMEDY: &str = "find the failed state in the history of this execution, read the log of its function, \
                               remove the cause, then run `penstock replay --key KEY`";

/// The remedy of a failed run whose message has none. `run-pipeline` has the same text.
pub const RUN_REMEDY: &str = "find the failed state in the history of this execution, read the log of its function, \
                              remove the cause, then run `penstock rerun RUN`";

/// The kind of what failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureKind {
    File,
    Run,
}

impl FailureKind {
    /// Returns the text in `penstock.failure.kind`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Run => "run",
        }
    }
}

/// The payload of `RecordFailure` and `RecordRunFailure`. A file without an object had an unrecognized event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnrecordedFailure {
    pub kind: FailureKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// The failure name.
    pub name: String,
    /// Reason and remedy, separated by [`REMEDY_MARK`].
    pub message: String,
}

/// The answer of `RecordFailure`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedFailure {
    /// The remedy with the key of the file in its commands.
    pub what_to_do: String,
}

/// Splits the message of a failure into what happened and the remedy.
pub fn split_message(message: &str) -> (&str, Option<&str>) {
    match message.split_once(REMEDY_MARK) {
        Some((reason, remedy)) => (reason, Some(remedy)),
        None => (message, None),
    }
}

/// Writes the key of a file into the commands of a remedy.
pub fn file_remedy(remedy: Option<&str>, key: Option<&str>) -> String {
    let remedy = remedy.unwrap_or(FILE_REMEDY);
    match key {
        Some(key) => remedy.replace("--key KEY", &format!("--key {}", shell_word(key))),
        None => remedy.to_owned(),
    }
}

/// Writes pipeline, period and number of a run into the commands of a remedy.
pub fn run_remedy(remedy: Option<&str>, pipeline: &str, logical_at: DateTime<Utc>, run_id: i64) -> String {
    let date = logical_at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let of_the_period = format!("{} --date {date}", shell_word(pipeline));
    let remedy = remedy.unwrap_or(RUN_REMEDY).replace("PIPELINE --date DATE", &of_the_period);
    pipeline_remedy(Some(&remedy), Some(pipeline)).replace("rerun RUN", &format!("rerun {run_id}"))
}

/// Writes the pipeline of a run that could not be opened into the commands of a remedy.
pub fn pipeline_remedy(remedy: Option<&str>, pipeline: Option<&str>) -> String {
    let remedy = remedy.unwrap_or(RUN_REMEDY);
    match pipeline {
        Some(pipeline) => {
            let pipeline = shell_word(pipeline);
            let remedy = remedy.replace("--pipeline PIPELINE", &format!("--pipeline {pipeline}"));
            remedy.replace("run PIPELINE --date", &format!("run {pipeline} --date"))
        }
        None => remedy.to_owned(),
    }
}

/// Quotes a word for a shell, if it needs quotes.
fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/_.=+:@%,-".contains(c);
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_splits_at_its_remedy() {
        assert_eq!(split_message("a: b\nWhat to do: c"), ("a: b", Some("c")));
        assert_eq!(split_message("a: b"), ("a: b", None));
    }

    #[test]
    fn remedy_names_the_key_of_the_file() {
        let check = |key: Option<&str>, expected: &str| {
            assert_eq!(file_remedy(Some("mend it, then run `penstock replay --key KEY`"), key), expected);
        };
        check(Some("raw/a.csv"), "mend it, then run `penstock replay --key raw/a.csv`");
        check(Some("raw/it's a.csv"), r"mend it, then run `penstock replay --key 'raw/it'\''s a.csv'`");
        check(Some("$(rm -r x)"), "mend it, then run `penstock replay --key '$(rm -r x)'`");
        check(None, "mend it, then run `penstock replay --key KEY`");
        assert!(file_remedy(None, Some("a.csv")).ends_with("`penstock replay --key a.csv`"));
    }

    #[test]
    fn remedy_names_the_period_of_the_run() {
        let at = "2024-05-01T09:00:00Z".parse().unwrap();
        let remedy = "correct it, then run `penstock run PIPELINE --date DATE --force`";
        assert_eq!(
            run_remedy(Some(remedy), "retail", at, 7),
            "correct it, then run `penstock run retail --date 2024-05-01T09:00:00Z --force`"
        );
        assert_eq!(run_remedy(Some("run `penstock rerun RUN`"), "retail", at, 7), "run `penstock rerun 7`");
        assert!(run_remedy(None, "retail", at, 7).ends_with("`penstock rerun 7`"));
    }
}
