//! `penstock.load`: which object versions have been dealt with, and how.

use contracts::{LoadOutcome, LoadRequest, ObjectRef, RejectSample};
use pipeline::{OnNewVersion, TableName};
use rows::Counts;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Row};

use crate::error::LoadError;
use crate::limits::REJECTS_SHOWN_MAX;

/// What the ledger is asked about: one object version for one dataset.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) request: &'a LoadRequest,
    /// The request's object, as far as it is known by now.
    pub(crate) object: &'a ObjectRef,
    pub(crate) table: &'a TableName,
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
    let row_outcome: &str = row.get("outcome");
    match row_outcome {
        "Loaded" if row.get("ours") => Ok(Some(settled(LoadOutcome::Loaded, &row))),
        "Loaded" => Ok(Some(settled(LoadOutcome::AlreadyLoaded, &row))),
        "AlreadyLoaded" => standing_load(client, entry, LoadOutcome::AlreadyLoaded).await.map(Some),
        "Superseded" => standing_load(client, entry, LoadOutcome::Superseded).await.map(Some),
        "Ignored" => standing_load(client, entry, LoadOutcome::Ignored).await.map(Some),
        other => Err(LoadError::Internal(format!("penstock.load has the unknown outcome {other}"))),
    }
}

/// Takes the claim on an object version, within the caller's transaction, or says why there is nothing to load.
///
/// Loads of one key pass here one after the other, in whatever order their events came.
pub(crate) async fn claim(client: &Client, entry: Entry<'_>, on_new_version: OnNewVersion) -> Result<Claim, LoadError> {
    lock_key(client, entry).await?;
    if let Some(settled) = find(client, entry).await? {
        return Ok(Claim::Settled(settled));
    }
    let outcome = History::of(client, entry).await?.outcome(on_new_version);
    let load_id = insert(client, entry, outcome).await?;
    match outcome {
        LoadOutcome::Loaded => Ok(Claim::Granted { load_id }),
        LoadOutcome::AlreadyLoaded | LoadOutcome::Superseded | LoadOutcome::Ignored => {
            close(client, load_id, &Counts::default()).await?;
            Ok(Claim::Settled(standing_load(client, entry, outcome).await?))
        }
    }
}

/// Writes what a load came to; the last thing before COMMIT.
pub(crate) async fn close(client: &Client, load_id: i64, counts: &Counts) -> Result<(), LoadError> {
    client
        .execute(
            "update penstock.load
             set rows_read = $2, rows_loaded = $3, rows_rejected = $4, committed_at = clock_timestamp()
             where load_id = $1",
            &[&load_id, &signed(counts.rows_read), &signed(counts.rows_loaded), &signed(counts.rows_rejected)],
        )
        .await?;
    Ok(())
}

/// The earlier loads of the same key whose rows may still be in the table.
pub(crate) async fn predecessors(client: &Client, entry: Entry<'_>, load_id: i64) -> Result<Vec<i64>, LoadError> {
    let Entry { request, object, table } = entry;
    let found = client
        .query(
            &format!(
                "select load_id from penstock.load
                 where {OF_KEY} and load_id <> $5 and table_name = $6 and outcome = 'Loaded' and rows_loaded > 0"
            ),
            &[&request.pipeline, &request.dataset, &object.bucket, &object.key, &load_id, &table.to_string()],
        )
        .await?;
    Ok(found.iter().map(|row| row.get(0)).collect())
}

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

async fn lock_key(client: &Client, Entry { request, object, .. }: Entry<'_>) -> Result<(), LoadError> {
    let locked = client
        .execute(
            "select pg_advisory_xact_lock(hashtextextended(
                 jsonb_build_array('penstock load', $1::text, $2::text, $3::text, $4::text)::text, 0))",
            &[&request.pipeline, &request.dataset, &object.bucket, &object.key],
        )
        .await;
    match locked {
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
            Err(LoadError::LoadInProgress { object: object.to_string() })
        }
        Err(error) => Err(error.into()),
    }
}

/// What happened to a key before. `Superseded` and `Ignored` versions never changed the table, so they do not count.
#[derive(Clone, Copy, Debug)]
struct History {
    is_loaded: bool,
    /// The content that the table has from this key is the content of this object.
    is_same_content: bool,
    has_newer: bool,
}

impl History {
    async fn of(client: &Client, Entry { request, object, .. }: Entry<'_>) -> Result<Self, LoadError> {
        let row = client
            .query_one(
                &format!(
                    "with effective as (
                         select load_id, etag, bytes, sequencer from penstock.load
                         where {OF_KEY} and outcome in ('Loaded', 'AlreadyLoaded'))
                     select exists (select from effective) as is_loaded,
                            coalesce((select etag = $5 and bytes = $6 from effective order by load_id desc limit 1),
                                     false) as is_same_content,
                            exists (select from effective
                                    where lpad(lower(sequencer), 64, '0') collate \"C\" > lpad($7, 64, '0'))
                                as has_newer"
                ),
                &[
                    &request.pipeline,
                    &request.dataset,
                    &object.bucket,
                    &object.key,
                    &object.etag,
                    &signed(object.size_bytes.unwrap_or(0)),
                    &object.ordered_sequencer(),
                ],
            )
            .await?;
        Ok(Self { is_loaded: row.get(0), is_same_content: row.get(1), has_newer: row.get(2) })
    }

    /// With `append` every version is wanted, so their order does not matter.
    fn outcome(self, on_new_version: OnNewVersion) -> LoadOutcome {
        match on_new_version {
            _ if self.is_same_content => LoadOutcome::AlreadyLoaded,
            OnNewVersion::Replace if self.has_newer => LoadOutcome::Superseded,
            OnNewVersion::Ignore if self.is_loaded => LoadOutcome::Ignored,
            OnNewVersion::Replace | OnNewVersion::Ignore | OnNewVersion::Append => LoadOutcome::Loaded,
        }
    }
}

async fn insert(client: &Client, entry: Entry<'_>, outcome: LoadOutcome) -> Result<i64, LoadError> {
    let Entry { request, object, table } = entry;
    let inserted = client
        .query_opt(
            "insert into penstock.load (pipeline, dataset, bucket, key, version_id, etag, sequencer, bytes,
                                        definition_hash, scheduled_at, actual_at, table_name, outcome, execution_arn)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
             on conflict do nothing
             returning load_id",
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
            ],
        )
        .await?;
    // Behind the key's lock nobody comes between looking up and inserting; if somebody does, the retry will see.
    inserted.map(|row| row.get(0)).ok_or_else(|| LoadError::LoadInProgress { object: object.to_string() })
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
