//! `penstock.load`: which object versions have been dealt with, and how.

use formats::Counts;
use futures_util::future::{join, join3};
use pipeline::version::{self, KeyHistory, VersionDecision};
use pipeline::{Dataset, TableName, WriteMode};
use postgres::Client;
use protocol::{LoadOutcome, LoadRequest, ObjectRef, RejectSample, RunRef};
use sha2::{Digest, Sha256};
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use crate::error::LoadError;
use crate::limits::REJECTS_SHOWN_MAX;
use crate::repairs::{Declared, Repaired};
use crate::runs::Period;

/// What the ledger is asked about: one object version for one dataset.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) request: &'a LoadRequest,
    /// The request's object, as far as it is known by now.
    pub(crate) object: &'a ObjectRef,
    pub(crate) table: &'a TableName,
    /// What the object repairs.
    pub(crate) repaired: Option<&'a Repaired>,
}

/// An object version that needs no loading any more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) outcome: LoadOutcome,
    /// Of the load whose rows are in the table.
    pub(crate) load_id: i64,
    pub(crate) table: String,
    pub(crate) bytes: u64,
    pub(crate) rows_read: u64,
    pub(crate) rows_loaded: u64,
    pub(crate) rows_rejected: u64,
}

#[derive(Debug)]
pub(crate) enum Claim {
    /// Load it; nobody else can until our transaction ends.
    Granted {
        load_id: i64,
        /// The earlier loads of the same key, and their repairs, whose rows may still be in the table.
        predecessors: Vec<i64>,
        /// Those of them whose version is newer; told only where rows are upserted.
        newer: Vec<i64>,
    },
    Settled(Settled),
}

/// The loads of one key of one dataset; its parameters are the first four everywhere.
const OF_KEY: &str = "pipeline = $1 and dataset = $2 and bucket = $3 and key = $4";

