use chrono_tz::Tz;

use crate::dataset::Dataset;
use crate::errors::DefinitionError;
use crate::key_lines::KeyLines;
use crate::run::{Export, RunSettings, Transform};

/// One `pipeline.toml`, checked as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// The name of the pipeline's folder.
    pub pipeline: String,
    /// Times in file names, and logical days, are in it.
    pub timezone: Tz,
    /// Whether a load is announced; a failure always is.
    pub notify_success: bool,
    pub run: RunSettings,
    /// In the order of the file, which is the order in which they run.
    pub transforms: Vec<Transform>,
    /// In the order of the file.
    pub exports: Vec<Export>,
    /// In the order of the file.
    pub datasets: Vec<Dataset>,
    /// SHA-256 of the text, hex.
    pub hash: String,
    pub(crate) declares_runs: bool,
    pub(crate) key_lines: KeyLines,
}

impl Definition {
    pub fn dataset(&self, name: &str) -> Option<&Dataset> {
        self.datasets.iter().find(|dataset| dataset.name == name)
    }

    /// What is wrong with a key of this definition, and shows only beside other files; `key` is dotted, and the items of
    /// a list are counted from 1: `datasets.orders.source`, `exports[1].to`.
    pub fn error(&self, key: &str, reason: &str) -> DefinitionError {
        self.key_lines.error(key, reason)
    }

    /// Whether loads make runs: the file has `[run]`, `[[transforms]]` or `[[exports]]`. Others are loaded, and that
    /// is all.
    pub fn has_runs(&self) -> bool {
        self.declares_runs
    }
}
