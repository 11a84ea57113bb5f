//! Keys of repairs. A repair is a file of corrected records; its key names the load that rejected them.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};

use crate::csv_options::CsvOptions;
use crate::dataset::{Dataset, WriteMode};
use crate::options::Encoding;
use crate::template::{Captures, KeyTemplate, TemplateError};

/// The prefix of every repair's key. Definitions cannot use keys of the landing bucket with this prefix.
pub(crate) const REPAIRS: &str = "_penstock/repairs/";

static KEYS: LazyLock<Result<KeyTemplate, TemplateError>> = LazyLock::new(|| {
    KeyTemplate::parse(&format!("{REPAIRS}{{pipeline}}/{{dataset}}/{{load}}/{{at:%Y-%m-%dT%H:%M:%S.%6fZ}}/{{file}}"))
});

/// The parts of a repair's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepairKey {
    pub pipeline: String,
    pub dataset: String,
    /// The load that is repaired.
    pub load_id: i64,
    /// The logical time of that load.
    pub logical_at: DateTime<Utc>,
    /// The file name; its ending gives the format.
    pub file: String,
}

impl RepairKey {
    /// Returns the template of all repairs' keys, with times in UTC. It is never `None`, as a test shows.
    pub fn template() -> Option<&'static KeyTemplate> {
        KEYS.as_ref().ok()
    }

    pub fn parse(key: &str) -> Option<Self> {
        let captures = Self::template()?.matches(key)?;
        let text = |name: &str| captures.text(name).map(str::to_owned);
        Some(Self {
            pipeline: text("pipeline")?,
            dataset: text("dataset")?,
            load_id: text("load")?.parse().ok()?,
            logical_at: captures.time("at")?.and_utc(),
            file: text("file")?,
        })
    }

    /// Builds the key. Fails on a name that a key cannot contain.
    pub fn build(&self) -> Result<String, TemplateError> {
        let captures = Captures::default()
            .with_text("pipeline", &self.pipeline)
            .with_text("dataset", &self.dataset)
            .with_text("load", &self.load_id.to_string())
            .with_time("at", self.logical_at.naive_utc())
            .with_text("file", &self.file);
        KEYS.as_ref().map_err(Clone::clone)?.build(&captures)
    }
}

impl Dataset {
    /// Returns the dataset with the options for repairs. A repair appends, also where `write = "replace"`. It is UTF-8
    /// like the records of `penstock.reject`, and has only a header and records.
    #[must_use]
    pub fn for_repairs(&self) -> Self {
        let write = match &self.write {
            WriteMode::Append | WriteMode::Replace => WriteMode::Append,
            upsert @ WriteMode::Upsert { .. } => upsert.clone(),
        };
        let csv = CsvOptions { skip: 0, skip_footer: 0, ..self.csv };
        Self { write, encoding: Encoding::Utf8, csv, json_records: None, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repair_key_parses_back() {
        let check = |file: &str, logical_at: &str, expected: &str| {
            let key = RepairKey {
                pipeline: "retail".to_owned(),
                dataset: "orders".to_owned(),
                load_id: 12,
                logical_at: logical_at.parse().unwrap(),
                file: file.to_owned(),
            };
            assert_eq!(key.build().unwrap(), expected);
            assert_eq!(RepairKey::parse(expected), Some(key));
        };
        let midnight = "_penstock/repairs/retail/orders/12/2024-05-01T00:00:00.000000Z";
        check("orders.csv", "2024-05-01T00:00:00Z", &format!("{midnight}/orders.csv"));
        check("é +%.csv.gz", "2024-05-01T00:00:00Z", &format!("{midnight}/é +%.csv.gz"));
        let finer = "_penstock/repairs/retail/orders/12/2024-05-01T09:15:30.000125Z/x.jsonl";
        check("x.jsonl", "2024-05-01T09:15:30.000125Z", finer);
    }

    #[test]
    fn other_keys_are_not_repairs() {
        for key in [
            "_penstock/repairs/retail/orders/12/orders.csv",
            "_penstock/repairs/retail/orders/twelve/2024-05-01T00:00:00.000000Z/orders.csv",
            "_penstock/repairs/retail/orders/12/2024-05-32T00:00:00.000000Z/orders.csv",
            "_penstock/repairs/retail/orders/12/2024-05-01T00:00:00.000000Z/",
            "_penstock/repairs/retail/orders/12/2024-05-01T00:00:00.000000Z/a/orders.csv",
            "raw_data/retail/orders/12/2024-05-01T00:00:00.000000Z/orders.csv",
        ] {
            assert_eq!(RepairKey::parse(key), None, "{key}");
        }
    }
}
