//! The PostgreSQL that every side loads into, and what it spends on it.

use tokio_postgres::Client;

use crate::generated_rows::COLUMNS;
use crate::process::{ProcessStat, stats};

pub(crate) const TABLE: &str = "bench.orders";

pub(crate) struct PostgresServer {
    pub(crate) url: String,
    client: Client,
    postmaster: u32,
}

impl PostgresServer {
    pub(crate) async fn connect(url: &str, client: Client) -> Self {
        let backend: i32 = client.query_one("select pg_backend_pid()", &[]).await.expect("backend").get(0);
        let backend =
            ProcessStat::of(backend.unsigned_abs()).expect("PostgreSQL runs on this machine, to see what it spends");
        let server = Self { url: url.to_owned(), client, postmaster: backend.parent };
        server.run("create schema bench").await;
        server
    }

    pub(crate) async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// An empty table, and a server that owes nothing to what was loaded before.
    pub(crate) async fn reset(&self, lineage: Lineage) {
        let mut columns: Vec<_> = COLUMNS.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
        if lineage == Lineage::Kept {
            columns.push("_load_id bigint".to_owned());
        }
        let columns = columns.join(", ");
        self.run(&format!("drop table if exists {TABLE}")).await;
        // Its workers would come at any moment, and into either side's time.
        self.run(&format!("create table {TABLE} ({columns}) with (autovacuum_enabled = off)")).await;
        self.run("checkpoint").await;
    }

    /// The rows that are there, whatever their order: their number and a sum of their hashes.
    pub(crate) async fn checksum(&self) -> (i64, String) {
        let names: Vec<_> = COLUMNS.iter().map(|(name, _)| *name).collect();
        let sql = format!(
            "select count(*), coalesce(sum(hashtextextended(row({})::text, 0)), 0)::text from {TABLE}",
            names.join(", ")
        );
        let row = self.client.query_one(&sql, &[]).await.expect("checksum");
        (row.get(0), row.get(1))
    }

    pub(crate) async fn version(&self) -> String {
        self.client.query_one("show server_version", &[]).await.expect("version").get(0)
    }

    /// Seconds of CPU of all its processes so far, those that have ended included.
    pub(crate) fn cpu_s(&self) -> f64 {
        let Some(postmaster) = ProcessStat::of(self.postmaster) else { return f64::NAN };
        let living: f64 = stats().filter(|stat| stat.parent == self.postmaster).map(|stat| stat.own_cpu_s).sum();
        postmaster.own_cpu_s + postmaster.ended_children_cpu_s + living
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lineage {
    Kept,
    Left,
}
