//! Which keys a dataset has for a time.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use pipeline::{Catalog, Definition, Location, StartsOn};
use serde::Serialize;

use super::run_part::RunPart;
use crate::keys::times;
use crate::{Error, Result};

/// A time as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// In the pipeline's zone.
    Local(NaiveDateTime),
    Instant(DateTime<Utc>),
}

/// The keys of one dataset for one time, filled where the time tells.
#[derive(Debug, Serialize)]
pub(super) struct Expected {
    pub(super) pipeline: String,
    pub(super) dataset: String,
    pub(super) time: DateTime<Utc>,
    /// The same in the pipeline's zone, as keys have it.
    pub(super) local_time: NaiveDateTime,
    pub(super) timezone: String,
    pub(super) source: String,
    pub(super) trigger: Option<String>,
    pub(super) run: Option<RunPart>,
}

impl Expected {
    /// `name` is `PIPELINE/DATASET`.
    pub(super) fn of(catalog: &Catalog, name: &str, at: At) -> Result<Self> {
        let datasets = || {
            let all = catalog
                .definitions()
                .iter()
                .flat_map(|definition| definition.datasets.iter().map(move |d| (definition, d)));
            all.map(|(definition, dataset)| (format!("{}/{}", definition.pipeline, dataset.name), definition, dataset))
        };
        let Some((_, definition, dataset)) = datasets().find(|(known, ..)| known == name) else {
            return Err(Error::NoSuchDataset(name.to_owned(), datasets().map(|(known, ..)| known).collect()));
        };
        let local_time = at.local(definition);
        let time = definition.instant(local_time);
        let fill = |location: &Location| location.fill_in(&times(local_time));
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
            run: RunPart::of(definition, &dataset.name, Some(time)),
        })
    }
}

impl At {
    fn local(self, definition: &Definition) -> NaiveDateTime {
        match self {
            Self::Local(local) => local,
            Self::Instant(instant) => definition.local(instant),
        }
    }
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORMATS: [&str; 4] = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S%.f"];
        let local = |text: &str| FORMATS.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
        let offset = |format: &str| DateTime::parse_from_str(text, &format!("{format}%z")).ok();
        let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|day| day.and_time(NaiveTime::MIN));
        if let Some(instant) = text.strip_suffix('Z').and_then(local) {
            return Ok(Self::Instant(instant.and_utc()));
        }
        local(text)
            .or_else(day)
            .map(Self::Local)
            .or_else(|| FORMATS.iter().find_map(|format| offset(format)).map(|at| Self::Instant(at.to_utc())))
            .ok_or_else(|| "a time is written as 2024-05-01, 2024-05-01T09:15 or 2024-05-01T09:15:00+02:00".to_owned())
    }
}
