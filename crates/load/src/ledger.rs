//! `penstock.load`, the ledger: finds, claims and closes the row of a file version.

use formats::Counts;
use futures_util::future::{join, join3};
use pipeline::version::{self, KeyHistory, VersionDecision};
use pipeline::{Dataset, TableName, WriteMode};
use postgres::Client;
use protocol::{LoadOutcome, LoadRequest, ObjectRef, RejectSample, UnknownName};
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use crate::error::LoadError;
use crate::integers::{signed, unsigned};
use crate::key_lock::key_lock;
use crate::limits::REJECTS_SHOWN_MAX;
use crate::repairs::RepairedLoad;
use crate::runs::{Joined, RunPeriod};

pub(crate) const LOADED: &str = LoadOutcome::Loaded.as_str();
const ALREADY_LOADED: &str = LoadOutcome::AlreadyLoaded.as_str();

/// One version of a file, for one dataset.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileVersion<'a> {
    pub(crate) request: &'a LoadRequest,
    /// The object of the request, with everything that S3 has returned about it.
    pub(crate) object: &'a ObjectRef,
    pub(crate) table: &'a TableName,
    /// The load that the file repairs.
    pub(crate) repaired: Option<&'a RepairedLoad>,
}

/// The ledger's data about a version that was loaded or needs no load.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LedgerRecord {
    pub(crate) outcome: LoadOutcome,
    /// The load whose rows are in the table.
    pub(crate) load_id: i64,
    pub(crate) table: String,
    pub(crate) bytes: u64,
    pub(crate) rows_read: u64,
    pub(crate) rows_loaded: u64,
    pub(crate) rows_rejected: u64,
    /// The definition that the load used.
    pub(crate) definition_hash: String,
    /// `penstock forget` deleted the rows.
    pub(crate) is_forgotten: bool,
}

/// The columns of [`LedgerRecord`], without the outcome.
pub(crate) const RECORD: &str = "load_id, table_name, bytes, rows_read, rows_loaded, rows_rejected, definition_hash,
     forgotten_at is not null as is_forgotten";

/// The order of the versions of a key in the ledger. A reload has the place of its first load.
const VERSION_ORDER: &str = "coalesce(first_load_id, load_id)";

/// The result of [`claim`].
#[derive(Debug)]
pub(crate) enum ClaimResult {
    /// Load the version. No other session can load it until the transaction ends.
    Granted {
        load_id: i64,
        predecessors: Predecessors,
        /// The predecessors with a newer version. Empty unless rows are upserted.
        newer: Vec<i64>,
    },
    /// The version needs no load.
    Recorded(LedgerRecord),
}

/// The earlier loads of the same key into the same table, and their repairs, that no load replaced.
#[derive(Debug, Default)]
pub(crate) struct Predecessors {
    pub(crate) all: Vec<i64>,
    /// The loads with rows, which may still be in the table.
    pub(crate) with_rows: Vec<i64>,
}

/// Selects the loads of one key of one dataset. These are the first four parameters of every statement.
pub(crate) const OF_KEY: &str = "pipeline = $1 and dataset = $2 and bucket = $3 and key = $4";

/// Finds a version in the ledger: by its identity, or by the execution if the event had no identity.
///
/// If the execution itself committed the load, its reply was lost. Then the outcome is `Loaded` again.
pub(crate) async fn find(client: &Client, version: FileVersion<'_>) -> Result<Option<LedgerRecord>, LoadError> {
    let FileVersion { request, object, .. } = version;
    let found = client
        .query_opt(
            &format!(
                "select outcome, {RECORD},
                        coalesce(execution_arn = $8, false) as is_same_execution
                 from penstock.load
                 where {OF_KEY}
                   and (coalesce('version ' || version_id, 'etag ' || etag || '/' || sequencer)
                        = coalesce('version ' || $5::text, 'etag ' || $6::text || '/' || $7::text)
                        or (execution_arn = $8 and etag = coalesce($6, etag)))
                 order by load_id desc limit 1"
            ),
            &[
                &request.pipeline,
                &request.dataset,
                &object.bucket,
                &object.key,
                &object.version_id,
                &object.etag,
                &object.sequencer,
                &request.execution,
            ],
        )
        .await?;
    let Some(row) = found else { return Ok(None) };
    let recorded: LoadOutcome =
        row.get::<_, &str>("outcome").parse().map_err(|error: UnknownName| LoadError::Internal(error.to_string()))?;
    let outcome = version::decide_again(recorded).outcome();
    if recorded != LoadOutcome::Loaded {
        return current_load(client, version, outcome).await.map(Some);
    }
    let is_same_execution = row.get("is_same_execution");
    Ok(Some(record(if is_same_execution { LoadOutcome::Loaded } else { outcome }, &row)))
}

