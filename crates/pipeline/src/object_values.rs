//! The values of columns that come from the object, not from its records.

use chrono::{DateTime, Utc};

use crate::column::{Column, ColumnSource, ObjectProperty};
use crate::dataset::Dataset;
use crate::definition::Definition;
use crate::template::Captures;
use crate::types::ColumnType;

/// The properties of an object version that columns can have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectProperties {
    pub key: String,
    pub version_id: Option<String>,
    pub etag: Option<String>,
    pub last_modified: Option<DateTime<Utc>>,
}

impl Definition {
    /// Returns the text of each column that is not in the records, in the order of the dataset. `None` is NULL, and the
    /// number of a line.
    pub fn object_values(&self, dataset: &Dataset, object: &ObjectProperties) -> Vec<Option<String>> {
        let captures = dataset.source.template.matches(&object.key).unwrap_or_default();
        let columns = dataset.columns.iter().filter(|column| !column.source.is_in_records());
        columns.map(|column| self.object_value(column, &captures, object)).collect()
    }

    fn object_value(&self, column: &Column, captures: &Captures, object: &ObjectProperties) -> Option<String> {
        match &column.source {
            ColumnSource::Header | ColumnSource::Position(_) | ColumnSource::Line => None,
            ColumnSource::Key(name) => match captures.time(name) {
                Some(time) => Some(match column.kind {
                    ColumnType::Date => time.date().to_string(),
                    ColumnType::TimestampTz => instant_text(self.instant(time)),
                    _ => time.format("%Y-%m-%dT%H:%M:%S%.f").to_string(),
                }),
                None => captures.text(name).map(str::to_owned),
            },
            ColumnSource::Object(ObjectProperty::Key) => Some(object.key.clone()),
            ColumnSource::Object(ObjectProperty::VersionId) => object.version_id.clone(),
            ColumnSource::Object(ObjectProperty::Etag) => object.etag.clone(),
            ColumnSource::Object(ObjectProperty::LastModified) => object.last_modified.map(instant_text),
        }
    }
}

fn instant_text(instant: DateTime<Utc>) -> String {
    instant.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_take_values_of_the_object() {
        let definition = r#"
            timezone = "Europe/Berlin"
            [datasets.d]
            source = "raw/dt={date:%Y-%m-%d}/region={region}/*"
            table = "s.t"
            columns.id = "integer"
            columns.day = { type = "date", from_key = "date" }
            columns.at = { type = "timestamptz", from_key = "date" }
            columns.local = { type = "timestamp", from_key = "date" }
            columns.region = { type = "text", from_key = "region" }
            columns.line = { type = "bigint", from_line = true }
            columns.file = { type = "text", from_object = "key" }
            columns.version = { type = "text", from_object = "version_id" }
            columns.etag = { type = "text", from_object = "etag" }
            columns.modified = { type = "timestamptz", from_object = "last_modified" }
        "#;
        let definition = Definition::parse("p", "pipeline.toml", definition).unwrap();
        let key = "raw/dt=2024-05-01/region=eu/part-0.parquet";
        let object = ObjectProperties {
            key: key.to_owned(),
            etag: Some("e".to_owned()),
            last_modified: "2024-05-02T03:04:05Z".parse().ok(),
            ..ObjectProperties::default()
        };
        let values = definition.object_values(&definition.datasets[0], &object);
        let values: Vec<_> = values.iter().map(|value| value.as_deref().unwrap_or("NULL")).collect();
        let expected = [
            "2024-05-01",
            "2024-04-30T22:00:00.000000Z",
            "2024-05-01T00:00:00",
            "eu",
            "NULL",
            key,
            "NULL",
            "e",
            "2024-05-02T03:04:05.000000Z",
        ];
        assert_eq!(values, expected);
    }
}
