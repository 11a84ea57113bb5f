use std::time::Duration;

use crate::location::Location;
use crate::names::{ColumnName, NameError, TableName, check_label};
use crate::options::{CsvOptions, Encoding, Evolve, Extra};
use crate::template::{KeyTemplate, TemplateError};
use crate::types::ColumnType;

/// One dataset: what starts it, where its data lies, and into which table it goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    pub name: String,
    pub starts_on: StartsOn,
    pub source: Location,
    pub table: TableName,
    pub write: WriteMode,
    pub on_new_version: OnNewVersion,
    /// The texts that mean NULL; one empty text unless declared.
    pub null_values: Vec<String>,
    /// In the order of the file; none when they are inferred, see [`Dataset::infers_columns`].
    pub columns: Vec<Column>,
    pub extra: Extra,
    pub evolve: Evolve,
    pub encoding: Encoding,
    pub csv: CsvOptions,
    pub rejects: RejectLimits,
    /// The key, in the curated bucket, of the CSV with a load's rejects; [`Dataset::rejects_key`] builds it.
    pub rejects_export: Option<KeyTemplate>,
}

/// The name that every template of [`Dataset::rejects_export`] has.
pub(crate) const LOAD_ID: &str = "load_id";

/// What starts a dataset's load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartsOn {
    /// The data file itself.
    Source,
    /// A trigger file, whose name says which data file is ready; `wait` is how long that file may come after it.
    Trigger { trigger: Location, wait: Duration },
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum WriteMode {
    #[default]
    Append,
    /// The table becomes the file.
    Replace,
    /// A row takes the place of the one with the same key; every key column is declared, and `not null`.
    Upsert { key: Vec<ColumnName> },
}

/// What a new version of an already loaded key does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnNewVersion {
    /// Takes the place of that key's rows.
    #[default]
    Replace,
    /// Adds its rows to those of the versions before it.
    Append,
    /// Loads nothing.
    Ignore,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: ColumnName,
    /// What the file calls it.
    pub header: String,
    pub kind: ColumnType,
    pub not_null: bool,
    /// chrono's strftime, for date and time types only; `None` is ISO 8601.
    pub format: Option<String>,
}

/// Past any of these the whole file fails; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RejectLimits {
    pub max_rows: Option<u64>,
    /// From 0 to 1, of the rows read.
    pub max_ratio: Option<f64>,
}

impl OnNewVersion {
    /// The words of `pipeline.toml`.
    pub(crate) const WORDS: [(&str, Self); 3] =
        [("replace", Self::Replace), ("append", Self::Append), ("ignore", Self::Ignore)];
}

impl Dataset {
    /// A dataset that starts on its source, with everything else as if it were not declared: its columns are inferred.
    pub fn new(name: &str, source: Location, table: TableName) -> Result<Self, NameError> {
        check_label(name)?;
        Ok(Self {
            name: name.to_owned(),
            starts_on: StartsOn::Source,
            source,
            table,
            write: WriteMode::default(),
            on_new_version: OnNewVersion::default(),
            null_values: vec![String::new()],
            columns: Vec::new(),
            extra: Extra::default(),
            evolve: Evolve::default(),
            encoding: Encoding::default(),
            csv: CsvOptions::default(),
            rejects: RejectLimits::default(),
            rejects_export: None,
        })
    }

    /// Whether no columns are declared, so that the first file says them.
    pub fn infers_columns(&self) -> bool {
        self.columns.is_empty()
    }

    /// The key of the CSV with the rejects of one load, given the key of the file that was loaded; `None` when the
    /// dataset asks for none.
    pub fn rejects_key(&self, source_key: &str, load_id: i64) -> Option<Result<String, TemplateError>> {
        let template = self.rejects_export.as_ref()?;
        let captures = self.source.template.matches(source_key).unwrap_or_default();
        Some(template.write(&captures.with_text(LOAD_ID, &load_id.to_string())))
    }
}
