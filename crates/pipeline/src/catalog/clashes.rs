//! What shows only when definitions stand side by side.

use std::collections::{HashMap, HashSet};

use super::{Place, datasets};
use crate::nearest::did_you_mean;
use crate::repair::REPAIRS;
use crate::{Definition, DefinitionError, KeyTemplate, Location, RepairKey, Start};

/// What is wrong, and which definitions cannot be used because of it.
pub(super) struct Clash {
    pub(super) error: DefinitionError,
    /// Their places in the list of definitions.
    pub(super) unusable: Vec<usize>,
}

/// In the order of the definitions.
pub(super) fn clashes(definitions: &[Definition]) -> Vec<Clash> {
    let mut clashes: Vec<Clash> = doubled_pipelines(definitions).chain(shared_starts(definitions)).collect();
    for (index, definition) in definitions.iter().enumerate() {
        clashes.extend(own_input(definitions, definition).map(|error| Clash { error, unusable: vec![index] }));
        // Such keys are repairs all the same, so nothing is lost by going on.
        clashes.extend(repairs(definition).map(|error| Clash { error, unusable: Vec::new() }));
        clashes.extend(followed(definitions, index));
    }
    clashes
}

fn doubled_pipelines(definitions: &[Definition]) -> impl Iterator<Item = Clash> {
    definitions.iter().enumerate().filter_map(|(index, definition)| {
        let name = &definition.pipeline;
        let earlier = definitions.iter().take(index).position(|earlier| earlier.pipeline == *name)?;
        let error = definition.error("", &format!("there are two pipelines of the name {name}"));
        Some(Clash { error, unusable: vec![earlier, index] })
    })
}

fn shared_starts(definitions: &[Definition]) -> impl Iterator<Item = Clash> {
    datasets(definitions).enumerate().flat_map(|(index, place)| {
        datasets(definitions).take(index).filter_map(move |earlier| {
            let key = format!("datasets.{}.{}", place.dataset.name, place.role());
            let error = place.definition.error(&key, &shared_start(earlier, place)?);
            Some(Clash { error, unusable: vec![earlier.index, place.index] })
        })
    })
}

/// Why the two cannot live side by side.
fn shared_start(earlier: Place<'_>, place: Place<'_>) -> Option<String> {
    let (left, right) = (earlier.starts_on(), place.starts_on());
    if left == right {
        return Some(format!("{earlier} and {place} both start on {:?}", left.to_string()));
    }
    // Whether an undeclared bucket and a declared one are the same shows only where the stack runs.
    let key = (left.bucket == right.bucket).then(|| left.template.shared_key(&right.template)).flatten()?;
    let (left, right) = (left.to_string(), right.to_string());
    Some(format!("{earlier} starts on {left:?} and {place} on {right:?}, and {key:?} is both"))
}

/// Keys that the definition writes and that some dataset, in whatever bucket, takes for its own: what goes out must
/// never come in again.
fn own_input(definitions: &[Definition], definition: &Definition) -> impl Iterator<Item = DefinitionError> {
    written(definition).filter_map(move |(key, template)| {
        datasets(definitions).flat_map(inputs).find_map(|(place, role, location)| {
            let shared = template.shared_key(&location.template)?;
            let reason = format!(
                "{shared:?} would also be {place}'s {role} {:?}: what goes out must never come in again",
                location.to_string()
            );
            Some(definition.error(&key, &reason))
        })
    })
}

/// Keys of the definition that are kept for repairs, in whatever bucket.
fn repairs(definition: &Definition) -> impl Iterator<Item = DefinitionError> {
    let of_datasets = datasets(std::slice::from_ref(definition)).flat_map(inputs);
    let read = of_datasets
        .map(|(place, role, location)| (format!("datasets.{}.{role}", place.dataset.name), &location.template));
    read.chain(written(definition)).filter_map(|(key, template)| {
        let shared = template.shared_key(RepairKey::template()?)?;
        Some(definition.error(&key, &format!("{shared:?} would be a repair's key: those begin with {REPAIRS:?}")))
    })
}

fn written(definition: &Definition) -> impl Iterator<Item = (String, &KeyTemplate)> {
    let exports = definition.exports.iter().enumerate();
    let rejects = definition.datasets.iter().filter_map(|dataset| Some((dataset, dataset.rejects_export.as_ref()?)));
    exports
        .map(|(index, export)| (format!("exports[{}].to", index + 1), &export.to))
        .chain(rejects.map(|(dataset, template)| (format!("datasets.{}.rejects.export", dataset.name), template)))
}

/// Every key of a dataset, whether it starts it or not.
pub(super) fn inputs(place: Place<'_>) -> Vec<(Place<'_>, &'static str, &Location)> {
    let source = (place, "source", &place.dataset.source);
    match &place.dataset.start {
        Start::Source => vec![source],
        Start::Trigger { trigger, .. } => vec![(place, "trigger", trigger), source],
    }
}

/// Wrong names of the pipelines whose runs this one follows. One that nobody knows stops nothing but the following.
fn followed(definitions: &[Definition], index: usize) -> impl Iterator<Item = Clash> {
    let followers = definitions.get(index).into_iter();
    let names =
        followers.flat_map(|definition| predecessors(definition).map(move |(key, name)| (definition, key, name)));
    names.filter_map(move |(definition, key, name)| {
        let clash = |reason: &str, unusable| Some(Clash { error: definition.error(key, reason), unusable });
        let known = || definitions.iter().map(|known| known.pipeline.as_str());
        match definitions.iter().find(|known| known.pipeline == name) {
            None => clash(&format!("there is no pipeline `{name}`{}", did_you_mean(name, known())), Vec::new()),
            Some(known) if known.pipeline == definition.pipeline => {
                clash("a pipeline that follows its own runs never ends", vec![index])
            }
            Some(known) if !known.has_runs() => {
                clash(&format!("`{name}` has no runs to follow: no [run], [[transforms]] or [[exports]]"), Vec::new())
            }
            Some(_) => {
                let way = way_back(definitions, &definition.pipeline, name)?;
                clash(
                    &format!("runs that follow each other in a circle never end: {}", way.join(" after ")),
                    vec![index],
                )
            }
        }
    })
}

fn predecessors(definition: &Definition) -> impl Iterator<Item = (&'static str, &str)> {
    let named = [("run.after", &definition.run.after), ("run.after_failure", &definition.run.after_failure)];
    named.into_iter().filter_map(|(key, name)| Some((key, name.as_deref()?)))
}

/// From `start` over its predecessor `first` to `start` again.
fn way_back<'a>(definitions: &'a [Definition], start: &'a str, first: &'a str) -> Option<Vec<&'a str>> {
    let by_name: HashMap<&str, &Definition> =
        definitions.iter().map(|known| (known.pipeline.as_str(), known)).collect();
    let (mut seen, mut ways) = (HashSet::new(), vec![vec![start, first]]);
    while let Some(way) = ways.pop() {
        let Some(last) = way.last().filter(|last| seen.insert(**last)) else { continue };
        for (_, next) in by_name.get(last).into_iter().flat_map(|definition| predecessors(definition)) {
            let longer = [way.as_slice(), &[next]].concat();
            if next == start {
                return Some(longer);
            }
            ways.push(longer);
        }
    }
    None
}
