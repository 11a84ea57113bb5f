use std::time::Duration;

use protocol::Format;

use crate::column::Column;
use crate::csv_options::CsvOptions;
use crate::limits::REJECTS_RATIO_DEFAULT;
use crate::location::Location;
use crate::logical_time;
use crate::names::{ColumnName, NameError, TableName, check_label};
use crate::options::{DeclaredCompression, Encoding, Evolve, Extra, HeaderMatch};
use crate::template::{KeyTemplate, TemplateError};

/// A dataset: the files that it loads, and the table that it loads them into.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    pub name: String,
    pub starts_on: StartsOn,
    pub source: Location,
    /// The placeholder that is the logical time: of the trigger, else of the source. `None` when keys have no time; then
    /// the time of the event counts.
    pub logical_time: Option<String>,
    /// `None`: by the ending of the key, then by the first bytes.
    pub format: Option<Format>,
    /// `None`: by the ending of the key, then by the first bytes.
    pub compression: Option<DeclaredCompression>,
    pub table: TableName,
    pub write: WriteMode,
    /// With [`WriteMode::Upsert`]: of two rows with one key, the row with the higher value in this column stays. `None`:
    /// the row of the file with the later logical time, then of the later commit.
    pub newer_by: Option<ColumnName>,
    pub on_new_version: OnNewVersion,
    /// With [`WriteMode::Replace`]: a file without an accepted row empties the table. Otherwise it fails.
    pub allow_empty: bool,
    /// The earlier name of the dataset; its loads are loads of this dataset.
    pub renamed_from: Option<String>,
    /// The texts that are NULL. Default: the empty text.
    pub null_values: Vec<String>,
    /// In the order of the definition. Empty when columns are inferred; see [`Dataset::infers_columns`].
    pub columns: Vec<Column>,
    pub extra: Extra,
    pub evolve: Evolve,
    pub encoding: Encoding,
    pub csv: CsvOptions,
    pub header_match: HeaderMatch,
    /// The JSON Pointer to the array of records; `None`: the records are the top level of the file.
    pub json_records: Option<String>,
    pub rejects: RejectLimits,
    /// The key in the curated bucket of a CSV file with a load's rejects; [`Dataset::rejects_key`] builds it.
    pub rejects_export: Option<KeyTemplate>,
}

/// The placeholder that every template of [`Dataset::rejects_export`] has.
pub(crate) const LOAD_ID: &str = "load_id";

/// The file that starts a load of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartsOn {
    /// The data file itself.
    Source,
    /// A trigger: its name gives the key of the data file. The data file may come up to `wait` later.
    Trigger { trigger: Location, wait: Duration },
}

/// How a load changes its table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum WriteMode {
    #[default]
    Append,
    /// The table becomes the file.
    Replace,
    /// A row replaces the row with the same key. Every key column is declared as `not null`.
    Upsert { key: Vec<ColumnName> },
}

/// The effect of a new version of a key that is loaded already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnNewVersion {
    /// It replaces the rows of the key.
    #[default]
    Replace,
    /// It adds its rows to those of the earlier versions.
    Append,
    /// It is not loaded.
    Ignore,
}

/// The limits of rejects: a file with more rejects fails. `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RejectLimits {
    pub max_rows: Option<u64>,
    /// The part of the rows read, from 0 to 1.
    pub max_ratio: Option<f64>,
}

impl Default for RejectLimits {
    fn default() -> Self {
        Self { max_rows: None, max_ratio: Some(REJECTS_RATIO_DEFAULT) }
    }
}

impl WriteMode {
    /// Returns the default of `on_new_version`.
    pub(crate) fn on_new_version(&self) -> OnNewVersion {
        match self {
            Self::Append | Self::Replace => OnNewVersion::Replace,
            Self::Upsert { .. } => OnNewVersion::Append,
        }
    }
}

impl OnNewVersion {
    /// The words of `pipeline.toml`.
    pub(crate) const WORDS: [(&str, Self); 3] =
        [("replace", Self::Replace), ("append", Self::Append), ("ignore", Self::Ignore)];
}

impl Dataset {
    /// Creates a dataset that starts on its source, with the default of every other key. Its columns are inferred.
    pub fn new(name: &str, source: Location, table: TableName) -> Result<Self, NameError> {
        check_label(name)?;
        let logical_time = logical_time::default_name(&source.template).ok().flatten().map(str::to_owned);
        Ok(Self {
            name: name.to_owned(),
            starts_on: StartsOn::Source,
            source,
            logical_time,
            format: None,
            compression: None,
            table,
            write: WriteMode::default(),
            newer_by: None,
            on_new_version: OnNewVersion::default(),
            allow_empty: false,
            renamed_from: None,
            null_values: vec![String::new()],
            columns: Vec::new(),
            extra: Extra::default(),
            evolve: Evolve::default(),
            encoding: Encoding::default(),
            csv: CsvOptions::default(),
            header_match: HeaderMatch::default(),
            json_records: None,
            rejects: RejectLimits::default(),
            rejects_export: None,
        })
    }

    /// Returns the template of the keys that start a load: those of the trigger, else of the source.
    pub(crate) fn starting_template(&self) -> &KeyTemplate {
        match &self.starts_on {
            StartsOn::Source => &self.source.template,
            StartsOn::Trigger { trigger, .. } => &trigger.template,
        }
    }

    /// Returns true if each file replaces the table, and several files of one logical time match the source.
    pub fn keeps_one_of_several_files(&self) -> bool {
        let source = &self.source.template;
        let is_other_time = |name: &str| self.logical_time.as_deref() != Some(name);
        self.write == WriteMode::Replace
            && (source.has_star() || source.text_names().next().is_some() || source.time_names().any(is_other_time))
    }

    /// Returns true if no columns are declared; the first file then defines them.
    pub fn infers_columns(&self) -> bool {
        self.columns.is_empty()
    }

    /// Returns the dataset with the options for reloads. A reload replaces the rows of an earlier load.
    #[must_use]
    pub fn for_reloads(&self) -> Self {
        Self { on_new_version: OnNewVersion::Replace, ..self.clone() }
    }

    /// Builds the key of the CSV file with a load's rejects. `source_key` is the key of the loaded file. `None` when the
    /// dataset does not export rejects.
    pub fn rejects_key(&self, source_key: &str, load_id: i64) -> Option<Result<String, TemplateError>> {
        let template = self.rejects_export.as_ref()?;
        let captures = self.source.template.matches(source_key).unwrap_or_default();
        Some(template.write(&captures.with_text(LOAD_ID, &load_id.to_string())))
    }
}
