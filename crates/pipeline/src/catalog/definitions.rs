use std::collections::HashSet;

use super::conflicts::conflicts;
use crate::definition::Definition;
use crate::errors::{DefinitionError, DefinitionErrors};

/// The definitions of all pipelines. Decides which dataset a key belongs to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalog {
    definitions: Vec<Definition>,
}

/// A definition that cannot be used together with the others, and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    pub pipeline: String,
    pub error: DefinitionError,
}

impl Catalog {
    /// Checks the definitions against each other. Rejects two pipelines of one name, two datasets of one bucket that
    /// start on the same keys, keys that are reserved for repairs, exports that a dataset would read again, and runs
    /// that follow an unknown pipeline or each other in a circle. Two templates may share keys that this check does not
    /// find; then [`Catalog::decide`] fails that key.
    pub fn new(definitions: Vec<Definition>) -> Result<Self, DefinitionErrors> {
        let errors: Vec<DefinitionError> = conflicts(&definitions).into_iter().map(|conflict| conflict.error).collect();
        if errors.is_empty() { Ok(Self { definitions }) } else { Err(DefinitionErrors(errors)) }
    }

    /// Leaves out the definitions that conflict, as few as possible, and returns them with the reason. For definitions
    /// that are deployed already. Of two pipelines that claim the same keys, both are left out: a wrong choice would
    /// load files into the wrong table.
    pub fn of_usable(definitions: Vec<Definition>) -> (Self, Vec<Unusable>) {
        let (mut unusable, mut left_out) = (Vec::new(), HashSet::new());
        for conflict in conflicts(&definitions) {
            for definition in conflict.unusable.iter().filter_map(|index| definitions.get(*index)) {
                unusable.push(Unusable { pipeline: definition.pipeline.clone(), error: conflict.error.clone() });
            }
            left_out.extend(conflict.unusable);
        }
        let kept = definitions.into_iter().enumerate().filter(|(index, _)| !left_out.contains(index));
        (Self { definitions: kept.map(|(_, definition)| definition).collect() }, unusable)
    }

    /// Returns the pipelines whose runs follow a run of `pipeline` that succeeded or failed.
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
}
