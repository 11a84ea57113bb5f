//! Rows with all column types, as texts.

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use pipeline::{Column, ColumnName, ColumnType};
use proptest::prelude::*;

use crate::postgresql::TextRow;

pub(crate) const TYPES: [&str; 16] = [
    "smallint",
    "integer",
    "bigint",
    "numeric",
    "numeric(12,4)",
    "real",
    "double precision",
    "boolean",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "text",
    "varchar(8)",
    "uuid",
    "jsonb",
];

/// One column per type.
pub(crate) fn columns() -> Vec<Column> {
    TYPES.iter().zip(1..).map(|(kind, place)| column(&format!("c{place}"), kind)).collect()
}

pub(crate) fn column(name: &str, kind: &str) -> Column {
    let (kind, not_null) = ColumnType::parse(kind).unwrap();
    Column::new(ColumnName::parse(name).unwrap(), kind, not_null)
}

pub(crate) fn rows() -> impl Strategy<Value = Vec<TextRow>> {
    let value = |kind: &&str| prop::option::weighted(0.85, value(kind)).boxed();
    let row: Vec<BoxedStrategy<Option<String>>> = TYPES.iter().map(value).collect();
    prop::collection::vec(row, 0..12)
}

fn value(kind: &str) -> BoxedStrategy<String> {
    match kind {
        "smallint" => any::<i16>().prop_map(|number| number.to_string()).boxed(),
        "integer" => any::<i32>().prop_map(|number| number.to_string()).boxed(),
        "bigint" => any::<i64>().prop_map(|number| number.to_string()).boxed(),
        "numeric" => "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?".boxed(),
        "numeric(12,4)" => "-?(0|[1-9][0-9]{0,7})(\\.[0-9]{1,4})?".boxed(),
        "real" => any::<f32>().prop_map(|number| format!("{number:e}")).boxed(),
        "double precision" => any::<f64>().prop_map(|number| format!("{number:e}")).boxed(),
        "boolean" => any::<bool>().prop_map(|truth| truth.to_string()).boxed(),
        "date" => date().prop_map(|date| date.to_string()).boxed(),
        "time" => time().prop_map(|time| time.to_string()).boxed(),
        "timestamp" => (date(), time()).prop_map(|(date, time)| format!("{date} {time}")).boxed(),
        "timestamptz" => (date(), time(), "[+-](0[0-9]|1[0-3]):[0-5][0-9]")
            .prop_map(|(date, time, offset)| format!("{date}T{time}{offset}"))
            .boxed(),
        "text" => prop_oneof!["[a-z,;|\t\"'\\\\#\r\n é😀]{0,12}", "[^\0]{0,20}"].boxed(),
        "varchar(8)" => "[a-z,\"é😀\\\\ ]{0,8}".boxed(),
        "uuid" => "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}".boxed(),
        "jsonb" => json().prop_map(|value| value.to_string()).boxed(),
        other => panic!("no values of type {other}"),
    }
}

fn date() -> impl Strategy<Value = NaiveDate> {
    // Years of four digits.
    (0_i64..3_652_059).prop_map(|days| NaiveDate::from_ymd_opt(1, 1, 1).unwrap() + TimeDelta::days(days))
}

fn time() -> impl Strategy<Value = NaiveTime> {
    let microseconds = prop_oneof![Just(0), 0_u32..1_000_000];
    (0_u32..86_400, microseconds)
        .prop_map(|(second, fraction)| NaiveTime::from_num_seconds_from_midnight_opt(second, fraction * 1000).unwrap())
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let text = "[a-z,\"\\\\\n\té😀]{0,8}";
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        text.prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::btree_map(text, inner, 0..4)
                .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
        ]
    })
}
