//! `penstock runs`, `loads` and `rejects`: what the database remembers.

mod print;
mod rows;

use std::pin::pin;

use aws_config::{BehaviorVersion, SdkConfig};
use futures_util::TryStreamExt;
use postgres::{Database, DatabaseAddress, Session};
use serde::de::DeserializeOwned;
use tokio_postgres::types::ToSql;

use crate::{Error, Result};

pub(crate) use print::{print_loads, print_missing, print_rejects, print_runs};
pub(crate) use rows::{Exported, Load, Missing, Refused, Reject, RepairBasis, Run};

const RUNS: &str = "
    select run_id, pipeline, logical_at, attempt, state, failure, failure_message, datasets_needed, datasets_arrived,
           loads, rows_loaded, rows_rejected, exports, started_at, deadline_at, claimed_at, ended_at, after_run_id,
           execution_arn,
           (extract(epoch from coalesce(ended_at, clock_timestamp()) - coalesce(claimed_at, started_at)) * 1000)::bigint
               as elapsed_ms
    from penstock.run_history
    where ($1::text is null or pipeline = $1) and (not $2 or state = 'Failed')
    order by run_id desc limit $3";

const MISSING: &str = "
    select expected_by, pipeline, dataset, logical_at, run_id, bucket, key, trigger_key, since, deadline_at
    from penstock.missing
    where $1::text is null or pipeline = $1
    order by since, pipeline, dataset";

const LOADS: &str = "
    select load_id, pipeline, dataset, outcome, bucket, key, version_id, table_name, bytes, rows_read, rows_loaded,
           rows_rejected, scheduled_at, actual_at, started_at, committed_at, run_id, execution_arn, repairs, logical_at,
           (extract(epoch from duration) * 1000)::bigint as duration_ms
    from penstock.load_history
    where ($1::text is null or pipeline = $1) and ($2::text is null or dataset = $2)
        and ($3::bigint is null or load_id = $3)
    order by load_id desc limit $4";

const REPAIRS: &str = "
    select *, (extract(epoch from duration) * 1000)::bigint as duration_ms
    from penstock.load_history where repairs = $1 and outcome = 'Loaded' order by load_id";

/// What an older Penstock did not keep is told as well as it can be.
const REPAIR_BASIS: &str = "
    select header,
           coalesce(logical_at,
                    (select max(run.logical_at) from penstock.run_input as input join penstock.run using (run_id)
                     where input.load_id = load.load_id),
                    scheduled_at, started_at) as logical_at
    from penstock.load where load_id = $1";

const REJECTS: &str = r#"
    select line, byte_offset, "column", reason, raw
    from penstock.rejects
    where load_id = $1
    order by line, byte_offset limit $2"#;

const EXPORTS: &str = "select bucket, key, rows, bytes from penstock.run_export where run_id = $1 order by key";

/// A session for reading the views of schema `penstock`.
#[derive(Debug)]
pub(crate) struct History(Session);

impl History {
    pub(crate) async fn open(address: DatabaseAddress) -> Result<Self> {
        session(address).await.map(Self)
    }

    /// The latest runs, the newest first.
    pub(crate) async fn runs(&self, pipeline: Option<&str>, failed_only: bool, limit: u32) -> Result<Vec<Run>> {
        self.read(RUNS, &[&pipeline, &failed_only, &i64::from(limit)]).await
    }

    pub(crate) async fn missing(&self, pipeline: Option<&str>) -> Result<Vec<Missing>> {
        self.read(MISSING, &[&pipeline]).await
    }

    /// The latest loads, the newest first.
    pub(crate) async fn loads(&self, pipeline: Option<&str>, dataset: Option<&str>, limit: u32) -> Result<Vec<Load>> {
        self.read(LOADS, &[&pipeline, &dataset, &None::<i64>, &i64::from(limit)]).await
    }

    pub(crate) async fn load(&self, load_id: i64) -> Result<Load> {
        let anywhere = None::<&str>;
        let found: Vec<Load> = self.read(LOADS, &[&anywhere, &anywhere, &load_id, &1_i64]).await?;
        found.into_iter().next().ok_or(Error::NoSuchLoad(load_id))
    }

