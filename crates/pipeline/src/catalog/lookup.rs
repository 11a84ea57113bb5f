//! Finds the dataset that a key belongs to.

use super::dataset_ref::{DatasetRef, datasets};
use super::definitions::Catalog;
use super::key_failure::KeyFailure;
use crate::dataset::StartsOn;
use crate::location::{KeyBucket, Location};
use crate::template::{Captures, KeyTemplate, PrefixMatch};

/// The dataset that a key belongs to, and the role of the key.
#[derive(Clone)]
pub(super) enum KeyMatch<'a> {
    /// A data file that starts its dataset.
    Source(DatasetRef<'a>, Captures),
    /// A trigger; its captures build the key of the data file.
    Trigger(DatasetRef<'a>, Captures),
    /// The data file of a dataset that starts on a trigger. It starts nothing itself.
    SourceOfTriggered(DatasetRef<'a>, Captures),
}

impl Catalog {
    /// Finds the dataset of `key`. A dataset that starts on the key precedes one that does not.
    pub(super) fn find(&self, bucket: KeyBucket<'_>, key: &str) -> Result<KeyMatch<'_>, KeyFailure> {
        let captures = |location: &Location| location.is_in(bucket).then(|| location.template.matches(key)).flatten();
        let mut starts = datasets(self.definitions())
            .filter_map(|dataset| captures(dataset.starts_on()).map(|captures| (dataset, captures)));
        match (starts.next(), starts.next()) {
            (Some((dataset, captures)), None) => Ok(match dataset.dataset.starts_on {
                StartsOn::Source => KeyMatch::Source(dataset, captures),
                StartsOn::Trigger { .. } => KeyMatch::Trigger(dataset, captures),
            }),
            (Some((first, _)), Some((second, _))) => {
                Err(KeyFailure::Ambiguous { first: first.to_string(), second: second.to_string() })
            }
            (None, _) => datasets(self.definitions())
                .find_map(|dataset| {
                    captures(&dataset.dataset.source).map(|captures| KeyMatch::SourceOfTriggered(dataset, captures))
                })
                .ok_or_else(|| KeyFailure::NoDataset { nearest: self.nearest(bucket, key) }),
        }
    }

    /// Describes the template of the bucket that matches most of the key.
    fn nearest(&self, bucket: KeyBucket<'_>, key: &str) -> Option<String> {
        let inputs = datasets(self.definitions())
            .flat_map(|dataset| dataset.inputs().into_iter().map(move |(name, location)| (dataset, name, location)));
        let candidates = inputs
            .filter(|(_, _, location)| location.is_in(bucket))
            .map(|(dataset, name, location)| (dataset, name, location, location.template.prefix_match(key)));
        // Of equal candidates the first; `max_by_key` would return the last.
        let (dataset, name, location, prefix) = candidates
            .filter(|(.., prefix)| prefix.bytes > 0)
            .reduce(|best, next| if next.3.bytes > best.3.bytes { next } else { best })?;
        Some(describe_nearest(&format!("{dataset}'s {name}"), &location.to_string(), key, &prefix))
    }
}

/// Describes how much of the key a template matches. `name` is what messages call the template.
pub(super) fn nearest_template(key: &str, name: &str, template: &KeyTemplate) -> String {
    describe_nearest(name, &template.to_string(), key, &template.prefix_match(key))
}

fn describe_nearest(name: &str, template: &str, key: &str, prefix: &PrefixMatch) -> String {
    let PrefixMatch { bytes, expects } = prefix;
    let matched = key.get(..*bytes).unwrap_or_default();
    format!("nearest is {name} {template:?}: it matches up to {matched:?} and then expects {expects}")
}