/// Gives the loads of a dataset's earlier name to the dataset. A load that the dataset has already keeps its name.
pub(crate) async fn rename_dataset(client: &Client, request: &LoadRequest, earlier: &str) -> Result<(), LoadError> {
    const IDENTITY: &str = "coalesce('version ' || version_id, 'etag ' || etag || '/' || sequencer)";
    let statement = format!(
        "with renamed as (
             update penstock.load set dataset = $3
             where pipeline = $1 and dataset = $2
               and not exists (
                   select from (select bucket, key, {IDENTITY} as identity from penstock.load
                                where pipeline = $1 and dataset = $3) as known
                   where known.bucket = load.bucket and known.key = load.key and known.identity = {IDENTITY})
             returning load_id),
         inputs as (
             update penstock.run_input set dataset = $3
             from renamed where run_input.load_id = renamed.load_id and run_input.dataset = $2)
         update penstock.awaited set dataset = $3
         where pipeline = $1 and dataset = $2
           and not exists (select from penstock.awaited as known
                           where known.pipeline = $1 and known.dataset = $3
                             and known.bucket = awaited.bucket and known.key = awaited.key)"
    );
    client.execute(&statement, &[&request.pipeline, &earlier, &request.dataset]).await?;
    Ok(())
}

/// Executes `begin` and claims a version, or returns why nothing must be loaded. `declared` is the dataset in
/// `pipeline.toml`; `dataset` differs from it for a repair.
///
/// A lock on the key serializes the loads of one key, in any order of their events.
pub(crate) async fn claim(
    client: &Client,
    begin: &str,
    version: FileVersion<'_>,
    dataset: &Dataset,
    declared: &Dataset,
) -> Result<ClaimResult, LoadError> {
    let begin = begin_locked(begin, version);
    // One round trip for both. The first poll sends, and PostgreSQL executes in the order of sending. So the insert runs
    // with the lock held.
    let (begun, of_new_key) = join(client.batch_execute(&begin), insert_if_new_key(client, version)).await;
    begun.map_err(|error| in_progress(version, error))?;
    if let Some(load_id) = of_new_key? {
        return Ok(ClaimResult::Granted { load_id, predecessors: Predecessors::default(), newer: Vec::new() });
    }
    let (found, history, predecessors) =
        join3(find(client, version), key_history(client, version), predecessors(client, version, None)).await;
    if let Some(record) = found? {
        return Ok(ClaimResult::Recorded(record));
    }
    if let Some(repaired) = version.repaired {
        repaired.check(client, version.request, version.table, declared).await?;
    }
    let mut history = history?;
    if history.has_same_content && version::depends_on_other_files(dataset) {
        history.is_overtaken = is_overtaken(client, version).await?;
    }
    let decision = version::decide(dataset, &history);
    let outcome = decision.outcome();
    let load_id = insert(client, version, outcome).await?;
    match decision {
        VersionDecision::Load { .. } => {
            let newer = match dataset.write {
                WriteMode::Upsert { .. } => newer_loads(client, version, history).await?,
                WriteMode::Append | WriteMode::Replace => Vec::new(),
            };
            Ok(ClaimResult::Granted { load_id, predecessors: predecessors?, newer })
        }
        VersionDecision::AlreadyLoaded | VersionDecision::Superseded | VersionDecision::Ignored => {
            client.execute(CLOSE, &[&load_id, &0_i64, &0_i64, &0_i64, &None::<&str>]).await?;
            Ok(ClaimResult::Recorded(current_load(client, version, outcome).await?))
        }
    }
}

/// Returns the statements that begin the transaction and lock the key.
pub(crate) fn begin_locked(begin: &str, version: FileVersion<'_>) -> String {
    let FileVersion { request, object, repaired, .. } = version;
    let file = repaired.map_or(object, |repaired| &repaired.file);
    format!("{begin}; select pg_advisory_xact_lock({})", key_lock(&request.pipeline, &request.dataset, file))
}

