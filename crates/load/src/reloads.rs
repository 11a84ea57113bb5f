//! Reloads: a version of a file is loaded again, in place of the rows of an earlier load.
//!
//! A load is replaced by one reload only. So a request that is delivered twice reloads once.

use pipeline::version::{self, KeyHistory, VersionDecision};
use pipeline::{Dataset, OnNewVersion, WriteMode};
use postgres::Client;
use protocol::{LoadOutcome, UnknownName};

use crate::error::LoadError;
use crate::ledger::{
    self, ClaimResult, FileVersion, IS_NEWER, LOADED, LedgerRecord, OF_KEY, RECORD, begin_locked, current_load,
    in_progress, insert, is_overtaken, newer_loads, predecessors, record,
};

/// The load that a reload replaces.
struct ReplacedLoad {
    load_id: i64,
    /// The first load of this version. It gives the place of the version among those of its key.
    first_load_id: i64,
    sequencer: Option<String>,
    outcome: LoadOutcome,
}

/// Finds a version in the ledger, or the reload that the request asks for.
pub(crate) async fn find(client: &Client, version: FileVersion<'_>) -> Result<Option<LedgerRecord>, LoadError> {
    match version.request.reloads {
        Some(replaced) => find_reload(client, version, replaced).await,
        None => ledger::find(client, version).await,
    }
}

/// Executes `begin` and claims a version or a reload, or returns why nothing must be loaded.
pub(crate) async fn claim(
    client: &Client,
    begin: &str,
    version: FileVersion<'_>,
    dataset: &Dataset,
    declared: &Dataset,
) -> Result<ClaimResult, LoadError> {
    let Some(replaced) = version.request.reloads else {
        return ledger::claim(client, begin, version, dataset, declared).await;
    };
    let begun = client.batch_execute(&begin_locked(begin, version)).await;
    begun.map_err(|error| in_progress(version, error))?;
    claim_reload(client, version, declared, replaced).await
}

/// Finds the reload of a load. If the execution itself committed it, its reply was lost. Then the outcome is `Loaded`
/// again.
async fn find_reload(
    client: &Client,
    version: FileVersion<'_>,
    replaced: i64,
) -> Result<Option<LedgerRecord>, LoadError> {
    let query = format!(
        "select {RECORD}, coalesce(execution_arn = $2, false) as is_same_execution
         from penstock.load where reloads = $1 and outcome = '{LOADED}'"
    );
    let found = client.query_opt(&query, &[&replaced, &version.request.execution]).await?;
    Ok(found.map(|row| {
        let is_same_execution = row.get("is_same_execution");
        record(if is_same_execution { LoadOutcome::Loaded } else { LoadOutcome::AlreadyLoaded }, &row)
    }))
}

/// The caller holds the lock of the key.
async fn claim_reload(
    client: &Client,
    version: FileVersion<'_>,
    declared: &Dataset,
    replaced: i64,
) -> Result<ClaimResult, LoadError> {
    if let Some(record) = find_reload(client, version, replaced).await? {
        return Ok(ClaimResult::Recorded(record));
    }
    let replaced = ReplacedLoad::find(client, version, replaced).await?;
    let mut history = KeyHistory { recorded: Some(replaced.outcome), is_loaded: true, ..KeyHistory::default() };
    history.has_newer = replaced.has_newer(client, version).await?;
    if declared.write == WriteMode::Replace {
        history.is_overtaken = is_overtaken(client, version).await?;
    }
    let decision = version::decide_reload(declared, &history);
    let VersionDecision::Load { .. } = decision else {
        return Ok(ClaimResult::Recorded(current_load(client, version, decision.outcome()).await?));
    };
    let predecessors = match declared.on_new_version {
        OnNewVersion::Replace => predecessors(client, version, None).await?,
        // The rows of the other versions stay.
        OnNewVersion::Append | OnNewVersion::Ignore => {
            predecessors(client, version, Some(replaced.first_load_id)).await?
        }
    };
    let newer = match declared.write {
        WriteMode::Upsert { .. } => newer_loads(client, version, history).await?,
        WriteMode::Append | WriteMode::Replace => Vec::new(),
    };
    // After the queries for earlier loads, because they would find this one too.
    let load_id = insert(client, version, LoadOutcome::Loaded).await?;
    Ok(ClaimResult::Granted { load_id, predecessors, newer })
}

impl ReplacedLoad {
    /// Finds the load and checks that it is a load of this version.
    async fn find(client: &Client, version: FileVersion<'_>, load_id: i64) -> Result<Self, LoadError> {
        let FileVersion { request, object, .. } = version;
        let found = client
            .query_opt(
                &format!(
                    "select coalesce(first_load_id, load_id) as first_load_id, sequencer, outcome,
                            version_id is not distinct from $6 and etag is not distinct from $7 as is_same,
                            forgotten_at is not null as is_forgotten
                     from penstock.load where {OF_KEY} and load_id = $5 and repairs is null"
                ),
                &[
                    &request.pipeline,
                    &request.dataset,
                    &object.bucket,
                    &object.key,
                    &load_id,
                    &object.version_id,
                    &object.etag,
                ],
            )
            .await?;
        let not_reloadable = |reason: String| LoadError::NotReloadable { object: object.to_string(), load_id, reason };
        let row = found.ok_or_else(|| {
            let (pipeline, dataset) = (&request.pipeline, &request.dataset);
            not_reloadable(format!("it is no load of this file in dataset {pipeline}/{dataset}"))
        })?;
        if row.get("is_forgotten") {
            return Err(not_reloadable("`penstock forget` deleted its rows".to_owned()));
        }
        if !row.get::<_, bool>("is_same") {
            return Err(not_reloadable("it has another version of the file".to_owned()));
        }
        let outcome = row.get::<_, &str>("outcome").parse();
        let outcome = outcome.map_err(|error: UnknownName| LoadError::Internal(error.to_string()))?;
        Ok(Self { load_id, first_load_id: row.get("first_load_id"), sequencer: row.get("sequencer"), outcome })
    }

    /// Returns true if a newer version of the key is loaded. The later load is newer if a version has no sequencer.
    async fn has_newer(
        &self,
        client: &Client,
        FileVersion { request, object, .. }: FileVersion<'_>,
    ) -> Result<bool, LoadError> {
        let row = client
            .query_one(
                &format!(
                    "select exists (
                         select from penstock.load
                         where {OF_KEY} and outcome = '{LOADED}' and load_id <> $6
                           and coalesce(first_load_id, load_id) <> $7
                           and case when sequencer is null or $5::text is null
                                    then coalesce(first_load_id, load_id) > $7 else {IS_NEWER} end)"
                ),
                &[
                    &request.pipeline,
                    &request.dataset,
                    &object.bucket,
                    &object.key,
                    &self.sequencer.as_deref().map(str::to_ascii_lowercase),
                    &self.load_id,
                    &self.first_load_id,
                ],
            )
            .await?;
        Ok(row.get(0))
    }
}
