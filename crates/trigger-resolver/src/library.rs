use std::collections::BTreeMap;

use pipeline::{Catalog, Definition, Unusable};

/// Every pipeline that can be used, and what is wrong with the others: one broken definition stops its own files, and
/// nobody else's.
#[derive(Debug, Default)]
pub struct Library {
    pub(crate) catalog: Catalog,
    texts: BTreeMap<String, String>,
    pub(crate) broken: Vec<Broken>,
}

/// A definition that cannot be used, and where and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub pipeline: String,
    pub reason: String,
}

/// One `pipeline.toml` as it was found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) definition: Definition,
    pub(crate) text: String,
}

impl Entry {
    pub(crate) fn parse(pipeline: &str, text: String) -> Result<Self, Broken> {
        let file = format!("pipelines/{pipeline}/pipeline.toml");
        match Definition::parse(pipeline, &file, &text) {
            Ok(definition) => Ok(Self { definition, text }),
            Err(errors) => Err(Broken::new(pipeline, &errors)),
        }
    }
}

impl Broken {
    pub(crate) fn new(pipeline: &str, reason: &impl ToString) -> Self {
        Self { pipeline: pipeline.to_owned(), reason: reason.to_string().replace('\n', "; ") }
    }
}

impl Library {
    /// From the texts of `pipelines/<name>/pipeline.toml`, by name.
    pub fn parse<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self::new(texts.into_iter().map(|(pipeline, text)| Entry::parse(pipeline, text.to_owned())).collect())
    }

    pub(crate) fn new(entries: Vec<Result<Entry, Broken>>) -> Self {
        let (mut definitions, mut texts, mut broken) = (Vec::new(), BTreeMap::new(), Vec::new());
        for entry in entries {
            match entry {
                Ok(Entry { definition, text }) => {
                    texts.insert(definition.pipeline.clone(), text);
                    definitions.push(definition);
                }
                Err(reason) => broken.push(reason),
            }
        }
        let (catalog, unusable) = Catalog::of_usable(definitions);
        broken.extend(unusable.iter().map(|Unusable { pipeline, error }| Broken::new(pipeline, error)));
        Self { catalog, texts, broken }
    }

    /// The text that a definition was parsed from.
    pub(crate) fn text(&self, definition: &Definition) -> String {
        self.texts.get(&definition.pipeline).cloned().unwrap_or_default()
    }
}
