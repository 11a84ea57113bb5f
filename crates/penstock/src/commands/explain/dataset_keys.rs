use chrono::{DateTime, NaiveDateTime, Utc};
use pipeline::{Catalog, Location, StartsOn};
use serde::Serialize;

use crate::commands::explain::run_of_load::RunOfLoad;
use crate::error::{Error, Result};
use crate::pipelines::dataset_times;
use crate::time_argument::TimeArgument;

/// The keys of a dataset for one time. Placeholders that the time does not determine stay.
#[derive(Debug, Serialize)]
pub(super) struct DatasetKeys {
    pub(super) pipeline: String,
    pub(super) dataset: String,
    pub(super) time: DateTime<Utc>,
    /// The time in the time zone of the pipeline, as in keys.
    pub(super) local_time: NaiveDateTime,
    pub(super) timezone: String,
    pub(super) source: String,
    pub(super) trigger: Option<String>,
    pub(super) run: Option<RunOfLoad>,
}

impl DatasetKeys {
    /// Fills in the templates of the dataset `PIPELINE/DATASET`.
    pub(super) fn of(catalog: &Catalog, name: &str, at: TimeArgument) -> Result<Self> {
        let datasets = || {
            let all = catalog
                .definitions()
                .iter()
                .flat_map(|definition| definition.datasets.iter().map(move |d| (definition, d)));
            all.map(|(definition, dataset)| (format!("{}/{}", definition.pipeline, dataset.name), definition, dataset))
        };
        let Some((_, definition, dataset)) = datasets().find(|(known, ..)| known == name) else {
            return Err(Error::NoSuchDataset {
                name: name.to_owned(),
                known: datasets().map(|(known, ..)| known).collect(),
            });
        };
        let local_time = at.local(definition);
        let time = definition.instant(local_time);
        let fill = |location: &Location| location.fill_in(&dataset_times(dataset, local_time));
        Ok(Self {
            pipeline: definition.pipeline.clone(),
            dataset: dataset.name.clone(),
            time,
            local_time,
            timezone: definition.timezone.name().to_owned(),
            source: fill(&dataset.source),
            trigger: match &dataset.starts_on {
                StartsOn::Trigger { trigger, .. } => Some(fill(trigger)),
                StartsOn::Source => None,
            },
            run: RunOfLoad::of(definition, &dataset.name, Some(time)),
        })
    }
}
