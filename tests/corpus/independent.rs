//! Compares with independent readers: the csv crate and serde_json for the texts in a file, PostgreSQL for their
//! conversion to the column type.

use std::collections::HashSet;
use std::error::Error;

use formats::Reject;
use pipeline::{Column, ColumnType, Delimiter};
use protocol::Format;
use serde_json::{Map, Value};
use tokio_postgres::Client;

use crate::Differences;
use crate::case::{Case, TextRow};

type Object = Map<String, Value>;

pub(crate) async fn compare(
    case: &Case,
    loaded: &[TextRow],
    rejected: &[Reject],
    client: &Client,
) -> Result<Differences, Box<dyn Error>> {
    let read = match case.format {
        Format::Csv | Format::Tsv => read_csv(case, rejected)?,
        Format::Json => texts_of(case, &serde_json::from_slice::<Vec<Object>>(&case.input)?),
        Format::Jsonl => {
            let objects = serde_json::Deserializer::from_slice(&case.input).into_iter::<Object>();
            texts_of(case, &objects.collect::<Result<Vec<_>, _>>()?)
        }
        // The expected rows of these cases are from pyarrow: see parquet_cases.py.
        Format::Parquet => return Ok(Differences::new()),
    };
    if read.len() != loaded.len() {
        return Ok(vec![format!("  loaded {} rows, another reader finds {}", loaded.len(), read.len())]);
    }
    let mut differences = Differences::new();
    for (place, column) in case.dataset.columns.iter().enumerate() {
        let ours = loaded.iter().map(|row| row[place].as_deref());
        let texts: Vec<_> = read.iter().map(|row| row[place].as_deref()).collect();
        let theirs = match (column.kind, case.format) {
            (ColumnType::Text, _) => texts.into_iter().map(|text| text.map(str::to_owned)).collect(),
            (_, Format::Csv | Format::Tsv) if column.values.formats.is_empty() => {
                as_postgresql_reads(&texts, column, client).await?
            }
            _ => continue,
        };
        for (row, (ours, theirs)) in ours.zip(&theirs).enumerate() {
            if ours != theirs.as_deref() {
                let (row, name) = (row + 1, &column.name);
                differences.push(format!("  row {row}, {name}: loaded {ours:?}, another reader has {theirs:?}"));
            }
        }
    }
    Ok(differences)
}

/// Returns texts by row and column of the dataset. NULLs are the texts that mean NULL, because the csv crate has no
/// NULL.
fn read_csv(case: &Case, rejected: &[Reject]) -> Result<Vec<TextRow>, Box<dyn Error>> {
    let mut reader = csv_reader(case).from_reader(case.input.as_slice());
    let places = if case.dataset.csv.header {
        let header = reader.headers()?.clone();
        let place_of = |column: &Column| {
            let place = header.iter().position(|name| name == column.header);
            place.ok_or_else(|| format!("another reader finds no column {:?}", column.header))
        };
        case.dataset.columns.iter().map(place_of).collect::<Result<Vec<_>, _>>()?
    } else {
        (0..case.dataset.columns.len()).collect()
    };
    let rejected: HashSet<_> = rejected.iter().map(|reject| reject.line).collect();
    let not_null = |text: &&str| !case.dataset.null_values.iter().any(|null| null == text);
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record?;
        if record.position().is_none_or(|position| !rejected.contains(&position.line())) {
            let text = |place: &usize| record.get(*place).filter(not_null).map(str::to_owned);
            rows.push(places.iter().map(text).collect());
        }
    }
    Ok(rows)
}

fn csv_reader(case: &Case) -> csv::ReaderBuilder {
    let options = &case.dataset.csv;
    let by_ending = if case.format == Format::Tsv { b'\t' } else { b',' };
    let mut builder = csv::ReaderBuilder::new();
    builder
        .delimiter(options.delimiter.and_then(Delimiter::byte).unwrap_or(by_ending))
        .quoting(options.quote.is_some())
        .quote(options.quote.unwrap_or(b'"'))
        .double_quote(options.escape.is_none())
        .escape(options.escape)
        .comment(options.comment)
        .has_headers(options.header);
    builder
}

fn texts_of(case: &Case, objects: &[Object]) -> Vec<TextRow> {
    let text = |object: &Object, column: &Column| object.get(&column.header).and_then(Value::as_str).map(str::to_owned);
    let row = |object| case.dataset.columns.iter().map(|column| text(object, column)).collect();
    objects.iter().map(row).collect()
}

async fn as_postgresql_reads(
    texts: &[Option<&str>],
    column: &Column,
    client: &Client,
) -> Result<TextRow, Box<dyn Error>> {
    let query = format!(
        "select text::{}::text from unnest($1::text[]) with ordinality as texts (text, place) order by place",
        column.kind.sql()
    );
    let rows = client.query(&query, &[&texts]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
