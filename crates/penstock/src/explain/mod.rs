//! `penstock explain`: what the rules make of a key, and of which keys a dataset is made.

mod expected;
mod explanation;
mod lines;
mod run_part;

#[cfg(test)]
mod tests;

use std::path::Path;

use pipeline::{Catalog, KeyBucket};
use protocol::FailureName;

use crate::local::Checked;
use crate::{Result, table};

pub(crate) use expected::At;
use expected::Expected;
use explanation::{Explanation, Outcome};

/// What `explain` is asked.
#[derive(Debug)]
pub(crate) enum Question {
    /// What a key would do. A bucket that is not named is the landing bucket.
    Key { key: String, bucket: Option<String>, landing_bucket: Option<String> },
    /// Which keys a dataset, named as `PIPELINE/DATASET`, has for a time.
    Dataset { dataset: String, at: At },
}

/// Prints the answer by the definitions at `path`. False when the key's file would fail.
pub(crate) fn explain(question: &Question, path: &Path, json: bool) -> Result<bool> {
    let catalog = Checked::read(path)?.into_catalog()?;
    match question {
        Question::Key { key, bucket, landing_bucket } => {
            let answer = explain_key(&catalog, key, bucket.as_deref(), landing_bucket.as_deref());
            print(&answer, &answer.lines(), json)?;
            Ok(!answer.is_failure())
        }
        Question::Dataset { dataset, at } => {
            let answer = Expected::of(&catalog, dataset, *at)?;
            print(&answer, &answer.lines(), json)?;
            Ok(true)
        }
    }
}

fn print(answer: &impl serde::Serialize, lines: &[String], json: bool) -> Result<()> {
    if json {
        return table::print_json(answer);
    }
    lines.iter().for_each(|line| table::say(line));
    Ok(())
}

/// A key without a bucket's name may bring it along, as `s3://BUCKET/KEY`.
fn explain_key(catalog: &Catalog, key: &str, bucket: Option<&str>, landing_bucket: Option<&str>) -> Explanation {
    let (bucket, key) = match (bucket, key.strip_prefix("s3://").and_then(|address| address.split_once('/'))) {
        (None, Some((bucket, key))) => (Some(bucket), key),
        _ => (bucket, key),
    };
    let bucket = match bucket.filter(|bucket| landing_bucket != Some(*bucket)) {
        Some(other) => KeyBucket::Other(other),
        None => KeyBucket::Landing(landing_bucket),
    };
    Explanation::of(catalog, bucket, key)
}

/// What the rules make of a key, for callers with words of their own.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The data file, which is the key itself or the one that it announces; no bucket is the landing bucket.
    Loads {
        pipeline: String,
        dataset: String,
        bucket: Option<String>,
        key: String,
    },
    Ignored {
        reason: String,
    },
    Fails {
        failure: FailureName,
        reason: String,
    },
}

/// Follows the rules on a key of the landing bucket, which templates may also call by its name.
pub(crate) fn verdict(catalog: &Catalog, landing_bucket: &str, key: &str) -> Verdict {
    let explained = Explanation::of(catalog, KeyBucket::Landing(Some(landing_bucket)), key);
    match (explained.outcome, explained.claim, explained.data) {
        (Outcome::Loads, Some(claim), Some(data)) => {
            Verdict::Loads { pipeline: claim.pipeline, dataset: claim.dataset, bucket: data.bucket, key: data.key }
        }
        (Outcome::Loads, ..) => {
            Verdict::Fails { failure: FailureName::InternalError, reason: "it loads nothing".to_owned() }
        }
        (Outcome::Ignored { reason }, ..) => Verdict::Ignored { reason },
        (Outcome::Fails { failure, reason, nearest }, ..) => {
            Verdict::Fails { failure, reason: nearest.unwrap_or(reason) }
        }
    }
}
