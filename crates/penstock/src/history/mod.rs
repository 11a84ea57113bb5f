//! Reads the history views of schema `penstock`: runs, loads, rejects and missing files.

mod print;
mod rows;

use std::pin::pin;

use aws_config::{BehaviorVersion, SdkConfig};
use futures_util::TryStreamExt;
use postgres::{Database, DatabaseAddress, Session};
use protocol::RunState;
use serde::de::DeserializeOwned;
use tokio_postgres::types::ToSql;

use crate::error::{Error, Result};

pub(crate) use print::{print_failures, print_loads, print_missing_files, print_rejects, print_runs};
pub(crate) use rows::{
    DatasetRow, FailureFilter, FailureRow, LoadRejects, LoadRow, LoadsOfTable, MissingFileRow, RejectRow, RepairInputs,
    RunRow, RunUnderWay,
};

const RUNS: &str = "
    select run_id, pipeline, logical_at, attempt, state, failure, failure_message, datasets_needed, datasets_arrived,
           loads, rows_loaded, rows_rejected, exports, started_at, deadline_at, claimed_at, ended_at, after_run_id,
           execution_arn,
           (extract(epoch from coalesce(ended_at, clock_timestamp()) - coalesce(claimed_at, started_at)) * 1000)::bigint
               as elapsed_ms,
           -- The run that does not have the loads of this one. A later run of the period has them.
           case when state = 'Skipped' then (
               select max(earlier.run_id) from penstock.run as earlier
               where earlier.pipeline = run_history.pipeline and earlier.logical_at = run_history.logical_at
                 and earlier.attempt < run_history.attempt and earlier.state <> 'Skipped'
                 and not exists (
                     select from penstock.run as later
                     where later.pipeline = run_history.pipeline and later.logical_at = run_history.logical_at
                       and later.attempt > run_history.attempt and later.state in ('Ready', 'Running', 'Succeeded')))
           end as stale_run_id
    from penstock.run_history
    where ($1::text is null or pipeline = $1) and ($2::text is null or state = $2)
        and ($3::bigint is null or run_id = $3)
    order by run_id desc limit $4";

const MISSING: &str = "
    select expected_by, pipeline, dataset, logical_at, run_id, bucket, key, trigger_key, since, deadline_at
    from penstock.missing
    where $1::text is null or pipeline = $1
    order by since, pipeline, dataset";

const LOADS: &str = "
    select load_id, pipeline, dataset, outcome, bucket, key, version_id, table_name, bytes, rows_read, rows_loaded,
           rows_rejected, scheduled_at, actual_at, started_at, committed_at, run_id, execution_arn, repairs, logical_at,
           replaced_by, reloads, forgotten_at, forgotten_by,
           (extract(epoch from duration) * 1000)::bigint as duration_ms
    from penstock.load_history
    where ($1::text is null or pipeline = $1) and ($2::text is null or dataset = $2)
        and ($3::bigint is null or load_id = $3) and load_id is not null
    order by load_id desc limit $4";

const FAILURES: &str = "
    select failure_id, kind, pipeline, dataset, bucket, key, version_id, run_id, name, message, remedy, execution_arn,
           failed_at
    from penstock.failure
    where ($1::text is null or pipeline = $1) and ($2::text is null or dataset = $2) and ($3::text is null or key = $3)
        and ($4::timestamptz is null or failed_at >= $4)
    order by failed_at desc, failure_id desc limit $5";

const DATASETS: &str = "
    select pipeline, dataset from penstock.load
    union select pipeline, dataset from penstock.failure where pipeline is not null
    union select pipeline, unnest(case when datasets = '{}' then array[null::text] else datasets end) from penstock.run
    order by pipeline, dataset nulls last";

const UNDER_WAY: &str = "
    select run_id, pipeline, state from penstock.run
    where state in ('Ready', 'Running') and ($1::text is null or pipeline = $1)
    order by run_id";

const LOADS_OF_TABLES: &str = "
    select pipeline, dataset, table_name, count(*) as loads
    from penstock.load where outcome = 'Loaded' and replaced_by is null and rows_loaded > 0
    group by pipeline, dataset, table_name
    order by pipeline, dataset, table_name";

const REPAIRS: &str = "
    select *, (extract(epoch from duration) * 1000)::bigint as duration_ms
    from penstock.load_history
    where repairs = $1 and (outcome = 'Loaded' or replaced_by is not null) order by load_id";

/// Earlier versions of Penstock did not record `logical_at`, so it has several sources.
const REPAIR_INPUTS: &str = "
    select header,
           coalesce(logical_at,
                    (select max(run.logical_at) from penstock.run_input as input join penstock.run using (run_id)
                     where input.load_id = load.load_id),
                    scheduled_at, started_at) as logical_at
    from penstock.load where load_id = $1";

const REJECTS: &str = r#"
    select line, last_line, byte_offset, byte_length, "column", reason, raw
    from penstock.rejects
    where load_id = $1
    order by line, byte_offset limit $2"#;

/// A session that reads the views of schema `penstock`.
#[derive(Debug)]
pub(crate) struct History(Session);

impl History {
    pub(crate) async fn open(address: DatabaseAddress) -> Result<Self> {
        session(address).await.map(Self)
    }

    /// Returns the latest runs, newest first.
    pub(crate) async fn runs(&self, pipeline: Option<&str>, failed_only: bool, limit: u32) -> Result<Vec<RunRow>> {
        let state = failed_only.then(|| RunState::Failed.as_str());
        self.read(RUNS, &[&pipeline, &state, &None::<i64>, &i64::from(limit)]).await
    }

