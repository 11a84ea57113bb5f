//! The PostgreSQL server that all tools load into, and its CPU time.

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
            ProcessStat::of(backend.unsigned_abs()).expect("PostgreSQL must run on this machine, to measure its CPU");
        let server = Self { url: url.to_owned(), client, postmaster: backend.parent };
        server.run("create schema bench").await;
        server
    }

    pub(crate) async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Creates an empty table and writes a checkpoint, so that earlier loads leave no work.
    pub(crate) async fn reset(&self, lineage: Lineage) {
        let mut columns: Vec<_> = COLUMNS.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
        if lineage == Lineage::Kept {
            columns.push("_load_id bigint".to_owned());
        }
        let columns = columns.join(", ");
        self.run(&format!("drop table if exists {TABLE}")).await;
        // Autovacuum workers would run during one side's measurement.
        self.run(&format!("create table {TABLE} ({columns}) with (autovacuum_enabled = off)")).await;
        self.run("checkpoint").await;
    }

    /// Returns the row count and a sum of row hashes, which does not depend on the order.
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

    /// Returns the CPU seconds of all its processes so far, with those that have ended.
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
