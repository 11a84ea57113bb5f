use std::fmt;
use std::time::Duration;

use chrono_tz::Tz;

use crate::names::check_label;
use crate::places::Places;
use crate::{
    Captures, ColumnName, ColumnType, CsvOptions, DefinitionError, DefinitionErrors, Encoding, Evolve, Export, Extra,
    KeyTemplate, NameError, Run, TableName, TemplateError, Transform, parse, print,
};

/// One `pipeline.toml`, checked as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// The name of the pipeline's folder.
    pub pipeline: String,
    /// Times in file names, and logical days, are in it.
    pub timezone: Tz,
    /// Whether a load is announced; a failure always is.
    pub notify_success: bool,
    pub run: Run,
    /// In the order of the file, which is the order in which they run.
    pub transforms: Vec<Transform>,
    /// In the order of the file.
    pub exports: Vec<Export>,
    /// In the order of the file.
    pub datasets: Vec<Dataset>,
    /// SHA-256 of the text, hex.
    pub hash: String,
    pub(crate) declares_runs: bool,
    pub(crate) places: Places,
}

/// One dataset: what starts it, where its data lies, and into which table it goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    pub name: String,
    pub start: Start,
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
pub enum Start {
    /// The data file itself.
    Source,
    /// A trigger file, whose name says which data file is ready; `wait` is how long that file may come after it.
    Trigger { trigger: Location, wait: Duration },
}

/// Keys of one bucket, by template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// `None` is the landing bucket.
    pub bucket: Option<String>,
    pub template: KeyTemplate,
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

impl Definition {
    /// Checks a whole definition and gives every error at once. `pipeline` is its folder's name; `file` is only named in
    /// messages.
    pub fn parse(pipeline: &str, file: &str, text: &str) -> Result<Self, DefinitionErrors> {
        parse::parse(pipeline, file, text)
    }

    pub fn dataset(&self, name: &str) -> Option<&Dataset> {
        self.datasets.iter().find(|dataset| dataset.name == name)
    }

    /// What is wrong with a key of this definition, and shows only beside other files; `key` is dotted, and the items of
    /// a list are counted from 1: `datasets.orders.source`, `exports[1].to`.
    pub fn error(&self, key: &str, reason: &str) -> DefinitionError {
        self.places.error(key, reason)
    }

    /// Whether loads make runs: the file has `[run]`, `[[transforms]]` or `[[exports]]`. Others are loaded, and that
    /// is all.
    pub fn has_runs(&self) -> bool {
        self.declares_runs
    }
}

impl Dataset {
    /// A dataset that starts on its source, with everything else as if it were not declared: its columns are inferred.
    pub fn new(name: &str, source: Location, table: TableName) -> Result<Self, NameError> {
        check_label(name)?;
        Ok(Self {
            name: name.to_owned(),
            start: Start::Source,
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

    /// The dataset as a section of `pipeline.toml`, ready to be pasted; what is as if not declared is left out.
    pub fn to_toml(&self) -> String {
        print::dataset(self)
    }
}

impl Location {
    /// Parses `s3://BUCKET/TEMPLATE`, or `TEMPLATE` in the landing bucket.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let Some(rest) = text.strip_prefix("s3://") else {
            return Ok(Self { bucket: None, template: KeyTemplate::parse(text)? });
        };
        let (bucket, template) = rest.split_once('/').unwrap_or((rest, ""));
        if !is_bucket(bucket) {
            return Err(TemplateError::Bucket(bucket.to_owned()));
        }
        Ok(Self { bucket: Some(bucket.to_owned()), template: KeyTemplate::parse(template)? })
    }

    /// Returns the location with every value of `captures` filled in, as [`KeyTemplate::fill_in`] does.
    pub fn fill_in(&self, captures: &Captures) -> String {
        format!("{}{}", self.prefix(), self.template.fill_in(captures))
    }

    /// `s3://BUCKET/`; empty in the landing bucket.
    fn prefix(&self) -> String {
        self.bucket.as_ref().map(|bucket| format!("s3://{bucket}/")).unwrap_or_default()
    }

    /// The bucket, given which one is the landing bucket.
    pub fn bucket_or<'a>(&'a self, landing_bucket: &'a str) -> &'a str {
        self.bucket.as_deref().unwrap_or(landing_bucket)
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>, the part that letters tell.
fn is_bucket(name: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let inner = |c: char| edge(c) || c == '.' || c == '-';
    (3..=63).contains(&name.len()) && name.chars().all(inner) && name.starts_with(edge) && name.ends_with(edge)
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.prefix(), self.template)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations() {
        let check = |text: &str, expected: Result<(Option<&str>, &str), &str>| {
            let found = Location::parse(text).map_err(|error| error.to_string());
            let found = found.as_ref().map(|l| (l.bucket.as_deref(), l.template.to_string()));
            let expected = expected.map(|(bucket, template)| (bucket, template.to_owned()));
            assert_eq!(found.map_err(String::as_str), expected, "{text}");
        };
        check("raw/a.csv", Ok((None, "raw/a.csv")));
        check("s3://other-bucket/raw/*.csv", Ok((Some("other-bucket"), "raw/*.csv")));
        check("s3://other-bucket/", Err("the template is empty"));
        check("s3://other-bucket", Err("the template is empty"));
        check("s3://Other/x", Err("`Other` is not a bucket's name (3 to 63 of a-z, 0-9, `.` and `-`)"));
        check("s3://{a}/x", Err("`{a}` is not a bucket's name (3 to 63 of a-z, 0-9, `.` and `-`)"));
        check("s3:///x", Err("`` is not a bucket's name (3 to 63 of a-z, 0-9, `.` and `-`)"));
    }
}
