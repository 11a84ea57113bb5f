//! Finds the loads to load again, and predicts what a reload does with each.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use pipeline::version::{self, KeyHistory, VersionDecision};
use pipeline::{Catalog, Dataset, KeyBucket, KeyDecision, WriteMode};
use postgres::Client;
use protocol::{LoadOutcome, ObjectRef, Reload};
use serde::Serialize;
use serde_json::{Value, json};
use tokio_postgres::Row;

use crate::error::{Error, Result};

/// The loads that a command names.
#[derive(Debug, Default)]
pub(super) struct LoadFilter {
    pub(super) keys: Option<Vec<String>>,
    /// Pipeline and dataset.
    pub(super) dataset: Option<(String, String)>,
    pub(super) prefix: Option<String>,
    pub(super) since: Option<DateTime<Utc>>,
}

/// A load whose version can be loaded again.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) load_id: i64,
    pub(super) pipeline: String,
    pub(super) dataset: String,
    pub(super) object: ObjectRef,
    pub(super) rows: i64,
    /// The rows of its repairs. A reload removes them too.
    pub(super) repaired_rows: i64,
    table: String,
    reload: Reload,
    history: KeyHistory,
    /// A reload has the place of its first load.
    first_load_id: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReloadOutcome {
    Reload,
    /// Another version or another file has replaced the rows.
    Superseded,
    /// No dataset of this name loads the key.
    NoDataset,
    /// The version is not in the bucket any more.
    ObjectGone,
}

impl ReloadOutcome {
    /// Returns the outcome as it completes the sentence "the file would …".
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Reload => "reload",
            Self::Superseded => "stay: superseded",
            Self::NoDataset => "stay: no dataset",
            Self::ObjectGone => "fail: its object is gone",
        }
    }
}

/// The loads in the table have outcome `Loaded`, are not replaced by a reload, and are no repairs. A later load is newer
/// if one of two versions has no sequencer, as in the loader.
const CANDIDATES: &str = "
    select load.load_id, pipeline, dataset, bucket, key, version_id, etag, sequencer, bytes, rows_loaded, table_name,
           coalesce(logical_at, scheduled_at, started_at) as logical_at, scheduled_at, actual_at,
           coalesce(first_load_id, load.load_id) as first_load_id,
           exists (
               select from penstock.load as other
               where other.pipeline = load.pipeline and other.dataset = load.dataset and other.bucket = load.bucket
                 and other.key = load.key and other.outcome = 'Loaded'
                 and coalesce(other.first_load_id, other.load_id) <> coalesce(load.first_load_id, load.load_id)
                 and case when other.sequencer is null or load.sequencer is null
                          then coalesce(other.first_load_id, other.load_id) > coalesce(load.first_load_id, load.load_id)
                          else lpad(lower(other.sequencer), 64, '0') collate \"C\" > lpad(lower(load.sequencer), 64, '0')
                     end) as has_newer,
           exists (
               select from penstock.load as other
               where other.pipeline = load.pipeline and other.dataset = load.dataset
                 and other.table_name = load.table_name and other.outcome = 'Loaded' and other.repairs is null
                 and (other.bucket, other.key) <> (load.bucket, load.key)
                 and (other.load_id > load.load_id or other.committed_at >= load.committed_at)) as is_overtaken,
           (with recursive repair as (
                select load_id, rows_loaded from penstock.load as direct
                where direct.repairs = load.load_id and direct.outcome = 'Loaded'
                union all
                select next.load_id, next.rows_loaded
                from penstock.load as next join repair on next.repairs = repair.load_id
                where next.outcome = 'Loaded')
            select coalesce(sum(rows_loaded), 0)::bigint from repair) as repaired_rows
    from penstock.load
    where outcome = 'Loaded' and repairs is null and forgotten_at is null and replaced_by is null
      and not exists (select from penstock.load as reload where reload.reloads = load.load_id)
      and ($1::text[] is null or key = any($1))
      and ($2::text is null or (pipeline = $2 and dataset = $3::text))
      and ($4::text is null or starts_with(key, $4))
      and ($5::timestamptz is null or committed_at >= $5)
    order by first_load_id";

/// Reads the loads, in the order of their first loads.
pub(super) async fn candidates(client: &Client, filter: &LoadFilter) -> Result<Vec<Candidate>> {
    let (pipeline, dataset) = filter.dataset.as_ref().map(|(pipeline, dataset)| (pipeline, dataset)).unzip();
    let found = client.query(CANDIDATES, &[&filter.keys, &pipeline, &dataset, &filter.prefix, &filter.since]).await;
    Ok(found.map_err(Error::database("reading the ledger"))?.iter().map(Candidate::new).collect())
}

