use std::pin::pin;

use bytes::Bytes;
use formats::{COPY_HEADER, COPY_TRAILER};
use futures_util::SinkExt;
use pipeline::Column;
use test_support::TestDatabase;
use tokio::runtime::Runtime;
use tokio_postgres::Client;

/// A blocking session of the test's own database.
pub(crate) struct Session {
    runtime: Runtime,
    client: Client,
    _database: TestDatabase,
}

pub(crate) type TextRow = Vec<Option<String>>;

impl Session {
    pub(crate) fn open() -> Self {
        let runtime = Runtime::new().unwrap();
        let (database, client) = runtime.block_on(async {
            let database = test_support::database().await;
            let client = database.connect().await;
            // The text of dates and instants depends on these settings.
            client.batch_execute("set timezone = 'UTC'; set datestyle = 'ISO'").await.unwrap();
            (database, client)
        });
        Self { runtime, client, _database: database }
    }

    /// Copies tuples into a table of these columns and returns their text.
    pub(crate) fn store(&self, columns: &[Column], tuples: &[u8]) -> Vec<TextRow> {
        let declared: Vec<String> =
            columns.iter().map(|column| format!("{} {}", column.name.quoted(), column.kind.sql())).collect();
        let create = format!("drop table if exists t; create temp table t ({})", declared.join(", "));
        self.runtime.block_on(async {
            self.client.batch_execute(&create).await.unwrap();
            let mut stream = pin!(self.client.copy_in("copy t from stdin (format binary)").await.unwrap());
            for part in [&COPY_HEADER[..], tuples, &COPY_TRAILER[..]] {
                stream.send(Bytes::copy_from_slice(part)).await.unwrap();
            }
            stream.finish().await.unwrap();
        });
        let shown: Vec<String> = columns.iter().map(|column| format!("{}::text", column.name.quoted())).collect();
        // In a table without updates and deletes, the physical order is the order of the COPY.
        self.rows(&format!("select {} from t order by ctid", shown.join(", ")), &[])
    }

    /// Returns the texts as PostgreSQL prints them after its own conversion.
    pub(crate) fn read(&self, columns: &[Column], rows: &[TextRow]) -> Vec<TextRow> {
        let shown: Vec<String> =
            columns.iter().zip(1..).map(|(column, place)| format!("c{place}::{}::text", column.kind.sql())).collect();
        let names: Vec<String> = (1..=columns.len()).map(|place| format!("c{place}")).collect();
        let arrays: Vec<String> = (1..=columns.len()).map(|place| format!("${place}::text[]")).collect();
        let query = format!(
            "select {} from unnest({}) with ordinality as texts ({}, place) order by place",
            shown.join(", "),
            arrays.join(", "),
            names.join(", ")
        );
        let texts: Vec<Vec<Option<&str>>> =
            (0..columns.len()).map(|place| rows.iter().map(|row| row[place].as_deref()).collect()).collect();
        self.rows(&query, &texts)
    }

    fn rows(&self, query: &str, arrays: &[Vec<Option<&str>>]) -> Vec<TextRow> {
        let parameters: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> =
            arrays.iter().map(|array| array as &(dyn tokio_postgres::types::ToSql + Sync)).collect();
        let rows = self.runtime.block_on(self.client.query(query, &parameters)).unwrap_or_else(|error| {
            panic!("{}: {arrays:?}", error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string))
        });
        rows.iter().map(|row| (0..row.len()).map(|place| row.get(place)).collect()).collect()
    }
}