    pub(crate) async fn run(&self, run_id: i64) -> Result<RunRow> {
        let found: Vec<RunRow> = self.read(RUNS, &[&None::<&str>, &None::<&str>, &run_id, &1_i64]).await?;
        found.into_iter().next().ok_or(Error::NoSuchRun(run_id))
    }

    /// Returns the files that runs and triggers wait for.
    pub(crate) async fn missing_files(&self, pipeline: Option<&str>) -> Result<Vec<MissingFileRow>> {
        self.read(MISSING, &[&pipeline]).await
    }

    /// Returns the latest loads, newest first.
    pub(crate) async fn loads(
        &self,
        pipeline: Option<&str>,
        dataset: Option<&str>,
        limit: u32,
    ) -> Result<Vec<LoadRow>> {
        self.read(LOADS, &[&pipeline, &dataset, &None::<i64>, &i64::from(limit)]).await
    }

    /// Returns the latest failures of files and runs, newest first.
    pub(crate) async fn failures(&self, filter: &FailureFilter, limit: u32) -> Result<Vec<FailureRow>> {
        let FailureFilter { pipeline, dataset, key, since } = filter;
        self.read(FAILURES, &[pipeline, dataset, key, since, &i64::from(limit)]).await
    }

    /// Returns the pipelines and datasets that have loads, runs or failures.
    pub(crate) async fn datasets(&self) -> Result<Vec<DatasetRow>> {
        self.read(DATASETS, &[]).await
    }

    /// Returns all runs that are ready or running, the oldest first.
    pub(crate) async fn runs_under_way(&self, pipeline: Option<&str>) -> Result<Vec<RunUnderWay>> {
        self.read(UNDER_WAY, &[&pipeline]).await
    }

    /// Counts the loads whose rows are in a table, by dataset and table.
    pub(crate) async fn loads_of_tables(&self) -> Result<Vec<LoadsOfTable>> {
        self.read(LOADS_OF_TABLES, &[]).await
    }

    pub(crate) async fn load(&self, load_id: i64) -> Result<LoadRow> {
        let any = None::<&str>;
        let found: Vec<LoadRow> = self.read(LOADS, &[&any, &any, &load_id, &1_i64]).await?;
        found.into_iter().next().ok_or(Error::NoSuchLoad(load_id))
    }

    /// Returns a load with its first rejects and its repairs.
    pub(crate) async fn rejects(&self, load_id: i64, limit: u32) -> Result<LoadRejects> {
        let load = self.load(load_id).await?;
        let rejects = self.read::<RejectRow>(REJECTS, &[&load_id, &i64::from(limit)]).await?;
        Ok(LoadRejects { load, rejects, repaired_by: self.repairs_of(load_id).await? })
    }

    /// Returns the loads that repaired rejects of this load.
    pub(crate) async fn repairs_of(&self, load_id: i64) -> Result<Vec<LoadRow>> {
        self.read(REPAIRS, &[&load_id]).await
    }

    pub(crate) async fn repair_inputs(&self, load_id: i64) -> Result<RepairInputs> {
        self.read(REPAIR_INPUTS, &[&load_id]).await?.into_iter().next().ok_or(Error::NoSuchLoad(load_id))
    }

    /// Calls `take` for each reject of a load in the order of its file. Streams, so any number fits in memory.
    pub(crate) async fn each_reject(&self, load_id: i64, mut take: impl FnMut(&RejectRow) -> Result<()>) -> Result<()> {
        // A streamed query takes no parameters, and a number is safe in SQL text.
        let query = REJECTS.replace("$1", &load_id.to_string()).replace(" limit $2", "");
        let query = self.0.client.prepare_once(&query).await.map_err(failed)?;
        let mut rows = pin!(self.0.client.query_raw(&query).await.map_err(failed)?);
        while let Some(row) = rows.try_next().await.map_err(failed)? {
            let reject = RejectRow {
                line: row.get("line"),
                last_line: row.get("last_line"),
                byte_offset: row.get("byte_offset"),
                byte_length: row.get("byte_length"),
                column: row.get("column"),
                reason: row.get("reason"),
                raw: row.get("raw"),
            };
            take(&reject)?;
        }
        Ok(())
    }

    /// Runs a query and deserializes each row by its column names.
    async fn read<T: DeserializeOwned>(&self, query: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<T>> {
        let query = format!("select row_to_json(it)::text from ({query}) as it");
        let rows = self.0.client.query(&query, parameters).await.map_err(failed)?;
        let parse = |row: tokio_postgres::Row| {
            let text: String = row.try_get(0).map_err(failed)?;
            serde_json::from_str(&text).map_err(failed)
        };
        rows.into_iter().map(parse).collect()
    }
}

/// Opens a session and migrates the schema `penstock`.
pub(crate) async fn session(address: DatabaseAddress) -> Result<Session> {
    let sdk = match address {
        // A URL needs no call to AWS.
        DatabaseAddress::Url(_) => SdkConfig::builder().behavior_version(BehaviorVersion::latest()).build(),
        DatabaseAddress::Secret(_) => aws_config::load_defaults(BehaviorVersion::latest()).await,
    };
    let nothing = async |_: &postgres::Client| Ok(());
    let opened = Database::new("penstock", address, &sdk).session::<(), postgres::DatabaseError>(nothing).await;
    opened.map(|(session, ())| session).map_err(failed)
}

fn failed<E: std::error::Error>(error: E) -> Error {
    Error::database("reading the history")(error)
}