/// Converts a lock time-out of [`begin_locked`] into `LoadInProgress`.
pub(crate) fn in_progress(version: FileVersion<'_>, error: tokio_postgres::Error) -> LoadError {
    match error.code() {
        Some(&SqlState::LOCK_NOT_AVAILABLE) => LoadError::LoadInProgress { object: version.object.to_string() },
        _ => error.into(),
    }
}

/// Writes the counts, adds the load to its run, and commits. Returns the run.
///
/// # Errors
/// After an error of COMMIT the load may be committed.
pub(crate) async fn close_and_commit(
    client: &Client,
    load_id: i64,
    counts: &Counts,
    header: Option<&str>,
    period: Option<&RunPeriod>,
) -> Result<Joined, LoadError> {
    // Prepare first, because an unprepared statement would be sent after COMMIT.
    let close = client.prepare(CLOSE).await?;
    let membership = match period {
        Some(period) => Some(period.choose_run(client).await?),
        None => None,
    };
    let join = async {
        match &membership {
            Some(membership) => membership.join(client, load_id).await,
            None => Ok(Joined::default()),
        }
    };
    let (read, loaded) = (signed(counts.rows_read), signed(counts.rows_loaded));
    let parameters: [&(dyn ToSql + Sync); 5] = [&load_id, &read, &loaded, &signed(counts.rows_rejected), &header];
    // After an error of the first two, COMMIT rolls back.
    let (closed, run, committed) =
        join3(client.execute_prepared(&close, &parameters), join, client.batch_execute("commit")).await;
    closed?;
    let run = run?;
    committed?;
    Ok(run)
}

const CLOSE: &str = "update penstock.load
                     set rows_read = $2, rows_loaded = $3, rows_rejected = $4, header = $5, committed_at = clock_timestamp()
                     where load_id = $1";

/// Selects the loads of a key that meet `condition`, their repairs, the repairs of those, and so on.
///
/// The query selects every column that the callers need. A join to the ledger would scan the whole table.
fn with_repairs(condition: &str) -> String {
    format!(
        "with recursive family as (
             select load_id, table_name, rows_loaded, replaced_by from penstock.load
             where {OF_KEY} and outcome = '{LOADED}' and {condition}
             union
             select repair.load_id, repair.table_name, repair.rows_loaded, repair.replaced_by
             from penstock.load as repair join family on repair.repairs = family.load_id
             where repair.outcome = '{LOADED}')"
    )
}

/// Returns the earlier loads of the key in the table, and their repairs. With `first_load_id`, only those of the version
/// that this load was the first of.
pub(crate) async fn predecessors(
    client: &Client,
    version: FileVersion<'_>,
    first_load_id: Option<i64>,
) -> Result<Predecessors, LoadError> {
    let FileVersion { request, object, table, .. } = version;
    let of_version = with_repairs(&format!("($6::bigint is null or {VERSION_ORDER} = $6)"));
    let found = client
        .query(
            &format!(
                "{of_version} select load_id, rows_loaded > 0 from family where table_name = $5 and replaced_by is null"
            ),
            &[&request.pipeline, &request.dataset, &object.bucket, &object.key, &table.to_string(), &first_load_id],
        )
        .await?;
    let mut predecessors = Predecessors::default();
    for row in &found {
        predecessors.all.push(row.get(0));
        if row.get(1) {
            predecessors.with_rows.push(row.get(0));
        }
    }
    Ok(predecessors)
}

/// Records that `load_id` replaces the rows of these loads.
pub(crate) async fn mark_replaced(client: &Client, load_id: i64, replaced: &[i64]) -> Result<(), LoadError> {
    if !replaced.is_empty() {
        let statement = "update penstock.load set replaced_by = $1 where load_id = any($2) and replaced_by is null";
        client.execute(statement, &[&load_id, &replaced]).await?;
    }
    Ok(())
}

