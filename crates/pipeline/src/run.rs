//! What a definition says of runs: when a set is complete, what is executed then, and what is exported.

use std::time::Duration;

use chrono::NaiveDateTime;

use crate::names::TableName;
use crate::template::sample_times;
use crate::template::{Captures, KeyTemplate, TemplateError};

/// The names that an export's key may have.
pub(crate) const RUN_DATE: &str = "run_date";
pub(crate) const RUN_ID: &str = "run_id";

/// `[run]`: which loads make a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunSettings {
    pub when: When,
    pub per: Per,
    /// How long an incomplete set may wait, from its first load on.
    pub deadline: Option<Duration>,
    pub again: Again,
    /// The pipeline whose successful runs this one follows.
    pub after: Option<String>,
    /// The pipeline whose failed runs this one follows.
    pub after_failure: Option<String>,
}

/// Which loads make a set complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum When {
    /// Every load is a run of its own.
    #[default]
    Each,
    /// The first load of the period.
    Any,
    /// One load at least of every dataset.
    All,
}

/// The period that groups loads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Per {
    /// Loads of exactly the same logical time.
    #[default]
    File,
    Hour,
    Day,
    Month,
}

/// What a further load does to a period whose set was complete before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Again {
    /// It is recorded.
    #[default]
    Skip,
    /// The pipeline runs again over all loads of the period.
    Rerun,
}

/// One SQL file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transform {
    /// Its name in the pipeline's folder.
    pub sql: String,
}

/// What is written to the curated bucket when the transforms are committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    pub source: ExportSource,
    /// Key in the curated bucket, of `{run_date:…}` and `{run_id}`.
    pub to: KeyTemplate,
    pub format: ExportFormat,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportSource {
    Table(TableName),
    /// One `select`, with the parameters that transforms have.
    Query(String),
}

/// By the ending of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExportFormat {
    Csv,
    Parquet,
}

impl When {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Each => "each",
            Self::Any => "any",
            Self::All => "all",
        }
    }
}

impl Per {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

impl Again {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Rerun => "rerun",
        }
    }
}

impl RunSettings {
    /// Whether this pipeline's runs follow those of another, and are made by no load.
    pub fn follows(&self) -> bool {
        self.after.is_some() || self.after_failure.is_some()
    }
}

impl Export {
    /// Builds the key that a run writes. `local` is the run's logical time in the pipeline's zone: `{run_date}` is its day,
    /// unless a format says more.
    pub fn key(&self, local: NaiveDateTime, run_id: i64) -> Result<String, TemplateError> {
        self.to.write(&captures(local, run_id))
    }

    /// A key that both are written to by one run.
    pub(crate) fn same_key(&self, other: &Export) -> Option<String> {
        sample_times().find_map(|local| {
            let key = |export: &Export| export.to.write(&captures(local, SAMPLE_RUN)).ok();
            key(self).filter(|written| key(other).as_ref() == Some(written))
        })
    }
}

/// A number that is part of no sampled time.
const SAMPLE_RUN: i64 = 42;

fn captures(local: NaiveDateTime, run_id: i64) -> Captures {
    Captures::default().with_time(RUN_DATE, local).with_text(RUN_ID, &run_id.to_string())
}