/// Looks an object version up, by its identity or, where an event told none, by the execution that loaded it.
///
/// A row of our own execution means that the reply to a committed load was lost: it is answered once more as it was.
pub(crate) async fn find(client: &Client, entry: Entry<'_>) -> Result<Option<Settled>, LoadError> {
    let Entry { request, object, .. } = entry;
    let found = client
        .query_opt(
            &format!(
                "select outcome, load_id, table_name, bytes, rows_read, rows_loaded, rows_rejected,
                        coalesce(execution_arn = $8, false) as ours
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
    let recorded = outcome(row.get("outcome"))?;
    if recorded == LoadOutcome::Loaded {
        let is_ours = row.get("ours");
        return Ok(Some(settled(if is_ours { recorded } else { version::decide_again(recorded).outcome() }, &row)));
    }
    standing_load(client, entry, version::decide_again(recorded).outcome()).await.map(Some)
}

/// Begins a transaction with `begin`, takes the claim on an object version in it, or says why there is nothing to load.
///
/// Loads of one key pass here one after the other, in whatever order their events came.
pub(crate) async fn claim(
    client: &Client,
    begin: &str,
    entry: Entry<'_>,
    dataset: &Dataset,
    declared: Declared<'_>,
) -> Result<Claim, LoadError> {
    let begin = format!("{begin}; select pg_advisory_xact_lock({})", lock_of_key(entry));
    // One wait for both. What is polled first is sent first, and PostgreSQL keeps that order: whether the key is new is
    // looked at with the lock held.
    let (begun, of_new_key) = join(client.batch_execute(&begin), insert_if_new(client, entry)).await;
    begun.map_err(|error| match error.code() {
        Some(&SqlState::LOCK_NOT_AVAILABLE) => LoadError::LoadInProgress { object: entry.object.to_string() },
        _ => error.into(),
    })?;
    if let Some(load_id) = of_new_key? {
        return Ok(Claim::Granted { load_id, predecessors: Vec::new(), newer: Vec::new() });
    }
    let (found, history, predecessors) =
        join3(find(client, entry), key_history(client, entry), predecessors(client, entry)).await;
    if let Some(settled) = found? {
        return Ok(Claim::Settled(settled));
    }
    if let Some(repaired) = entry.repaired {
        repaired.check(client, entry.request, entry.table, declared).await?;
    }
    let mut history = history?;
    if history.has_same_content && version::depends_on_other_files(dataset) {
        history.is_overtaken = others_came_after(client, entry).await?;
    }
    let decision = version::decide(dataset, &history);
    let outcome = decision.outcome();
    let load_id = insert(client, entry, outcome).await?;
    match decision {
        VersionDecision::Load { .. } => {
            let newer = match dataset.write {
                WriteMode::Upsert { .. } => newer_loads(client, entry, history).await?,
                WriteMode::Append | WriteMode::Replace => Vec::new(),
            };
            Ok(Claim::Granted { load_id, predecessors: predecessors?, newer })
        }
        VersionDecision::AlreadyLoaded | VersionDecision::Superseded | VersionDecision::Ignored => {
            client.execute(CLOSE, &[&load_id, &0_i64, &0_i64, &0_i64, &None::<&str>]).await?;
            Ok(Claim::Settled(standing_load(client, entry, outcome).await?))
        }
    }
}

/// Writes what a load came to, makes it part of its run, and commits. Gives the run when it is complete now.
///
/// # Errors
/// As those of COMMIT: the load may have been committed all the same.
pub(crate) async fn close_and_commit(
    client: &Client,
    load_id: i64,
    counts: &Counts,
    header: Option<&str>,
    period: Option<&Period>,
) -> Result<Option<RunRef>, LoadError> {
    // Ready before it is needed, or it would be sent after COMMIT.
    let close = client.prepare(CLOSE).await?;
    let joining = match period {
        Some(period) => Some(period.find_place(client).await?),
        None => None,
    };
    let join = async {
        match &joining {
            Some(joining) => joining.join(client, load_id).await,
            None => Ok(None),
        }
    };
    let (read, loaded) = (signed(counts.rows_read), signed(counts.rows_loaded));
    let parameters: [&(dyn ToSql + Sync); 5] = [&load_id, &read, &loaded, &signed(counts.rows_rejected), &header];
    // When one of them fails, COMMIT only rolls back.
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

/// The loads of one key that `which` tells, and what repaired them, and what repaired that. Each with what is asked of
/// it: joined to the ledger again, all of that would be read.
fn family(which: &str) -> String {
    format!(
        "with recursive family as (
             select load_id, table_name, rows_loaded from penstock.load
             where {OF_KEY} and outcome = 'Loaded' and {which}
             union
             select repair.load_id, repair.table_name, repair.rows_loaded
             from penstock.load as repair join family on repair.repairs = family.load_id
             where repair.outcome = 'Loaded')"
    )
}

async fn predecessors(client: &Client, entry: Entry<'_>) -> Result<Vec<i64>, LoadError> {
    let Entry { request, object, table, .. } = entry;
    let found = client
        .query(
            &format!("{} select load_id from family where table_name = $5 and rows_loaded > 0", family("true")),
            &[&request.pipeline, &request.dataset, &object.bucket, &object.key, &table.to_string()],
        )
        .await?;
    Ok(found.iter().map(|row| row.get(0)).collect())
}

/// Whether another key's rows may have taken the place of this key's, which then are not what the table has any more.
///
/// Loads of different keys claim in one order and write in another, so both are looked at: to load the same rows once
/// more does no harm. The key's own repairs took nobody's place.
async fn others_came_after(client: &Client, entry: Entry<'_>) -> Result<bool, LoadError> {
    let Entry { request, object, table, .. } = entry;
    let row = client
        .query_one(
            &format!(
                "{}, latest as (
                     select load_id, committed_at from penstock.load
                     where {OF_KEY} and outcome = 'Loaded' order by load_id desc limit 1)
                 select exists (
                     select from penstock.load as other, latest
                     where other.pipeline = $1 and other.dataset = $2 and (other.bucket, other.key) <> ($3, $4)
                       and other.table_name = $5 and other.outcome = 'Loaded'
                       and (other.load_id > latest.load_id or other.committed_at >= latest.committed_at)
                       and other.load_id not in (select load_id from family))",
                family("true")
            ),
            &[&request.pipeline, &request.dataset, &object.bucket, &object.key, &table.to_string()],
        )
        .await?;
    Ok(row.get(0))
}

/// The loads of newer versions of the same key, of a repair also those of the repaired file, and their repairs.
async fn newer_loads(client: &Client, entry: Entry<'_>, history: KeyHistory) -> Result<Vec<i64>, LoadError> {
    let mut newer = Vec::new();
    if history.has_newer {
        newer.extend(newer_than(client, entry.request, entry.object).await?);
    }
    if let Some(repaired) = entry.repaired {
        newer.extend(newer_than(client, entry.request, &repaired.file).await?);
    }
    Ok(newer)
}

async fn newer_than(client: &Client, request: &LoadRequest, object: &ObjectRef) -> Result<Vec<i64>, LoadError> {
    let found = client
        .query(
            &format!("{} select load_id from family", family(IS_NEWER)),
            &[&request.pipeline, &request.dataset, &object.bucket, &object.key, &object.ordered_sequencer()],
        )
        .await?;
    Ok(found.iter().map(|row| row.get(0)).collect())
}

/// Whether a row's sequencer is above the one in the fifth parameter.
const IS_NEWER: &str = "lpad(lower(sequencer), 64, '0') collate \"C\" > lpad($5, 64, '0')";

pub(crate) async fn first_rejects(client: &Client, load_id: i64) -> Result<Vec<RejectSample>, LoadError> {
    let limit = i64::try_from(REJECTS_SHOWN_MAX).unwrap_or(i64::MAX);
    let found = client
        .query(
            r#"select line, "column", reason from penstock.reject
               where load_id = $1 order by line, byte_offset limit $2"#,
            &[&load_id, &limit],
        )
        .await?;
    let sample = |row: &Row| RejectSample { line: unsigned(row.get(0)), column: row.get(1), reason: row.get(2) };
    Ok(found.iter().map(sample).collect())
}

/// The number that all loads of one key of one dataset lock: the same for every loader, of whatever version. Repairs
/// lock the key of the file that they go back to.
fn lock_of_key(Entry { request, object, repaired, .. }: Entry<'_>) -> i64 {
    let object = repaired.map_or(object, |repaired| &repaired.file);
    let mut hash = Sha256::new_with_prefix("penstock load");
    for part in [&request.pipeline, &request.dataset, &object.bucket, &object.key] {
        // None of them can hold this byte.
        hash.update(b"\xff");
        hash.update(part);
    }
    hash.finalize().first_chunk().copied().map_or(0, i64::from_be_bytes)
}

/// Reads the history of the key of a version that the ledger does not have. `is_overtaken` is read apart.
async fn key_history(client: &Client, Entry { request, object, .. }: Entry<'_>) -> Result<KeyHistory, LoadError> {
    let row = client
        .query_one(
            &format!(
                "with effective as (
                     select load_id, etag, bytes, sequencer from penstock.load
                     where {OF_KEY} and outcome in ('Loaded', 'AlreadyLoaded'))
                 select exists (select from effective) as is_loaded,
                        coalesce((select etag = $6 and bytes = $7 from effective order by load_id desc limit 1),
                                 false) as has_same_content,
                        exists (select from effective where {IS_NEWER}) as has_newer"
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

async fn insert(client: &Client, entry: Entry<'_>, outcome: LoadOutcome) -> Result<i64, LoadError> {
    let inserted = insert_where(client, entry, outcome, "true").await?;
    // Behind the key's lock nobody comes between looking up and inserting; if somebody does, the retry will see.
    inserted.ok_or_else(|| LoadError::LoadInProgress { object: entry.object.to_string() })
}

/// Claims the first version of a key, as nearly every load does: there is nothing that it could be, come after, or
/// replace. `None` where more has to be asked.
async fn insert_if_new(client: &Client, entry: Entry<'_>) -> Result<Option<i64>, LoadError> {
    if entry.repaired.is_some() {
        return Ok(None);
    }
    let is_new = format!("not exists (select from penstock.load where {OF_KEY})");
    insert_where(client, entry, LoadOutcome::Loaded, &is_new).await
}

async fn insert_where(
    client: &Client,
    entry: Entry<'_>,
    outcome: LoadOutcome,
    condition: &str,
) -> Result<Option<i64>, LoadError> {
    let Entry { request, object, table, .. } = entry;
    let inserted = client
        .query_opt(
            &format!(
                "insert into penstock.load (pipeline, dataset, bucket, key, version_id, etag, sequencer, bytes,
                                            definition_hash, scheduled_at, actual_at, table_name, outcome,
                                            execution_arn, repairs, logical_at)
                 select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16 where {condition}
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
                &name(outcome),
                &request.execution,
                &request.repairs,
                &request.logical_at,
            ],
        )
        .await?;
    Ok(inserted.map(|row| row.get(0)))
}

/// The load of this key whose rows are in the table, as the answer to a version that added none.
async fn standing_load(client: &Client, entry: Entry<'_>, outcome: LoadOutcome) -> Result<Settled, LoadError> {
    let Entry { request, object, .. } = entry;
    let row = client
        .query_one(
            &format!(
                "select load_id, table_name, bytes, rows_read, rows_loaded, rows_rejected from penstock.load
                 where {OF_KEY} and outcome = 'Loaded' order by load_id desc limit 1"
            ),
            &[&request.pipeline, &request.dataset, &object.bucket, &object.key],
        )
        .await?;
    let standing = settled(outcome, &row);
    match outcome {
        LoadOutcome::Loaded | LoadOutcome::AlreadyLoaded => Ok(standing),
        // Other content: its counts are not this version's.
        LoadOutcome::Superseded | LoadOutcome::Ignored => {
            let bytes = object.size_bytes.unwrap_or(0);
            Ok(Settled { bytes, rows_read: 0, rows_loaded: 0, rows_rejected: 0, ..standing })
        }
    }
}

fn settled(outcome: LoadOutcome, row: &Row) -> Settled {
    Settled {
        outcome,
        load_id: row.get("load_id"),
        table: row.get("table_name"),
        bytes: unsigned(row.get("bytes")),
        rows_read: unsigned(row.get("rows_read")),
        rows_loaded: unsigned(row.get("rows_loaded")),
        rows_rejected: unsigned(row.get("rows_rejected")),
    }
}

fn outcome(name: &str) -> Result<LoadOutcome, LoadError> {
    match name {
        "Loaded" => Ok(LoadOutcome::Loaded),
        "AlreadyLoaded" => Ok(LoadOutcome::AlreadyLoaded),
        "Superseded" => Ok(LoadOutcome::Superseded),
        "Ignored" => Ok(LoadOutcome::Ignored),
        other => Err(LoadError::Internal(format!("penstock.load has the unknown outcome {other}"))),
    }
}

fn name(outcome: LoadOutcome) -> &'static str {
    match outcome {
        LoadOutcome::Loaded => "Loaded",
        LoadOutcome::AlreadyLoaded => "AlreadyLoaded",
        LoadOutcome::Superseded => "Superseded",
        LoadOutcome::Ignored => "Ignored",
    }
}

/// PostgreSQL has no unsigned integers; nothing that is counted here comes near the difference.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
