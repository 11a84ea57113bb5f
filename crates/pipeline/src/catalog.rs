use std::fmt;

use crate::{Captures, Dataset, Definition, Location, Start};

/// All pipelines together: tells which dataset a key belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Catalog {
    definitions: Vec<Definition>,
}

/// What a key is to the dataset that it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyMatch<'a> {
    /// A data file that starts its dataset.
    Source { definition: &'a Definition, dataset: &'a Dataset, captures: Captures },
    /// A trigger file; its captures build the key of the data file.
    Trigger { definition: &'a Definition, dataset: &'a Dataset, captures: Captures },
    /// A data file whose dataset starts on a trigger: on its own it starts nothing.
    SourceOfTriggered { definition: &'a Definition, dataset: &'a Dataset },
}

/// Why a key starts nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    #[error(transparent)]
    NoMatch(#[from] NoMatch),
    /// Two datasets claim the key; which one is meant cannot be known.
    #[error("{key:?} starts both {first} and {second}; only one dataset may have it as its source or trigger")]
    Ambiguous { key: String, first: String, second: String },
}

/// No dataset knows the key; says which one comes nearest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no dataset has {key:?} of bucket {bucket} as its source or trigger{}", .nearest.as_ref().map(|n| format!("; {n}")).unwrap_or_default())]
pub struct NoMatch {
    pub bucket: String,
    pub key: String,
    /// The nearest template and where it stops matching, for people; `None` when no template is like the key at all.
    pub nearest: Option<String>,
}

/// Definitions that cannot live side by side, one a line when shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct CatalogErrors(pub Vec<String>);

impl Catalog {
    /// Refuses two pipelines of one name, and two datasets of one bucket that start on the same keys. Where that shows
    /// only when such a key comes, [`Catalog::find`] refuses the key.
    pub fn new(definitions: Vec<Definition>) -> Result<Self, CatalogErrors> {
        let errors: Vec<String> = doubled_pipelines(&definitions).chain(shared_starts(&definitions)).collect();
        if errors.is_empty() { Ok(Self { definitions }) } else { Err(CatalogErrors(errors)) }
    }

    pub fn definitions(&self) -> &[Definition] {
        &self.definitions
    }

    /// The dataset that `key` of `bucket` belongs to. What starts a dataset goes before what does not.
    pub fn find(&self, landing_bucket: &str, bucket: &str, key: &str) -> Result<KeyMatch<'_>, FindError> {
        let is_here = |location: &Location| location.bucket_or(landing_bucket) == bucket;
        let captures = |location: &Location| is_here(location).then(|| location.template.matches(key)).flatten();
        let mut starts = datasets(&self.definitions).filter_map(|place| match &place.dataset.start {
            Start::Source => captures(&place.dataset.source).map(|captures| (place, place.source(captures))),
            Start::Trigger { trigger, .. } => captures(trigger).map(|captures| (place, place.trigger(captures))),
        });
        match (starts.next(), starts.next()) {
            (Some((_, found)), None) => Ok(found),
            (Some((first, _)), Some((second, _))) => {
                Err(FindError::Ambiguous { key: key.to_owned(), first: first.to_string(), second: second.to_string() })
            }
            (None, _) => {
                let mut idle = datasets(&self.definitions).filter(|place| captures(&place.dataset.source).is_some());
                idle.next().map(Place::source_of_triggered).ok_or_else(|| {
                    let nearest = self.nearest(is_here, key);
                    NoMatch { bucket: bucket.to_owned(), key: key.to_owned(), nearest }.into()
                })
            }
        }
    }

    fn nearest(&self, is_here: impl Fn(&Location) -> bool, key: &str) -> Option<String> {
        let locations = datasets(&self.definitions).flat_map(|place| match &place.dataset.start {
            Start::Source => vec![(place, "source", &place.dataset.source)],
            Start::Trigger { trigger, .. } => {
                vec![(place, "trigger", trigger), (place, "source", &place.dataset.source)]
            }
        });
        let candidates = locations.filter(|(_, _, location)| is_here(location)).map(|(place, role, location)| {
            let progress = location.template.progress(key);
            (place, role, location, progress)
        });
        // Of equals the first, which `max_by_key` would not give.
        let (place, role, location, progress) = candidates
            .filter(|(.., progress)| progress.bytes > 0)
            .reduce(|best, next| if next.3.bytes > best.3.bytes { next } else { best })?;
        let matched = key.get(..progress.bytes).unwrap_or_default();
        let template = location.to_string();
        let expects = progress.expects;
        Some(format!(
            "nearest is {place}'s {role} {template:?}: it matches up to {matched:?} and then expects {expects}"
        ))
    }
}

/// A dataset and where it stands.
#[derive(Clone, Copy)]
struct Place<'a> {
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
    definitions
        .iter()
        .flat_map(|definition| definition.datasets.iter().map(move |dataset| Place { definition, dataset }))
}

fn doubled_pipelines(definitions: &[Definition]) -> impl Iterator<Item = String> {
    definitions.iter().enumerate().filter_map(|(index, definition)| {
        let name = &definition.pipeline;
        let is_double = definitions.iter().take(index).any(|earlier| earlier.pipeline == *name);
        is_double.then(|| format!("there are two pipelines of the name {name}"))
    })
}

fn shared_starts(definitions: &[Definition]) -> impl Iterator<Item = String> {
    datasets(definitions)
        .enumerate()
        .filter_map(|(index, place)| datasets(definitions).take(index).find_map(|earlier| clash(earlier, place)))
}

