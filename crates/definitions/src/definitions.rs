use std::collections::BTreeMap;

use pipeline::{Catalog, Definition, Unusable};

use crate::key::{FILE, key};

/// All definitions of a bucket: the valid ones as a catalog, and the invalid ones with their reasons.
///
/// An invalid definition stops only its own files.
#[derive(Clone, Debug, Default)]
pub struct Definitions {
    pub catalog: Catalog,
    pub invalid: Vec<InvalidDefinition>,
    /// By pipeline.
    texts: BTreeMap<String, String>,
}

/// A definition that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidDefinition {
    pub pipeline: String,
    /// One line: file, line, key and what is wrong.
    pub reason: String,
}

/// A valid definition and the text that it was parsed from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ParsedDefinition {
    pub(crate) definition: Definition,
    pub(crate) text: String,
}

impl InvalidDefinition {
    pub(crate) fn new(pipeline: &str, reason: &impl ToString) -> Self {
        Self { pipeline: pipeline.to_owned(), reason: reason.to_string().replace('\n', "; ") }
    }
}

impl ParsedDefinition {
    pub(crate) fn parse(pipeline: &str, text: String) -> Result<Self, InvalidDefinition> {
        match Definition::parse(pipeline, &key(pipeline, FILE), &text) {
            Ok(definition) => Ok(Self { definition, text }),
            Err(errors) => Err(InvalidDefinition::new(pipeline, &errors)),
        }
    }
}

impl Definitions {
    /// Parses the texts of `pipelines/NAME/pipeline.toml`, each with its NAME.
    pub fn parse<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self::new(texts.into_iter().map(|(pipeline, text)| ParsedDefinition::parse(pipeline, text.to_owned())))
    }

    /// Puts definitions together; rejects those that contradict each other.
    pub(crate) fn new(parsed: impl IntoIterator<Item = Result<ParsedDefinition, InvalidDefinition>>) -> Self {
        let (mut definitions, mut texts, mut invalid) = (Vec::new(), BTreeMap::new(), Vec::new());
        for parsed in parsed {
            match parsed {
                Ok(ParsedDefinition { definition, text }) => {
                    texts.insert(definition.pipeline.clone(), text);
                    definitions.push(definition);
                }
                Err(reason) => invalid.push(reason),
            }
        }
        let (catalog, unusable) = Catalog::of_usable(definitions);
        invalid.extend(unusable.iter().map(|Unusable { pipeline, error }| InvalidDefinition::new(pipeline, error)));
        Self { catalog, invalid, texts }
    }

    /// Returns the text that a definition of this catalog was parsed from.
    pub fn text(&self, definition: &Definition) -> &str {
        self.texts.get(&definition.pipeline).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATASET: &str = "[datasets.d]\nsource = \"d.csv\"\ntable = \"d\"\n";

    #[test]
    fn folder_name_must_be_a_pipeline_name() {
        for (name, is_valid) in [("retail", true), ("r-2_a", true), ("", false), ("Retail", false), ("2a", false)] {
            let definitions = Definitions::parse([(name, DATASET)]);
            assert_eq!(definitions.catalog.definitions().len(), usize::from(is_valid), "{name:?}");
            assert_eq!(definitions.invalid.len(), usize::from(!is_valid), "{name:?}");
        }
        let invalid = Definitions::parse([("", DATASET)]).invalid;
        assert!(invalid[0].reason.starts_with("pipelines//pipeline.toml:1: the name of"), "{invalid:?}");
    }

    #[test]
    fn invalid_definition_leaves_the_others_valid() {
        let definitions = Definitions::parse([("broken", "x = 1"), ("retail", DATASET)]);
        let [definition] = definitions.catalog.definitions() else { panic!("{definitions:?}") };
        assert_eq!((definition.pipeline.as_str(), definitions.text(definition)), ("retail", DATASET));
        assert_eq!(definitions.invalid[0].pipeline, "broken");
    }

    #[test]
    fn definitions_of_one_key_are_both_invalid() {
        let definitions = Definitions::parse([("a", DATASET), ("b", DATASET)]);
        let names: Vec<&str> = definitions.invalid.iter().map(|invalid| invalid.pipeline.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(definitions.catalog.definitions().is_empty());
    }
}
