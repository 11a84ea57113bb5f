//! `penstock.inferred_column`: the names that files use for inferred columns.

use std::collections::HashMap;

use pipeline::{Column, TableName};
use postgres::Client;

use crate::error::LoadError;

/// Returns the name in the files by the name of the column.
pub(crate) async fn headers(client: &Client, table: &TableName) -> Result<HashMap<String, String>, LoadError> {
    let found = client
        .query(r#"select "column", header from penstock.inferred_column where table_name = $1"#, &[&table.to_string()])
        .await?;
    Ok(found.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Stores the names that files use for these columns of the table.
pub(crate) async fn store(client: &Client, table: &TableName, columns: &[Column]) -> Result<(), LoadError> {
    if columns.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let headers: Vec<&str> = columns.iter().map(|column| column.header.as_str()).collect();
    client
        .execute(
            r#"insert into penstock.inferred_column (table_name, "column", header)
               select $1, c.* from unnest($2::text[], $3::text[]) as c
               on conflict (table_name, "column")
               do update set header = excluded.header, inferred_at = excluded.inferred_at"#,
            &[&table.to_string(), &names, &headers],
        )
        .await?;
    Ok(())
}
