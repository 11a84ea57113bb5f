//! Checks definitions against each other.

use std::collections::{HashMap, HashSet};

use super::dataset_ref::{DatasetRef, datasets};
use crate::definition::Definition;
use crate::errors::DefinitionError;
use crate::location::Location;
use crate::nearest::did_you_mean;
use crate::repair::{REPAIRS, RepairKey};
use crate::template::KeyTemplate;

/// An error between definitions.
pub(super) struct Conflict {
    pub(super) error: DefinitionError,
    /// The definitions that cannot be used, by their position in the list.
    pub(super) unusable: Vec<usize>,
}

/// Returns the conflicts in the order of the definitions.
pub(super) fn conflicts(definitions: &[Definition]) -> Vec<Conflict> {
    let mut conflicts: Vec<Conflict> = duplicate_pipelines(definitions).chain(shared_starts(definitions)).collect();
    for (index, definition) in definitions.iter().enumerate() {
        conflicts
            .extend(outputs_as_inputs(definitions, definition).map(|error| Conflict { error, unusable: vec![index] }));
        // Such keys are handled as repairs in any case, so the definition stays usable.
        conflicts.extend(reserved_keys(definition).map(|error| Conflict { error, unusable: Vec::new() }));
        conflicts.extend(following_errors(definitions, index));
    }
    conflicts
}

fn duplicate_pipelines(definitions: &[Definition]) -> impl Iterator<Item = Conflict> {
    definitions.iter().enumerate().filter_map(|(index, definition)| {
        let name = &definition.pipeline;
        let earlier = definitions.iter().take(index).position(|earlier| earlier.pipeline == *name)?;
        let error = definition.error("", &format!("two pipelines have the name `{name}`"));
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

/// Returns the reason why both datasets cannot be used together.
fn shared_start(earlier: DatasetRef<'_>, dataset: DatasetRef<'_>) -> Option<String> {
    let (left, right) = (earlier.starts_on(), dataset.starts_on());
    if left == right {
        return Some(format!("{earlier} and {dataset} both start on {:?}", left.to_string()));
    }
    // The name of the landing bucket is known only in a stack, so locations are compared as they are written.
    let key = (left.bucket == right.bucket).then(|| left.template.shared_key(&right.template)).flatten()?;
    let (left, right) = (left.to_string(), right.to_string());
    Some(format!("{earlier} starts on {left:?} and {dataset} starts on {right:?}; the key {key:?} matches both"))
}

/// Returns an error for each key that the definition writes and a dataset of any bucket reads. Without this check an
/// output could start a load.
fn outputs_as_inputs(definitions: &[Definition], definition: &Definition) -> impl Iterator<Item = DefinitionError> {
    outputs(definition).filter_map(move |(key, template)| {
        inputs(definitions).find_map(|(dataset, role, location)| {
            let shared = template.shared_key(&location.template)?;
            let reason = format!(
                "the key {shared:?} also matches {dataset}'s {role} {:?}; an output must not be read as an input",
                location.to_string()
            );
            Some(definition.error(&key, &reason))
        })
    })
}

/// Returns an error for each template of the definition, in any bucket, that matches keys of repairs.
fn reserved_keys(definition: &Definition) -> impl Iterator<Item = DefinitionError> {
    let of_datasets = inputs(std::slice::from_ref(definition));
    let read = of_datasets
        .map(|(dataset, role, location)| (format!("datasets.{}.{role}", dataset.dataset.name), &location.template));
    read.chain(outputs(definition)).filter_map(|(key, template)| {
        let shared = template.shared_key(RepairKey::template()?)?;
        Some(definition.error(
            &key,
            &format!("the template matches {shared:?}; keys that begin with {REPAIRS:?} are reserved for repairs"),
        ))
    })
}

/// Returns the templates of keys that the definition writes, each with the key that declares it.
fn outputs(definition: &Definition) -> impl Iterator<Item = (String, &KeyTemplate)> {
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

/// Returns the errors in `run.after` and `run.after_failure`. An unknown pipeline does not make the definition unusable.
fn following_errors(definitions: &[Definition], index: usize) -> impl Iterator<Item = Conflict> {
    let followers = definitions.get(index).into_iter();
    let names =
        followers.flat_map(|definition| predecessors(definition).map(move |(key, name)| (definition, key, name)));
    names.filter_map(move |(definition, key, name)| {
        let conflict = |reason: &str, unusable| Some(Conflict { error: definition.error(key, reason), unusable });
        let known = || definitions.iter().map(|known| known.pipeline.as_str());
        match definitions.iter().find(|known| known.pipeline == name) {
            None => conflict(&format!("there is no pipeline `{name}`{}", did_you_mean(name, known())), Vec::new()),
            Some(known) if known.pipeline == definition.pipeline => {
                conflict("a pipeline cannot follow its own runs", vec![index])
            }
            Some(known) if !known.has_runs() => conflict(
                &format!("`{name}` has no runs to follow; it needs [run], [[transforms]] or [[exports]]"),
                Vec::new(),
            ),
            Some(_) => {
                let circle = circle(definitions, &definition.pipeline, name)?;
                conflict(&format!("pipelines follow each other in a circle: {}", circle.join(" after ")), vec![index])
            }
        }
    })
}

fn predecessors(definition: &Definition) -> impl Iterator<Item = (&'static str, &str)> {
    let named = [("run.after", &definition.run.after), ("run.after_failure", &definition.run.after_failure)];
    named.into_iter().filter_map(|(key, name)| Some((key, name.as_deref()?)))
}

/// Returns the pipelines from `start` over its predecessor `first` back to `start`; `None` when there is no circle.
fn circle<'a>(definitions: &'a [Definition], start: &'a str, first: &'a str) -> Option<Vec<&'a str>> {
    let by_name: HashMap<&str, &Definition> =
        definitions.iter().map(|known| (known.pipeline.as_str(), known)).collect();
    let (mut seen, mut paths) = (HashSet::new(), vec![vec![start, first]]);
    while let Some(path) = paths.pop() {
        let Some(last) = path.last().filter(|last| seen.insert(**last)) else { continue };
        for (_, next) in by_name.get(last).into_iter().flat_map(|definition| predecessors(definition)) {
            let longer = [path.as_slice(), &[next]].concat();
            if next == start {
                return Some(longer);
            }
            paths.push(longer);
        }
    }
    None
}
