use crate::database::Database;
use crate::error::Result;
use crate::output::{Output, heading};

/// The content of a table. It does not depend on the order of the rows, nor on the loads that brought them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableChecksum {
    pub(crate) table: String,
    pub(crate) rows: i64,
    pub(crate) md5: String,
}

const TABLES: &str = "
    select table_schema || '.' || table_name as name, quote_ident(table_schema) || '.' || quote_ident(table_name) as quoted
    from information_schema.tables where table_schema in ('staging', 'analytics') order by 1";

/// Computes the checksum of every table that loads and transforms have written.
pub(crate) async fn of_tables(database: &Database) -> Result<Vec<TableChecksum>> {
    let mut checksums = Vec::new();
    for table in database.query(TABLES).await?.rows {
        let [Some(name), Some(quoted)] = &table[..] else { continue };
        let found = database.query(&checksum_query(quoted)).await?.rows;
        let [Some(rows), md5] = &found[0][..] else { continue };
        let rows = rows.parse().unwrap_or_default();
        checksums.push(TableChecksum { table: name.clone(), rows, md5: md5.clone().unwrap_or_default() });
    }
    Ok(checksums)
}

/// Omits the lineage column, because the same row may come from another load in another demo.
fn checksum_query(quoted: &str) -> String {
    format!(
        r#"select count(*), md5(string_agg(line, '' order by line collate "C"))
           from (select (to_jsonb(it) - '_load_id')::text as line from {quoted} as it) as lines"#
    )
}

pub(crate) fn print(tables: &[TableChecksum], output: &Output) {
    heading(output, "Tables");
    let cells = |it: &TableChecksum| vec![it.table.clone(), output.grouped(it.rows), it.md5.clone()];
    output.table(&["table", "rows", "checksum"], &tables.iter().map(cells).collect::<Vec<_>>());
}
