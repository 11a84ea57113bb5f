use tokio_postgres::{Client, NoTls, Row};

use crate::error::Result;

/// A session that reads the tables of the demo, as `psql` would.
pub(crate) struct Database(Client);

/// The result of a query as PostgreSQL writes it. `None` is NULL.
pub(crate) struct TextRows {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Option<String>>>,
}

impl Database {
    pub(crate) async fn connect(url: &str) -> Result<Self> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        // An error of the connection also fails the queries.
        tokio::spawn(connection);
        Ok(Self(client))
    }

    /// Runs a query and converts every value to text.
    pub(crate) async fn query(&self, query: &str) -> Result<TextRows> {
        let prepared = self.0.prepare(query).await?;
        let columns: Vec<String> = prepared.columns().iter().map(|column| column.name().to_owned()).collect();
        let texts: Vec<String> =
            columns.iter().map(|name| format!("\"{}\"::text", name.replace('"', "\"\""))).collect();
        let rows = self.0.query(&format!("select {} from ({query}) as it", texts.join(", ")), &[]).await?;
        let cells = |row: &Row| (0..row.len()).map(|index| row.try_get(index)).collect();
        Ok(TextRows { columns, rows: rows.iter().map(cells).collect::<Result<_, _>>()? })
    }

    /// Returns the single value of a query.
    pub(crate) async fn value(&self, query: &str) -> Result<String> {
        let TextRows { rows, .. } = self.query(query).await?;
        Ok(rows.into_iter().flatten().flatten().next().unwrap_or_default())
    }
}
