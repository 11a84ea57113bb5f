//! Parses and checks `pipeline.toml`, decides which dataset a key belongs to, and splits SQL files.
//!
//! The crate is pure: it takes text and returns values, without disk, network, clock or environment.

mod calendar;
mod catalog;
mod column;
mod csv_options;
mod dataset;
mod definition;
mod errors;
mod file_name;
mod key_lines;
pub mod limits;
mod lines;
mod location;
mod logical_time;
mod names;
mod nearest;
mod object_values;
mod options;
mod parse;
mod print;
mod repair;
mod run;
pub mod sql;
mod template;
mod types;
mod value_format;
pub mod version;

pub use catalog::{Catalog, DataFile, DatasetMatch, KeyDecision, KeyFailure, KeyRole, Unusable};
pub use column::{
    BooleanWords, Column, ColumnSource, NumberFormat, ObjectProperty, Rounding, ValueFormat, ValueOptions,
};
pub use csv_options::{CsvOptions, Delimiter, LineEnd, Quoting, Ragged};
pub use dataset::{Dataset, OnNewVersion, RejectLimits, StartsOn, WriteMode};
pub use definition::Definition;
pub use errors::{DefinitionError, DefinitionErrors};
pub use limits::DEFINITION_BYTES_MAX;
pub use location::{KeyBucket, Location};
pub use names::{ColumnName, NameError, TableName};
pub use nearest::did_you_mean;
pub use object_values::ObjectProperties;
pub use options::{DeclaredCompression, Encoding, Evolve, Extra, HeaderMatch, RESCUED_COLUMN, parse_format};
pub use repair::RepairKey;
pub use run::{Again, Export, ExportFormat, ExportSource, Per, RunSettings, Transform, When};
pub use template::{Captures, KeyTemplate, Placeholder, TemplateError};
pub use types::{ColumnType, TypeError};
