use std::collections::BTreeMap;

use crate::{folder, with_stack};

/// Columns to sum, once with the csv crate and once in PostgreSQL.
const SUMMED: &[&str] = &["dep_time", "dep_delay", "arr_delay", "flight", "air_time", "distance", "minute"];

/// Compares 336,776 rows of a public data set with counts and sums by an independent reader.
#[test]
fn flights_of_2013_load_completely() {
    with_stack(async |stack| {
        let path = folder("../.local/test-data/flights.csv");
        let body = std::fs::read(&path).expect("flights.csv: `make test` fetches it");
        let expected = independent_sums(&body);
        let execution = stack.drop_file("flights/2013.csv", body).await;
        assert_eq!(execution.outcome(), "Loaded", "{execution:?}");
        assert_eq!(execution.report()["rows_rejected"], 0);
        let sums: Vec<String> = SUMMED.iter().map(|column| format!("sum({column})::bigint, count({column})")).collect();
        let query = format!(
            "select count(*), count(distinct (tailnum, time_hour, flight)), {} from real.flights",
            sums.join(", ")
        );
        let row = stack.database().await.query_one(&query, &[]).await.unwrap();
        assert_eq!(row.get::<_, i64>(0), 336_776);
        for (index, column) in SUMMED.iter().enumerate() {
            let found: (i64, i64) = (row.get(2 + 2 * index), row.get(3 + 2 * index));
            assert_eq!(found, expected[*column], "{column}");
        }
    });
}

/// Returns sum and count of the values by column, without empty fields and `NA`.
fn independent_sums(body: &[u8]) -> BTreeMap<String, (i64, i64)> {
    let mut reader = csv::Reader::from_reader(body);
    let headers = reader.headers().unwrap().clone();
    let mut sums = BTreeMap::new();
    for record in reader.records() {
        let record = record.unwrap();
        for (column, text) in headers.iter().zip(&record) {
            if SUMMED.contains(&column) && !text.is_empty() && text != "NA" {
                let entry: &mut (i64, i64) = sums.entry(column.to_owned()).or_default();
                entry.0 += text.parse::<i64>().unwrap();
                entry.1 += 1;
            }
        }
    }
    sums
}
