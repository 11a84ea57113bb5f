use chrono_tz::Tz;

use crate::dataset::Dataset;
use crate::errors::DefinitionError;
use crate::key_lines::KeyLines;
use crate::run::{Export, RunSettings, Transform};

/// A checked `pipeline.toml`.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// The name of the pipeline's folder.
    pub pipeline: String,
    /// The time zone of times in keys, and of periods.
    pub timezone: Tz,
    /// Sends a notice for each successful load. Failures always send one.
    pub notify_success: bool,
    pub run: RunSettings,
    /// In the order of the definition, in which they run.
    pub transforms: Vec<Transform>,
    /// In the order of the definition.
    pub exports: Vec<Export>,
    /// In the order of the definition.
    pub datasets: Vec<Dataset>,
    /// The SHA-256 of the text in hexadecimal.
    pub hash: String,
    pub(crate) declares_runs: bool,
    pub(crate) key_lines: KeyLines,
}

impl Definition {
    pub fn dataset(&self, name: &str) -> Option<&Dataset> {
        self.datasets.iter().find(|dataset| dataset.name == name)
    }

    /// Creates an error in this definition that only a check against other files finds. `key` is dotted; list items
    /// count from 1: `datasets.orders.source`, `exports[1].to`.
    pub fn error(&self, key: &str, reason: &str) -> DefinitionError {
        self.key_lines.error(key, reason)
    }

    /// Returns true if the pipeline has runs: its definition has `[run]`, `[[transforms]]` or `[[exports]]`.
    pub fn has_runs(&self) -> bool {
        self.declares_runs
    }
}
