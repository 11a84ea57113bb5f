use crate::Result;
use crate::history::History;

/// What a table holds, whichever way and in whichever order its rows came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checksum {
    pub(crate) table: String,
    pub(crate) rows: i64,
    pub(crate) md5: String,
}

const TABLES: &str = "
    select table_schema || '.' || table_name as name, quote_ident(table_schema) || '.' || quote_ident(table_name) as quoted
    from information_schema.tables where table_schema in ('staging', 'analytics') order by 1";

/// Of every table that loads and transforms have filled.
pub(crate) async fn of_tables(history: &History) -> Result<Vec<Checksum>> {
    let (_, tables) = history.texts(TABLES).await?;
    let mut checksums = Vec::new();
    for table in tables {
        let [Some(name), Some(quoted)] = &table[..] else { continue };
        let (_, found) = history.texts(&query(quoted)).await?;
        let [Some(rows), md5] = &found[0][..] else { continue };
        let rows = rows.parse().unwrap_or_default();
        checksums.push(Checksum { table: name.clone(), rows, md5: md5.clone().unwrap_or_default() });
    }
    Ok(checksums)
}

/// Which load brought a row is the one thing in which two demos may differ.
fn query(quoted: &str) -> String {
    format!(
        r#"select count(*), md5(string_agg(line, '' order by line collate "C"))
           from (select (to_jsonb(it) - '_load_id')::text as line from {quoted} as it) as lines"#
    )
}