/// Deletes all rows of a table, and records that `load_id` replaces the loads of them.
///
/// One statement does both. So it sees the ledger row of another load exactly if it sees the rows of that load.
pub(crate) async fn replace_table(client: &Client, load_id: i64, table: &TableName) -> Result<(), LoadError> {
    let statement = format!(
        "with deleted as (delete from {})
         update penstock.load set replaced_by = $1
         where table_name = $2 and outcome = '{LOADED}' and replaced_by is null and load_id <> $1",
        table.quoted()
    );
    client.execute(&statement, &[&load_id, &table.to_string()]).await?;
    Ok(())
}

/// Reads [`KeyHistory::is_overtaken`].
///
/// Loads of different keys may claim in one order and commit in another, so this compares both. Loading the same rows
/// again does no harm. The repairs of the key itself do not count.
pub(crate) async fn is_overtaken(client: &Client, version: FileVersion<'_>) -> Result<bool, LoadError> {
    let FileVersion { request, object, table, .. } = version;
    let row = client
        .query_one(
            &format!(
                "{}, latest as (
                     select load_id, committed_at from penstock.load
                     where {OF_KEY} and outcome = '{LOADED}' order by load_id desc limit 1)
                 select exists (
                     select from penstock.load as other, latest
                     where other.pipeline = $1 and other.dataset = $2 and (other.bucket, other.key) <> ($3, $4)
                       and other.table_name = $5 and other.outcome = '{LOADED}'
                       and (other.load_id > latest.load_id or other.committed_at >= latest.committed_at)
                       and other.load_id not in (select load_id from family))",
                with_repairs("true")
            ),
            &[&request.pipeline, &request.dataset, &object.bucket, &object.key, &table.to_string()],
        )
        .await?;
    Ok(row.get(0))
}

/// Returns the loads of newer versions of the key and their repairs. For a repair, this includes newer versions of the
/// original file.
pub(crate) async fn newer_loads(
    client: &Client,
    version: FileVersion<'_>,
    history: KeyHistory,
) -> Result<Vec<i64>, LoadError> {
    let mut newer = Vec::new();
    if history.has_newer {
        newer.extend(newer_than(client, version.request, version.object).await?);
    }
    if let Some(repaired) = version.repaired {
        newer.extend(newer_than(client, version.request, &repaired.file).await?);
    }
    Ok(newer)
}

async fn newer_than(client: &Client, request: &LoadRequest, object: &ObjectRef) -> Result<Vec<i64>, LoadError> {
    let found = client
        .query(
            &format!("{} select load_id from family", with_repairs(IS_NEWER)),
            &[&request.pipeline, &request.dataset, &object.bucket, &object.key, &object.ordered_sequencer()],
        )
        .await?;
    Ok(found.iter().map(|row| row.get(0)).collect())
}

/// True if the sequencer of a row is greater than parameter 5.
pub(crate) const IS_NEWER: &str = "lpad(lower(sequencer), 64, '0') collate \"C\" > lpad($5, 64, '0')";

/// Returns the first rejects of a load, by line.
pub(crate) async fn first_rejects(client: &Client, load_id: i64) -> Result<Vec<RejectSample>, LoadError> {
    let limit = i64::try_from(REJECTS_SHOWN_MAX).unwrap_or(i64::MAX);
    let found = client
        .query(
            r#"select line, nullif(last_line, line), "column", reason from penstock.reject
               where load_id = $1 order by line, byte_offset limit $2"#,
            &[&load_id, &limit],
        )
        .await?;
    let sample = |row: &Row| RejectSample {
        line: unsigned(row.get(0)),
        last_line: row.get::<_, Option<i64>>(1).map(unsigned),
        column: row.get(2),
        reason: row.get(3),
    };
    Ok(found.iter().map(sample).collect())
}

/// Reads the history of the key of a version that the ledger does not have. The caller adds `is_overtaken`.
async fn key_history(
    client: &Client,
    FileVersion { request, object, .. }: FileVersion<'_>,
) -> Result<KeyHistory, LoadError> {
    let row = client
        .query_one(
            &format!(
                "with loaded as (
                     select load_id, first_load_id, etag, bytes, sequencer, forgotten_at from penstock.load
                     where {OF_KEY} and outcome in ('{LOADED}', '{ALREADY_LOADED}'))
                 select exists (select from loaded where forgotten_at is null) as is_loaded,
                        coalesce((select etag = $6 and bytes = $7 and forgotten_at is null from loaded
                                  order by {VERSION_ORDER} desc, load_id desc limit 1), false) as has_same_content,
                        exists (select from loaded where {IS_NEWER}) as has_newer"
            ),
            &[
                &request.pipeline,
                &request.dataset,
                &object.bucket,
                &object.key,
                &object.ordered_sequencer(),
                &object.etag,
                &signed(object.size_bytes.unwrap_or(0)),
            ],
        )
        .await?;
    let (is_loaded, has_same_content, has_newer) = (row.get(0), row.get(1), row.get(2));
    Ok(KeyHistory { is_loaded, has_same_content, has_newer, ..KeyHistory::default() })
}

