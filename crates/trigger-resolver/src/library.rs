use std::collections::BTreeMap;

use contracts::ObjectRef;
use pipeline::{Catalog, Definition, FindError, KeyMatch, NoMatch};

/// Every pipeline that can be used, and what is wrong with the others: one broken definition stops its own files, and
/// nobody else's.
#[derive(Debug, Default)]
pub struct Library {
    catalog: Option<Catalog>,
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
        let mut library = Self::default();
        let mut usable = Vec::new();
        for entry in entries {
            match entry {
                Ok(entry) => usable.push(entry),
                Err(broken) => library.broken.push(broken),
            }
        }
        let usable = library.drop_conflicting(usable);
        let definitions = usable.iter().map(|entry| entry.definition.clone()).collect();
        match Catalog::new(definitions) {
            Ok(catalog) => library.catalog = Some(catalog),
            Err(errors) => library.broken.push(Broken::new("", &errors)),
        }
        library.texts = usable.into_iter().map(|entry| (entry.definition.pipeline, entry.text)).collect();
        library
    }

    /// Of two pipelines that claim the same keys neither is used: to pick one would load files where nobody expects
    /// them.
    fn drop_conflicting(&mut self, entries: Vec<Entry>) -> Vec<Entry> {
        let conflict =
            |entries: &[&Entry]| Catalog::new(entries.iter().map(|entry| entry.definition.clone()).collect()).err();
        if conflict(&entries.iter().collect::<Vec<_>>()).is_none() {
            return entries;
        }
        let found: Vec<_> = entries
            .iter()
            .map(|entry| {
                let mut others = entries.iter().filter(|other| other.definition.pipeline != entry.definition.pipeline);
                conflict(&[entry]).or_else(|| others.find_map(|other| conflict(&[entry, other])))
            })
            .collect();
        let mut kept = Vec::new();
        for (entry, errors) in entries.into_iter().zip(found) {
            match errors {
                None => kept.push(entry),
                Some(errors) => self.broken.push(Broken::new(&entry.definition.pipeline, &errors)),
            }
        }
        kept
    }

    pub(crate) fn find(&self, landing_bucket: &str, object: &ObjectRef) -> Result<KeyMatch<'_>, FindError> {
        let nothing = || NoMatch { bucket: object.bucket.clone(), key: object.key.clone(), nearest: None };
        let catalog = self.catalog.as_ref().ok_or_else(nothing)?;
        catalog.find(landing_bucket, &object.bucket, &object.key)
    }

    /// The text that a definition was parsed from.
    pub(crate) fn text(&self, definition: &Definition) -> String {
        self.texts.get(&definition.pipeline).cloned().unwrap_or_default()
    }
}
