//! Formats explanations for people.

use std::time::Duration;

use protocol::{Compression, Format};

use crate::commands::explain::dataset_keys::DatasetKeys;
use crate::commands::explain::explanation::{KeyExplanation, KeyOutcome, LoadedFile, MatchRole, MatchedDataset};
use crate::commands::explain::layout::{line, utc};
use crate::commands::explain::run_of_load::RunOfLoad;
use crate::pipelines::format_duration;

impl KeyExplanation {
    /// Returns the outcome, then its reasons.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.headline()];
        if let KeyOutcome::Fails { nearest: Some(nearest), .. } = &self.outcome {
            lines.push(line("nearest", nearest.strip_prefix("nearest is ").unwrap_or(nearest)));
        }
        if let Some(bucket) = self.bucket.as_ref().filter(|_| self.claim.is_none() && self.is_failure()) {
            lines.push(line("bucket", &format!("{bucket}; templates without s3:// are for the landing bucket")));
        }
        if let Some(claim) = &self.claim {
            lines.extend(claim.lines());
        }
        if let Some(data) = &self.data {
            lines.extend(data.lines());
        }
        lines.extend(self.run.iter().flat_map(RunOfLoad::lines));
        lines
    }

    fn headline(&self) -> String {
        match (&self.outcome, &self.claim) {
            (KeyOutcome::Loads, Some(MatchedDataset { repairs: Some(load_id), table, .. })) => {
                format!("repairs load {load_id}: adds its rows to {table}")
            }
            (KeyOutcome::Loads, Some(claim)) => format!("loads {} into {}", claim.dataset_name(), claim.table),
            (KeyOutcome::Loads, None) => "loads".to_owned(),
            (KeyOutcome::Ignored { .. }, Some(claim)) => {
                format!("starts nothing: {} starts on its trigger, not on its data file", claim.dataset_name())
            }
            (KeyOutcome::Ignored { reason }, None) => format!("ignored: {reason}"),
            (KeyOutcome::Fails { failure, reason, .. }, _) => format!("fails as {failure}: {reason}"),
        }
    }
}

impl MatchedDataset {
    fn dataset_name(&self) -> String {
        format!("{}/{}", self.pipeline, self.dataset)
    }

    fn lines(&self) -> Vec<String> {
        let role = match self.role {
            MatchRole::Source => "source",
            MatchRole::Trigger => "trigger",
            MatchRole::Repair => "repairs",
        };
        let mut lines = vec![line("matches", &format!("{}'s {role} {}", self.dataset_name(), self.template))];
        if !self.names.is_empty() {
            let names: Vec<String> = self.names.iter().map(|(name, value)| format!("{name} = {value}")).collect();
            lines.push(line("values", &names.join(", ")));
        }
        lines.push(line("time", &self.time()));
        lines.extend(self.starts_on.as_ref().map(|trigger| line("trigger", trigger)));
        lines
    }

    fn time(&self) -> String {
        match (self.logical_time, self.timezone.as_str(), self.role) {
            (Some(time), "UTC", _) | (Some(time), _, MatchRole::Repair) => utc(time),
            (Some(time), zone, _) => format!("{}; the values are in {zone}", utc(time)),
            (None, _, MatchRole::Source | MatchRole::Repair) => {
                "the upload time of the file, because the key has none".to_owned()
            }
            (None, _, MatchRole::Trigger) => "the upload time of the trigger, because its key has none".to_owned(),
        }
    }
}

impl LoadedFile {
    fn lines(&self) -> Vec<String> {
        let format = match self.format {
            Format::Csv => "CSV",
            Format::Tsv => "TSV",
            Format::Json => "JSON",
            Format::Jsonl => "JSON Lines",
            Format::Parquet => "Parquet",
        };
        let compression = match self.compression {
            Compression::None => "",
            Compression::Gzip => ", gzip",
            Compression::Zstd => ", zstd",
            Compression::Bzip2 => ", bzip2",
            Compression::Zip => ", zip",
        };
        let bytes = line("format", &format!("{format}{compression}"));
        match self.wait {
            None => vec![bytes],
            Some(wait) => vec![line("data", &self.address()), bytes, line("wait", &wait_text(wait))],
        }
    }

    fn address(&self) -> String {
        self.bucket.as_ref().map_or_else(|| self.key.clone(), |bucket| format!("s3://{bucket}/{}", self.key))
    }
}

impl DatasetKeys {
    pub(super) fn lines(&self) -> Vec<String> {
        let time = match self.timezone.as_str() {
            "UTC" => utc(self.time),
            zone => format!("{}, {} in {zone}", utc(self.time), self.local_time.format("%Y-%m-%dT%H:%M:%S")),
        };
        let mut lines = vec![line("time", &time), line("source", &self.source)];
        lines.extend(self.trigger.as_ref().map(|trigger| line("trigger", trigger)));
        lines.extend(self.run.iter().flat_map(RunOfLoad::lines));
        lines
    }
}

fn wait_text(wait: Duration) -> String {
    if wait.is_zero() { "none".to_owned() } else { format_duration(wait) }
}
