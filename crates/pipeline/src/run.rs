//! Runs in a definition: `[run]`, transforms and exports.

use std::time::Duration;

use chrono::NaiveDateTime;

use crate::names::TableName;
use crate::template::sample_times;
use crate::template::{Captures, KeyTemplate, TemplateError};

/// The placeholders of an export's key.
pub(crate) const RUN_DATE: &str = "run_date";
pub(crate) const RUN_ID: &str = "run_id";

/// The settings in `[run]`: when a run starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunSettings {
    pub when: When,
    pub per: Per,
    /// The time after its first load at which an incomplete run fails.
    pub deadline: Option<Duration>,
    pub again: Again,
    /// The pipeline whose successful runs this one follows.
    pub after: Option<String>,
    /// The pipeline whose failed runs this one follows.
    pub after_failure: Option<String>,
}

/// The loads that complete a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum When {
    /// Each load starts one run.
    #[default]
    Each,
    /// The first load of the period.
    Any,
    /// At least one load of every dataset.
    All,
}

/// The period of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Per {
    /// Loads with exactly the same logical time.
    #[default]
    File,
    Hour,
    Day,
    Month,
}

/// The effect of another load in a period that has run already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Again {
    /// It is recorded, and the pipeline does not run again.
    #[default]
    Skip,
    /// The pipeline runs again with all loads of the period.
    Rerun,
}

/// An SQL file that a run executes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transform {
    /// The file's name in the pipeline's folder.
    pub sql: String,
}

/// A file that a run writes to the curated bucket after the transforms are committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    pub source: ExportSource,
    /// The key in the curated bucket, with `{run_date:…}` and `{run_id}`.
    pub to: KeyTemplate,
    pub format: ExportFormat,
}

/// The rows of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportSource {
    Table(TableName),
    /// One query, with the parameters of transforms.
    Query(String),
}

/// The format of an export, from the ending of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExportFormat {
    Csv,
    Parquet,
}

impl When {
    /// Returns the word of `pipeline.toml`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Each => "each",
            Self::Any => "any",
            Self::All => "all",
        }
    }
}

impl Per {
    /// Returns the word of `pipeline.toml`.
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
    /// Returns the word of `pipeline.toml`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Rerun => "rerun",
        }
    }
}

impl RunSettings {
    /// Returns true if runs of another pipeline start the runs, and loads do not.
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

    /// Returns a key that both exports of one run have.
    pub(crate) fn same_key(&self, other: &Export) -> Option<String> {
        sample_times().find_map(|local| {
            let key = |export: &Export| export.to.write(&captures(local, SAMPLE_RUN)).ok();
            key(self).filter(|written| key(other).as_ref() == Some(written))
        })
    }
}

/// A number that is not part of any sample time.
const SAMPLE_RUN: i64 = 42;

fn captures(local: NaiveDateTime, run_id: i64) -> Captures {
    Captures::default().with_time(RUN_DATE, local).with_text(RUN_ID, &run_id.to_string())
}
