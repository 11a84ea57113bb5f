use std::error::Error;
use std::path::Path;

use pipeline::{Dataset, Definition, ObjectProperties};
use protocol::{Compression, Format};
use serde::Deserialize;
use serde_json::Value;

/// A row as PostgreSQL prints it: the text of each column, or NULL.
pub(crate) type TextRow = Vec<Option<String>>;

pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) dataset: Dataset,
    pub(crate) format: Format,
    pub(crate) compression: Compression,
    pub(crate) input: Vec<u8>,
    pub(crate) object_values: Vec<Option<String>>,
    pub(crate) expected: ExpectedResult,
}

pub(crate) enum ExpectedResult {
    Rows(ExpectedRows),
    Failure(ExpectedFailure),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedRows {
    /// Other readers find the same rows and values, except for the rejected ones.
    #[serde(default)]
    pub(crate) independent: bool,
    pub(crate) loaded: Vec<TextRow>,
    pub(crate) rejected: Vec<ExpectedReject>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedReject {
    pub(crate) line: u64,
    pub(crate) column: Option<String>,
    /// Part of the reason.
    pub(crate) reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedFailure {
    /// Variant of [`formats::FileError`].
    pub(crate) failure: String,
    /// Part of the message.
    pub(crate) message: String,
}

impl Case {
    pub(crate) fn read(name: &str, folder: &Path) -> Result<Self, Box<dyn Error>> {
        let definition = std::fs::read_to_string(folder.join("pipeline.toml"))?;
        let mut definition = Definition::parse(name, "pipeline.toml", &definition)?;
        let (Some(dataset), true) = (definition.datasets.pop(), definition.datasets.is_empty()) else {
            return Err("a case has one dataset".into());
        };
        let file_name = input_name(folder)?;
        let (format, compression) = dataset.file_format(&file_name)?;
        let object = ObjectProperties {
            key: file_name.clone(),
            version_id: Some("v1".to_owned()),
            etag: Some("0123".to_owned()),
            last_modified: "2024-05-01T10:00:00.5Z".parse().ok(),
        };
        Ok(Self {
            name: name.to_owned(),
            object_values: definition.object_values(&dataset, &object),
            dataset,
            format,
            compression,
            input: std::fs::read(folder.join(file_name))?,
            expected: ExpectedResult::parse(&std::fs::read_to_string(folder.join("expect.json"))?)?,
        })
    }
}

impl ExpectedResult {
    fn parse(text: &str) -> serde_json::Result<Self> {
        let value: Value = serde_json::from_str(text)?;
        if value.get("failure").is_some() {
            serde_json::from_value(value).map(Self::Failure)
        } else {
            serde_json::from_value(value).map(Self::Rows)
        }
    }

    pub(crate) fn is_independent(&self) -> bool {
        matches!(self, Self::Rows(ExpectedRows { independent: true, .. }))
    }
}

fn input_name(folder: &Path) -> Result<String, Box<dyn Error>> {
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with("input.") {
            return Ok(name);
        }
    }
    Err("no input file".into())
}
