//! What shows only when definitions stand side by side.

use std::collections::{HashMap, HashSet};

use super::dataset_ref::{DatasetRef, datasets};
use crate::definition::Definition;
use crate::errors::DefinitionError;
use crate::location::Location;
use crate::nearest::did_you_mean;
use crate::repair::{REPAIRS, RepairKey};
use crate::template::KeyTemplate;

/// What is wrong, and which definitions cannot be used because of it.
pub(super) struct Conflict {
    pub(super) error: DefinitionError,
    /// Their places in the list of definitions.
    pub(super) unusable: Vec<usize>,
}

/// In the order of the definitions.
pub(super) fn conflicts(definitions: &[Definition]) -> Vec<Conflict> {
    let mut conflicts: Vec<Conflict> = doubled_pipelines(definitions).chain(shared_starts(definitions)).collect();
    for (index, definition) in definitions.iter().enumerate() {
        conflicts.extend(own_input(definitions, definition).map(|error| Conflict { error, unusable: vec![index] }));
        // Such keys are repairs all the same, so nothing is lost by going on.
        conflicts.extend(repairs(definition).map(|error| Conflict { error, unusable: Vec::new() }));
        conflicts.extend(followed(definitions, index));
    }
    conflicts
}

fn doubled_pipelines(definitions: &[Definition]) -> impl Iterator<Item = Conflict> {
    definitions.iter().enumerate().filter_map(|(index, definition)| {
        let name = &definition.pipeline;
        let earlier = definitions.iter().take(index).position(|earlier| earlier.pipeline == *name)?;
        let error = definition.error("", &format!("there are two pipelines of the name {name}"));
        Some(Conflict { error, unusable: vec![earlier, index] })
    })
}

fn shared_starts(definitions: &[Definition]) -> impl Iterator<Item = Conflict> {
    datasets(definitions).enumerate().flat_map(|(index, dataset)| {
        datasets(definitions).take(index).filter_map(move |earlier| {
            let key = format!("datasets.{}.{}", dataset.dataset.name, dataset.starts_on_key());
            let error = dataset.definition.error(&key, &shared_start(earlier, dataset)?);
            Some(Conflict { error, unusable: vec![earlier.index, dataset.index] })
        })
    })
}

/// Why the two cannot live side by side.
fn shared_start(earlier: DatasetRef<'_>, dataset: DatasetRef<'_>) -> Option<String> {
    let (left, right) = (earlier.starts_on(), dataset.starts_on());
    if left == right {
        return Some(format!("{earlier} and {dataset} both start on {:?}", left.to_string()));
    }
    // Whether an undeclared bucket and a declared one are the same shows only where the stack runs.
    let key = (left.bucket == right.bucket).then(|| left.template.shared_key(&right.template)).flatten()?;
    let (left, right) = (left.to_string(), right.to_string());
    Some(format!("{earlier} starts on {left:?} and {dataset} on {right:?}, and {key:?} is both"))
}

/// Keys that the definition writes and that some dataset, in whatever bucket, takes for its own: what goes out must
/// never come in again.
fn own_input(definitions: &[Definition], definition: &Definition) -> impl Iterator<Item = DefinitionError> {
    written(definition).filter_map(move |(key, template)| {
        inputs(definitions).find_map(|(dataset, role, location)| {
            let shared = template.shared_key(&location.template)?;
            let reason = format!(
                "{shared:?} would also be {dataset}'s {role} {:?}: what goes out must never come in again",
                location.to_string()
            );
            Some(definition.error(&key, &reason))
        })
    })
}

/// Keys of the definition that are kept for repairs, in whatever bucket.
fn repairs(definition: &Definition) -> impl Iterator<Item = DefinitionError> {
    let of_datasets = inputs(std::slice::from_ref(definition));
    let read = of_datasets
        .map(|(dataset, role, location)| (format!("datasets.{}.{role}", dataset.dataset.name), &location.template));
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

fn inputs(definitions: &[Definition]) -> impl Iterator<Item = (DatasetRef<'_>, &'static str, &Location)> {
    datasets(definitions)
        .flat_map(|dataset| dataset.inputs().into_iter().map(move |(name, location)| (dataset, name, location)))
}

/// Wrong names of the pipelines whose runs this one follows. One that nobody knows stops nothing but the following.
fn followed(definitions: &[Definition], index: usize) -> impl Iterator<Item = Conflict> {
    let followers = definitions.get(index).into_iter();
    let names =
        followers.flat_map(|definition| predecessors(definition).map(move |(key, name)| (definition, key, name)));
    names.filter_map(move |(definition, key, name)| {
        let conflict = |reason: &str, unusable| Some(Conflict { error: definition.error(key, reason), unusable });
        let known = || definitions.iter().map(|known| known.pipeline.as_str());
        match definitions.iter().find(|known| known.pipeline == name) {
            None => conflict(&format!("there is no pipeline `{name}`{}", did_you_mean(name, known())), Vec::new()),
            Some(known) if known.pipeline == definition.pipeline => {
                conflict("a pipeline that follows its own runs never ends", vec![index])
            }
            Some(known) if !known.has_runs() => conflict(
                &format!("`{name}` has no runs to follow: no [run], [[transforms]] or [[exports]]"),
                Vec::new(),
            ),
            Some(_) => {
                let way = way_back(definitions, &definition.pipeline, name)?;
                conflict(
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
