use chrono::NaiveDate;
use sample_data::water;

use crate::database::{Database, TextRows};
use crate::error::Result;
use crate::output::{Output, heading};

pub(crate) const SAMPLE_ROWS: usize = 3;
const REJECTS_SHOWN: usize = 12;
/// A single row with more columns is printed as a list of columns.
const COLUMNS_ACROSS_MAX: usize = 8;

/// Prints the tables of a schema. `which` limits or sorts their rows.
pub(crate) async fn print_schema(database: &Database, schema: &str, which: &str, output: &Output) -> Result<()> {
    let tables = format!(
        "select table_name, quote_ident(table_name) from information_schema.tables
         where table_schema = '{schema}' order by 1"
    );
    for table in database.query(&tables).await?.rows {
        let [Some(name), Some(quoted)] = table.as_slice() else { continue };
        let count = database.value(&format!("select count(*) from {schema}.{quoted}")).await?;
        let rows = if count == "1" { "row" } else { "rows" };
        let count = count.parse::<i64>().map_or_else(|_| count.clone(), |count| output.grouped(count));
        heading(output, &format!("{schema}.{name}: {count} {rows}"));
        print_rows(database.query(&format!("select * from {schema}.{quoted} {which}")).await?, output);
    }
    Ok(())
}

/// Prints the first rejects of all loads.
pub(crate) async fn print_rejects(database: &Database, output: &Output) -> Result<()> {
    heading(output, "Rejects");
    let rejects = format!(
        r#"select table_name as "table", line, "column", reason, left(regexp_replace(raw, '\s+', ' ', 'g'), 60) as record
           from penstock.reject join penstock.load using (load_id) order by load_id, line limit {REJECTS_SHOWN}"#
    );
    print_rows(database.query(&rejects).await?, output);
    Ok(())
}

/// Compares the water balance with the measurements. Returns the difference.
pub(crate) async fn water_balance_problem(database: &Database, today: NaiveDate) -> Result<Option<String>> {
    let first = water::first_day(today);
    let query = format!(
        "select count(*) || ' hours, ' || sum(quarters) || ' quarters' from analytics.water_balance
         where hour >= '{first}T00:00Z' and hour < '{today}T00:00Z'"
    );
    let found = database.value(&query).await?;
    let expected = format!("{} hours, {} quarters", water::hours(today).count(), water::balanced_quarters(today));
    Ok((found != expected).then(|| format!("analytics.water_balance: expected {expected}, found {found}")))
}

fn print_rows(TextRows { columns, rows }: TextRows, output: &Output) {
    let cells = |row: Vec<Option<String>>| row.into_iter().map(|cell| cell.unwrap_or_else(|| "∅".to_owned()));
    let mut rows: Vec<Vec<String>> = rows.into_iter().map(|row| cells(row).collect()).collect();
    match rows.as_mut_slice() {
        [] => output.line("(none)"),
        [row] if columns.len() > COLUMNS_ACROSS_MAX => {
            let pairs: Vec<Vec<String>> = columns.into_iter().zip(row.drain(..)).map(|(a, b)| vec![a, b]).collect();
            output.table(&["column", "value"], &pairs);
        }
        rows => output.table(&columns.iter().map(String::as_str).collect::<Vec<_>>(), rows),
    }
}
