mod clashes;
mod decision;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fmt;

use crate::template::PrefixMatch;
use crate::{Captures, Dataset, Definition, DefinitionError, DefinitionErrors, KeyTemplate, Location, Start};

use clashes::{clashes, inputs};

pub use decision::{Claim, DataFile, Decision, Refusal, Role};

/// All pipelines together: tells which dataset a key belongs to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalog {
    definitions: Vec<Definition>,
}

/// What a key is to the dataset that it belongs to.
#[derive(Clone, Debug, PartialEq)]
enum KeyMatch<'a> {
    /// A data file that starts its dataset.
    Source { definition: &'a Definition, dataset: &'a Dataset, captures: Captures },
    /// A trigger file; its captures build the key of the data file.
    Trigger { definition: &'a Definition, dataset: &'a Dataset, captures: Captures },
    /// A data file whose dataset starts on a trigger: on its own it starts nothing.
    SourceOfTriggered { definition: &'a Definition, dataset: &'a Dataset },
}

/// A definition that cannot be used beside the others, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    pub pipeline: String,
    pub error: DefinitionError,
}

impl Catalog {
    /// Refuses what shows only in all pipelines together: two of one name, two datasets of one bucket that start on the
    /// same keys, keys that are kept for repairs, exports that would come in again, runs that follow nothing or each other in a circle. Where shared
    /// keys show only when such a key comes, [`Catalog::decide`] refuses the key.
    pub fn new(definitions: Vec<Definition>) -> Result<Self, DefinitionErrors> {
        let errors: Vec<DefinitionError> = clashes(&definitions).into_iter().map(|clash| clash.error).collect();
        if errors.is_empty() { Ok(Self { definitions }) } else { Err(DefinitionErrors(errors)) }
    }

    /// By the same rules, for definitions that are in use already: leaves out the least that stops what is wrong. Of two
    /// pipelines that claim the same keys neither is used: to pick one would load files where nobody expects them.
    pub fn of_usable(definitions: Vec<Definition>) -> (Self, Vec<Unusable>) {
        let (mut unusable, mut left_out) = (Vec::new(), HashSet::new());
        for clash in clashes(&definitions) {
            for definition in clash.unusable.iter().filter_map(|index| definitions.get(*index)) {
                unusable.push(Unusable { pipeline: definition.pipeline.clone(), error: clash.error.clone() });
            }
            left_out.extend(clash.unusable);
        }
        let kept = definitions.into_iter().enumerate().filter(|(index, _)| !left_out.contains(index));
        (Self { definitions: kept.map(|(_, definition)| definition).collect() }, unusable)
    }

    /// The pipelines whose runs follow a run of `pipeline` that ended so.
    pub fn followers(&self, pipeline: &str, succeeded: bool) -> impl Iterator<Item = &Definition> {
        self.definitions.iter().filter(move |definition| {
            let run = &definition.run;
            let followed = if succeeded { &run.after } else { &run.after_failure };
            followed.as_deref() == Some(pipeline)
        })
    }

    pub fn definitions(&self) -> &[Definition] {
        &self.definitions
    }

    /// The dataset that `key` of `bucket` belongs to. What starts a dataset goes before what does not.
    fn find(&self, landing_bucket: &str, bucket: &str, key: &str) -> Result<KeyMatch<'_>, Refusal> {
        let is_here = |location: &Location| location.bucket_or(landing_bucket) == bucket;
        let captures = |location: &Location| is_here(location).then(|| location.template.matches(key)).flatten();
        let mut starts = datasets(&self.definitions).filter_map(|place| match &place.dataset.start {
            Start::Source => captures(&place.dataset.source).map(|captures| (place, place.source(captures))),
            Start::Trigger { trigger, .. } => captures(trigger).map(|captures| (place, place.trigger(captures))),
        });
        match (starts.next(), starts.next()) {
            (Some((_, found)), None) => Ok(found),
            (Some((first, _)), Some((second, _))) => {
                Err(Refusal::Ambiguous { first: first.to_string(), second: second.to_string() })
            }
            (None, _) => {
                let mut idle = datasets(&self.definitions).filter(|place| captures(&place.dataset.source).is_some());
                let found = idle.next().map(Place::source_of_triggered);
                found.ok_or_else(|| Refusal::NoDataset { nearest: self.nearest(is_here, key) })
            }
        }
    }

    fn nearest(&self, is_here: impl Fn(&Location) -> bool, key: &str) -> Option<String> {
        let locations = datasets(&self.definitions).flat_map(inputs);
        let candidates = locations.filter(|(_, _, location)| is_here(location)).map(|(place, role, location)| {
            let progress = location.template.prefix_match(key);
            (place, role, location, progress)
        });
        // Of equals the first, which `max_by_key` would not give.
        let (place, role, location, progress) = candidates
            .filter(|(.., progress)| progress.bytes > 0)
            .reduce(|best, next| if next.3.bytes > best.3.bytes { next } else { best })?;
        Some(nearest(&format!("{place}'s {role}"), &location.to_string(), key, &progress))
    }
}

/// How far a template that is called `whose` fits the key.
fn near(key: &str, whose: &str, template: &KeyTemplate) -> String {
    nearest(whose, &template.to_string(), key, &template.prefix_match(key))
}

fn nearest(whose: &str, template: &str, key: &str, progress: &PrefixMatch) -> String {
    let PrefixMatch { bytes, expects } = progress;
    let matched = key.get(..*bytes).unwrap_or_default();
    format!("nearest is {whose} {template:?}: it matches up to {matched:?} and then expects {expects}")
}

/// A dataset and where it stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// Of the definition in the list.
    index: usize,
    definition: &'a Definition,
    dataset: &'a Dataset,
}

impl<'a> Place<'a> {
    fn source(self, captures: Captures) -> KeyMatch<'a> {
        KeyMatch::Source { definition: self.definition, dataset: self.dataset, captures }
    }

    fn trigger(self, captures: Captures) -> KeyMatch<'a> {
        KeyMatch::Trigger { definition: self.definition, dataset: self.dataset, captures }
    }

    fn source_of_triggered(self) -> KeyMatch<'a> {
        KeyMatch::SourceOfTriggered { definition: self.definition, dataset: self.dataset }
    }

    /// Which of its keys starts it.
    fn role(self) -> &'static str {
        match self.dataset.start {
            Start::Source => "source",
            Start::Trigger { .. } => "trigger",
        }
    }

    fn starts_on(self) -> &'a Location {
        match &self.dataset.start {
            Start::Source => &self.dataset.source,
            Start::Trigger { trigger, .. } => trigger,
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.definition.pipeline, self.dataset.name)
    }
}

fn datasets(definitions: &[Definition]) -> impl Iterator<Item = Place<'_>> {
    definitions.iter().enumerate().flat_map(|(index, definition)| {
        definition.datasets.iter().map(move |dataset| Place { index, definition, dataset })
    })
}
