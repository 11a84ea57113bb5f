//! What a definition says of runs: when a set is complete, what is executed then, and what is exported.

use std::time::Duration;

use crate::{KeyTemplate, TableName};

/// `[run]`: which loads make a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
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
    pub what: Exported,
    /// Key in the curated bucket; `{run_date}`, also with a format, and `{run_id}`.
    pub to: KeyTemplate,
    pub format: ExportFormat,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exported {
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
