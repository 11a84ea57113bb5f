use std::fmt;

use crate::dataset::{Dataset, StartsOn};
use crate::definition::Definition;
use crate::location::Location;

/// A dataset and its definition.
#[derive(Clone, Copy)]
pub(super) struct DatasetRef<'a> {
    /// The definition's position in the list of all definitions.
    pub(super) index: usize,
    pub(super) definition: &'a Definition,
    pub(super) dataset: &'a Dataset,
}

impl<'a> DatasetRef<'a> {
    /// Returns the location whose keys start the dataset.
    pub(super) fn starts_on(self) -> &'a Location {
        match &self.dataset.starts_on {
            StartsOn::Source => &self.dataset.source,
            StartsOn::Trigger { trigger, .. } => trigger,
        }
    }

    /// Returns the name of the key that [`DatasetRef::starts_on`] is declared by.
    pub(super) fn starts_on_key(self) -> &'static str {
        match self.dataset.starts_on {
            StartsOn::Source => "source",
            StartsOn::Trigger { .. } => "trigger",
        }
    }

    /// Returns the locations that the dataset reads, each with the name of the key that declares it.
    pub(super) fn inputs(self) -> Vec<(&'static str, &'a Location)> {
        let source = ("source", &self.dataset.source);
        match &self.dataset.starts_on {
            StartsOn::Source => vec![source],
            StartsOn::Trigger { trigger, .. } => vec![("trigger", trigger), source],
        }
    }
}

impl fmt::Display for DatasetRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.definition.pipeline, self.dataset.name)
    }
}

/// Returns the datasets of all definitions in their order.
pub(super) fn datasets(definitions: &[Definition]) -> impl Iterator<Item = DatasetRef<'_>> {
    definitions.iter().enumerate().flat_map(|(index, definition)| {
        definition.datasets.iter().map(move |dataset| DatasetRef { index, definition, dataset })
    })
}