impl Candidate {
    fn new(row: &Row) -> Self {
        let object = ObjectRef {
            version_id: row.get("version_id"),
            etag: row.get("etag"),
            size_bytes: u64::try_from(row.get::<_, i64>("bytes")).ok(),
            sequencer: row.get("sequencer"),
            // A key without a time has the logical time of its event.
            event_time: Some(row.get("logical_at")),
            ..ObjectRef::new(row.get::<_, String>("bucket"), row.get::<_, String>("key"))
        };
        let load_id = row.get("load_id");
        Self {
            load_id,
            pipeline: row.get("pipeline"),
            dataset: row.get("dataset"),
            object,
            rows: row.get("rows_loaded"),
            repaired_rows: row.get("repaired_rows"),
            table: row.get("table_name"),
            reload: Reload { load_id, scheduled_at: row.get("scheduled_at"), actual_at: row.get("actual_at") },
            history: KeyHistory {
                recorded: Some(LoadOutcome::Loaded),
                is_loaded: true,
                has_same_content: false,
                has_newer: row.get("has_newer"),
                is_overtaken: row.get("is_overtaken"),
            },
            first_load_id: row.get("first_load_id"),
        }
    }

    /// Returns the event that reloads the version.
    pub(super) fn event(&self) -> Result<String> {
        let unexpected = |error: serde_json::Error| Error::Unexpected(error.to_string());
        let mut event = serde_json::to_value(&self.object).map_err(unexpected)?;
        event["reload"] = serde_json::to_value(&self.reload).map_err(unexpected)?;
        Ok(event.to_string())
    }

    /// Predicts the outcome by definitions and ledger. The reason explains every other outcome than an ordinary reload.
    pub(super) fn predict(&self, catalog: &Catalog, landing_bucket: &str) -> (ReloadOutcome, Option<String>) {
        let bucket = KeyBucket::of(&self.object.bucket, landing_bucket);
        let dataset = match catalog.decide_reload(bucket, &self.object.key) {
            KeyDecision::Load { matched, .. }
                if (&matched.definition.pipeline, &matched.dataset.name) == (&self.pipeline, &self.dataset) =>
            {
                matched.dataset
            }
            KeyDecision::Load { matched, .. } => {
                let found = format!("{}/{}", matched.definition.pipeline, matched.dataset.name);
                return (ReloadOutcome::NoDataset, Some(format!("the key is now of dataset {found}")));
            }
            KeyDecision::Ignore { reason, .. } => return (ReloadOutcome::NoDataset, Some(reason)),
            KeyDecision::Fail { failure, .. } => return (ReloadOutcome::NoDataset, Some(failure.to_string())),
        };
        match version::decide_reload(dataset, &self.history) {
            VersionDecision::Load { .. } => (ReloadOutcome::Reload, self.remark(dataset)),
            _ => {
                let by = if self.history.has_newer { "a newer version of the key" } else { "another file" };
                (ReloadOutcome::Superseded, Some(format!("{by} has replaced its rows")))
            }
        }
    }

    fn remark(&self, dataset: &Dataset) -> Option<String> {
        if dataset.table.to_string() != self.table {
            return Some(format!("into {}; its rows in {} stay", dataset.table, self.table));
        }
        // With a time or `newer_by`, the rows of later files stay.
        let is_by_commit = dataset.logical_time.is_none() && dataset.newer_by.is_none();
        let overwrites = matches!(dataset.write, WriteMode::Upsert { .. }) && is_by_commit && self.history.is_overtaken;
        overwrites.then(|| "other files were loaded later; reload the dataset to keep the order".to_owned())
    }
}

/// Groups loads into waves. Loads of one wave may run at the same time, the waves run one after the other.
///
/// Versions of one key keep their order. With `replace` and `upsert`, all files of a table do.
pub(super) fn waves(candidates: Vec<Candidate>, catalog: &Catalog) -> Vec<Vec<Candidate>> {
    let mut candidates = candidates;
    // The first loads of a key may have another order than its versions.
    candidates.sort_by_cached_key(|it| it.first_load_id);
    let mut waves: Vec<Vec<Candidate>> = Vec::new();
    let mut lengths: HashMap<Value, usize> = HashMap::new();
    for candidate in candidates {
        let definition = catalog.definitions().iter().find(|definition| definition.pipeline == candidate.pipeline);
        let dataset = definition.and_then(|definition| definition.dataset(&candidate.dataset));
        let is_ordered = dataset.is_some_and(|dataset| dataset.write != WriteMode::Append);
        let ObjectRef { bucket, key, .. } = &candidate.object;
        let chain = if is_ordered { json!([candidate.table]) } else { json!([candidate.dataset, bucket, key]) };
        let length = lengths.entry(chain).or_default();
        if waves.len() <= *length {
            waves.push(Vec::new());
        }
        waves[*length].push(candidate);
        *length += 1;
    }
    waves
}