/// Why the two cannot live side by side.
fn clash(earlier: Place<'_>, place: Place<'_>) -> Option<String> {
    let (left, right) = (earlier.starts_on(), place.starts_on());
    if left == right {
        return Some(format!("{earlier} and {place} both start on {:?}", left.to_string()));
    }
    // Whether an undeclared bucket and a declared one are the same shows only where the stack runs.
    let key = (left.bucket == right.bucket).then(|| left.template.shared_key(&right.template)).flatten()?;
    let (left, right) = (left.to_string(), right.to_string());
    Some(format!("{earlier} starts on {left:?} and {place} on {right:?}, and {key:?} is both"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WATER: &str = r#"
        [datasets.pump_flow]
        trigger = "triggers/pump_flow/{status}_{scheduled:%Y-%m-%d_%H:%M:%S}.trig"
        source = "raw/pump_flow/{scheduled:%Y-%m-%d-%H:%M:%S}.json"
        table = "staging.pump_flow"
        columns.level = "real"

        [datasets.levels]
        source = "s3://meters/levels/*.csv"
        table = "staging.levels"
        columns.level = "real"
    "#;
    const RETAIL: &str = r#"
        [datasets.orders]
        source = "raw/retail/{date:%Y-%m-%d}/orders.csv"
        table = "orders"
        columns.id = "integer"

        [datasets.anything]
        source = "s3://landing/raw/retail/{date:%Y-%m-%d}/*.csv"
        table = "anything"
        columns.id = "integer"
    "#;

    fn definition(pipeline: &str, text: &str) -> Definition {
        Definition::parse(pipeline, "pipeline.toml", text).unwrap()
    }

    #[test]
    fn a_key_belongs_to_one_dataset() {
        let catalog = Catalog::new(vec![definition("water", WATER), definition("retail", RETAIL)]).unwrap();
        let check = |bucket: &str, key: &str, expected: &str| {
            let found = match catalog.find("landing", bucket, key) {
                Ok(KeyMatch::Source { dataset, captures, .. }) => {
                    format!("source of {} at {:?}", dataset.name, captures.logical_time())
                }
                Ok(KeyMatch::Trigger { definition, dataset, captures }) => {
                    let source = dataset.source.template.build(&captures).unwrap();
                    format!("trigger of {}/{} for {source}", definition.pipeline, dataset.name)
                }
                Ok(KeyMatch::SourceOfTriggered { dataset, .. }) => format!("idle source of {}", dataset.name),
                Err(error) => error.to_string(),
            };
            assert_eq!(found, expected, "{bucket} {key}");
        };
        check("landing", "raw/retail/2024-02-29/x.csv", "source of anything at Some(2024-02-29T00:00:00)");
        check("meters", "levels/x.csv", "source of levels at None");
        check(
            "landing",
            "triggers/pump_flow/Succeeded_2024-02-29_10:15:00.trig",
            "trigger of water/pump_flow for raw/pump_flow/2024-02-29-10:15:00.json",
        );
        check("landing", "raw/pump_flow/2024-02-29-10:15:00.json", "idle source of pump_flow");
        check(
            "landing",
            "raw/retail/2024-02-29/orders.csv",
            "\"raw/retail/2024-02-29/orders.csv\" starts both retail/orders and retail/anything; only one dataset may \
             have it as its source or trigger",
        );
        check(
            "landing",
            "triggers/pump_flow/Succeeded_2024-02-30_10:15:00.trig",
            "no dataset has \"triggers/pump_flow/Succeeded_2024-02-30_10:15:00.trig\" of bucket landing as its source \
             or trigger; nearest is water/pump_flow's trigger \
             \"triggers/pump_flow/{status}_{scheduled:%Y-%m-%d_%H:%M:%S}.trig\": it matches up to \
             \"triggers/pump_flow/Succeeded_\" and then expects a time in the format %Y-%m-%d_%H:%M:%S",
        );
        check("landing", "levels/x.csv", "no dataset has \"levels/x.csv\" of bucket landing as its source or trigger");
    }

    #[test]
    fn definitions_that_exclude_each_other() {
        let check = |definitions: Vec<Definition>, expected: &str| {
            assert_eq!(Catalog::new(definitions).map_err(|errors| errors.to_string()), Err(expected.to_owned()));
        };
        let start = "triggers/pump_flow/{status}_{scheduled:%Y-%m-%d_%H:%M:%S}.trig";
        check(
            vec![definition("a", WATER), definition("b", WATER)],
            &format!(
                "a/pump_flow and b/pump_flow both start on {start:?}\na/levels and b/levels both start on \
                 \"s3://meters/levels/*.csv\""
            ),
        );
        let retail = RETAIL.replace("s3://landing/", "");
        check(
            vec![definition("water", WATER), definition("retail", &retail)],
            "retail/orders starts on \"raw/retail/{date:%Y-%m-%d}/orders.csv\" and retail/anything on \
             \"raw/retail/{date:%Y-%m-%d}/*.csv\", and \"raw/retail/2024-02-29/orders.csv\" is both",
        );
        let other_bucket = WATER.replace("\"triggers/", "\"s3://other/triggers/").replace("meters", "others");
        assert!(Catalog::new(vec![definition("a", WATER), definition("b", &other_bucket)]).is_ok());
        let empty = "[datasets.x]\nsource = \"x\"\ntable = \"x\"\ncolumns.x = \"text\"";
        let other = empty.replace("source = \"x\"", "source = \"y\"");
        check(vec![definition("a", empty), definition("a", &other)], "there are two pipelines of the name a");
    }
}