pub(crate) async fn insert(client: &Client, version: FileVersion<'_>, outcome: LoadOutcome) -> Result<i64, LoadError> {
    let inserted = insert_where(client, version, outcome, "true").await?;
    // The key's lock prevents a conflicting row. If there is one, a retry finds it.
    inserted.ok_or_else(|| LoadError::LoadInProgress { object: version.object.to_string() })
}

/// Claims the first version of a key. Nearly every load is one, and it replaces nothing. Returns `None` for other loads.
async fn insert_if_new_key(client: &Client, version: FileVersion<'_>) -> Result<Option<i64>, LoadError> {
    if version.repaired.is_some() {
        return Ok(None);
    }
    let is_new = format!("not exists (select from penstock.load where {OF_KEY})");
    insert_where(client, version, LoadOutcome::Loaded, &is_new).await
}

async fn insert_where(
    client: &Client,
    version: FileVersion<'_>,
    outcome: LoadOutcome,
    condition: &str,
) -> Result<Option<i64>, LoadError> {
    let FileVersion { request, object, table, .. } = version;
    let inserted = client
        .query_opt(
            &format!(
                "insert into penstock.load (pipeline, dataset, bucket, key, version_id, etag, sequencer, bytes,
                                            definition_hash, scheduled_at, actual_at, table_name, outcome,
                                            execution_arn, repairs, logical_at, reloads, first_load_id)
                 select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
                        (select {VERSION_ORDER} from penstock.load where load_id = $17)
                 where {condition}
                 on conflict do nothing
                 returning load_id"
            ),
            &[
                &request.pipeline,
                &request.dataset,
                &object.bucket,
                &object.key,
                &object.version_id,
                &object.etag,
                &object.sequencer,
                &signed(object.size_bytes.unwrap_or(0)),
                &request.definition_hash,
                &request.scheduled_at,
                &request.actual_at,
                &table.to_string(),
                &outcome.as_str(),
                &request.execution,
                &request.repairs,
                &request.logical_at,
                &request.reloads,
            ],
        )
        .await?;
    Ok(inserted.map(|row| row.get(0)))
}

/// Returns the load of this key whose rows are in the table, for a version that loads nothing.
pub(crate) async fn current_load(
    client: &Client,
    version: FileVersion<'_>,
    outcome: LoadOutcome,
) -> Result<LedgerRecord, LoadError> {
    let FileVersion { request, object, .. } = version;
    let row = client
        .query_one(
            &format!(
                "select {RECORD} from penstock.load
                 where {OF_KEY} and outcome = '{LOADED}' order by {VERSION_ORDER} desc, load_id desc limit 1"
            ),
            &[&request.pipeline, &request.dataset, &object.bucket, &object.key],
        )
        .await?;
    let current = record(outcome, &row);
    match outcome {
        LoadOutcome::Loaded | LoadOutcome::AlreadyLoaded => Ok(current),
        // The current load has other content, so its counts are not those of this version.
        LoadOutcome::Superseded | LoadOutcome::Ignored => {
            let bytes = object.size_bytes.unwrap_or(0);
            Ok(LedgerRecord { bytes, rows_read: 0, rows_loaded: 0, rows_rejected: 0, ..current })
        }
    }
}

pub(crate) fn record(outcome: LoadOutcome, row: &Row) -> LedgerRecord {
    LedgerRecord {
        outcome,
        load_id: row.get("load_id"),
        table: row.get("table_name"),
        bytes: unsigned(row.get("bytes")),
        rows_read: unsigned(row.get("rows_read")),
        rows_loaded: unsigned(row.get("rows_loaded")),
        rows_rejected: unsigned(row.get("rows_rejected")),
        definition_hash: row.get("definition_hash"),
        is_forgotten: row.get("is_forgotten"),
    }
}