    /// A load with the first of what it refused, and what has repaired it.
    pub(crate) async fn rejects(&self, load_id: i64, limit: u32) -> Result<Refused> {
        let load = self.load(load_id).await?;
        let rejects = self.read::<Reject>(REJECTS, &[&load_id, &i64::from(limit)]).await?;
        Ok(Refused { load, rejects, repaired_by: self.repairs_of(load_id).await? })
    }

    /// The loads that corrected what a load had refused.
    pub(crate) async fn repairs_of(&self, load_id: i64) -> Result<Vec<Load>> {
        self.read(REPAIRS, &[&load_id]).await
    }

    pub(crate) async fn repair_basis(&self, load_id: i64) -> Result<RepairBasis> {
        self.read(REPAIR_BASIS, &[&load_id]).await?.into_iter().next().ok_or(Error::NoSuchLoad(load_id))
    }

    /// Gives `take` all that a load refused, in the order of its file, however much it is.
    pub(crate) async fn each_reject(&self, load_id: i64, mut take: impl FnMut(&Reject) -> Result<()>) -> Result<()> {
        // The statement takes no parameters, and a number needs none.
        let query = REJECTS.replace("$1", &load_id.to_string()).replace(" limit $2", "");
        let query = self.0.client.prepare_once(&query).await.map_err(|error| failed(error.into()))?;
        let mut rows = pin!(self.0.client.query_raw(&query).await.map_err(|error| failed(error.into()))?);
        while let Some(row) = rows.try_next().await.map_err(|error| failed(error.into()))? {
            let reject = Reject {
                line: row.get("line"),
                byte_offset: row.get("byte_offset"),
                column: row.get("column"),
                reason: row.get("reason"),
                raw: row.get("raw"),
            };
            take(&reject)?;
        }
        Ok(())
    }

    pub(crate) async fn exports(&self, run_id: i64) -> Result<Vec<Exported>> {
        self.read(EXPORTS, &[&run_id]).await
    }

    /// What a query gives, as PostgreSQL writes it: the columns' names, and the rows. `None` is NULL.
    pub(crate) async fn texts(&self, query: &str) -> Result<(Vec<String>, Vec<Vec<Option<String>>>)> {
        let client = &self.0.client;
        let prepared = client.prepare(query).await.map_err(|error| failed(error.into()))?;
        let names: Vec<String> = prepared.columns().iter().map(|column| column.name().to_owned()).collect();
        let texts: Vec<String> = names.iter().map(|name| format!("\"{}\"::text", name.replace('"', "\"\""))).collect();
        let query = format!("select {} from ({query}) as it", texts.join(", "));
        let rows = client.query(&query, &[]).await.map_err(|error| failed(error.into()))?;
        let cells = |row: &tokio_postgres::Row| (0..row.len()).map(|index| row.try_get(index)).collect();
        let rows: Result<_, tokio_postgres::Error> = rows.iter().map(cells).collect();
        Ok((names, rows.map_err(|error| failed(error.into()))?))
    }

    /// PostgreSQL names the columns, and serde puts them where they belong.
    async fn read<T: DeserializeOwned>(&self, query: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<T>> {
        let query = format!("select row_to_json(it)::text from ({query}) as it");
        let rows = self.0.client.query(&query, parameters).await.map_err(|error| failed(error.into()))?;
        let parse = |row: tokio_postgres::Row| {
            let text: String = row.try_get(0).map_err(|error| failed(error.into()))?;
            serde_json::from_str(&text).map_err(|error| failed(error.into()))
        };
        rows.into_iter().map(parse).collect()
    }
}

/// A session in a database whose schema `penstock` is as new as this program.
pub(crate) async fn session(address: DatabaseAddress) -> Result<Session> {
    let sdk = match address {
        // Nothing of AWS is asked then.
        DatabaseAddress::Url(_) => SdkConfig::builder().behavior_version(BehaviorVersion::latest()).build(),
        DatabaseAddress::Secret(_) => aws_config::load_defaults(BehaviorVersion::latest()).await,
    };
    let nothing = async |_: &postgres::Client| Ok(());
    let opened = Database::new("penstock", address, &sdk).session::<(), postgres::DatabaseError>(nothing).await;
    opened.map(|(session, ())| session).map_err(|error| failed(error.into()))
}

fn failed(error: crate::error::Chain) -> Error {
    Error::database("reading the history")(error)
}
