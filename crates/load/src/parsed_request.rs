//! Parses a load request: finds the dataset in the definition, and the run period of the load.

use std::sync::Arc;

use pipeline::{Dataset, Definition, ObjectProperties};
use postgres::Client;
use protocol::{LoadOutcome, LoadReport, LoadRequest, ObjectRef, RejectSample, RunRef};

use crate::copy::CopyResult;
use crate::download::Download;
use crate::error::LoadError;
use crate::ledger::{self, FileVersion, LedgerRecord};
use crate::repairs::RepairedLoad;
use crate::runs::{self, RunPeriod};

/// A load request with its dataset.
pub(crate) struct ParsedRequest<'a> {
    pub(crate) request: &'a LoadRequest,
    pub(crate) definition: Definition,
    /// The dataset, with the settings for this file.
    pub(crate) dataset: Arc<Dataset>,
    /// The dataset in `pipeline.toml`. `dataset` differs from it if the file is a repair.
    pub(crate) declared: Arc<Dataset>,
    pub(crate) period: Option<RunPeriod>,
}

impl<'a> ParsedRequest<'a> {
    pub(crate) fn new(request: &'a LoadRequest) -> Result<Self, LoadError> {
        let LoadRequest { pipeline, dataset, definition, definition_hash, .. } = request;
        let file = format!("pipelines/{pipeline}/pipeline.toml");
        let definition = Definition::parse(pipeline, &file, definition)
            .map_err(|errors| LoadError::InvalidDefinition(errors.to_string()))?;
        if definition.hash != *definition_hash {
            return Err(LoadError::InvalidInput("`definition_hash` is not the hash of `definition`".to_owned()));
        }
        let declared = definition
            .dataset(dataset)
            .ok_or_else(|| LoadError::InvalidInput(format!("{file} has no dataset {dataset}")))?;
        let declared = Arc::new(declared.clone());
        let dataset = match (request.repairs, request.reloads) {
            (Some(_), Some(load_id)) => {
                let reason = "it is a repair; reload the file that it repairs".to_owned();
                return Err(LoadError::NotReloadable { object: request.object.to_string(), load_id, reason });
            }
            (Some(_), None) => Arc::new(declared.for_repairs()),
            (None, Some(_)) => Arc::new(declared.for_reloads()),
            (None, None) => Arc::clone(&declared),
        };
        let period = RunPeriod::new(&definition, request);
        Ok(Self { request, definition, dataset, declared, period })
    }

    /// Returns the texts of the columns that are not in the records. `file_key` is the key of the original file, if this
    /// is a repair.
    pub(crate) fn object_values(&self, dataset: &Dataset, download: &Download, file_key: &str) -> Vec<Option<String>> {
        let ObjectRef { version_id, etag, .. } = download.object.clone();
        let last_modified = download.last_modified;
        let object = ObjectProperties { key: file_key.to_owned(), version_id, etag, last_modified };
        self.definition.object_values(dataset, &object)
    }

    pub(crate) fn version<'b>(&'b self, object: &'b ObjectRef, repaired: Option<&'b RepairedLoad>) -> FileVersion<'b> {
        FileVersion { request: self.request, object, table: &self.dataset.table, repaired }
    }

    /// Returns the report of a load that this invocation did.
    pub(crate) fn loaded_report(&self, load_id: i64, bytes: u64, copied: CopyResult) -> LoadReport {
        let CopyResult { counts, first_rejects, .. } = copied;
        let record = LedgerRecord {
            outcome: LoadOutcome::Loaded,
            load_id,
            table: self.dataset.table.to_string(),
            bytes,
            rows_read: counts.rows_read,
            rows_loaded: counts.rows_loaded,
            rows_rejected: counts.rows_rejected,
            definition_hash: self.request.definition_hash.clone(),
            is_forgotten: false,
        };
        self.report(record, first_rejects, None)
    }

    /// Returns the report of a version that needs no load.
    pub(crate) async fn recorded_report(&self, client: &Client, record: LedgerRecord) -> Result<LoadReport, LoadError> {
        let first_rejects = match record.rows_rejected {
            0 => Vec::new(),
            _ => ledger::first_rejects(client, record.load_id).await?,
        };
        let run = match record.outcome {
            LoadOutcome::Loaded | LoadOutcome::AlreadyLoaded if self.period.is_some() => {
                runs::unclaimed(client, record.load_id).await?
            }
            _ => None,
        };
        Ok(self.report(record, first_rejects, run))
    }

    /// Says that the file was forgotten, or names the command that loads it again if the definition has changed since.
    fn reason(&self, record: &LedgerRecord) -> Option<String> {
        if record.is_forgotten {
            return Some(format!("`penstock forget` deleted the rows of load {}", record.load_id));
        }
        let has_changed = record.outcome == LoadOutcome::AlreadyLoaded
            && record.definition_hash != self.request.definition_hash
            && self.request.repairs.is_none();
        has_changed.then(|| {
            format!(
                "load {} used an earlier definition of the pipeline; to load the file again with the current one, run \
                 `penstock reload {}`",
                record.load_id,
                shell_word(&self.request.object.key)
            )
        })
    }

    fn report(&self, record: LedgerRecord, first_rejects: Vec<RejectSample>, run: Option<RunRef>) -> LoadReport {
        LoadReport {
            reason: self.reason(&record),
            outcome: record.outcome,
            load_id: record.load_id,
            pipeline: self.request.pipeline.clone(),
            dataset: self.request.dataset.clone(),
            table: record.table,
            bytes: record.bytes,
            rows_read: record.rows_read,
            rows_loaded: record.rows_loaded,
            rows_rejected: record.rows_rejected,
            duration_ms: 0,
            first_rejects,
            run,
            repairs: self.request.repairs,
            reloads: self.request.reloads,
        }
    }
}

/// Quotes a word for a shell, if it needs quotes.
fn shell_word(word: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "_-./:=@%+,".contains(character);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_quoted_for_a_shell() {
        assert_eq!(shell_word("raw/dt=2024-05-01/a.csv"), "raw/dt=2024-05-01/a.csv");
        assert_eq!(shell_word("a b"), "'a b'");
        assert_eq!(shell_word("it's"), "'it'\\''s'");
    }
}
