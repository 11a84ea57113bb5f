//! The columns of a dataset.

use chrono_tz::Tz;

use crate::names::ColumnName;
use crate::types::ColumnType;

/// A column of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: ColumnName,
    pub source: ColumnSource,
    /// The column's name in the file, with [`ColumnSource::Header`]; otherwise the name of the column. In JSON a name
    /// that begins with `/` is a JSON Pointer.
    pub header: String,
    pub kind: ColumnType,
    pub not_null: bool,
    /// The file may lack the column; its values are then NULL.
    pub optional: bool,
    pub values: ValueOptions,
}

/// The place that the values of a column come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ColumnSource {
    /// The column of the file, or the key of a JSON object, with the name [`Column::header`].
    #[default]
    Header,
    /// The field at this position of the record, from 1.
    Position(u32),
    /// The placeholder of `source` with this name.
    Key(String),
    /// The number of the line, or of the row in a format without lines.
    Line,
    /// A property of the object.
    Object(ObjectProperty),
}

/// A property of an object version that a column can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ObjectProperty {
    Key,
    VersionId,
    Etag,
    LastModified,
}

/// How the text of a value is read. The default reads PostgreSQL's and ISO 8601 syntax.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValueOptions {
    /// The formats of a date or time, tried in order. Empty: ISO 8601.
    pub formats: Vec<ValueFormat>,
    /// The time zone of a `timestamptz` value without an offset.
    pub timezone: Option<Tz>,
    /// The handling of more than six digits of a second.
    pub round: Rounding,
    pub number: NumberFormat,
    /// `None`: PostgreSQL's words.
    pub boolean_words: Option<BooleanWords>,
}

/// A format of a date or time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ValueFormat {
    /// A strftime format of chrono.
    Strftime(String),
    /// Seconds since 1970-01-01 00:00 UTC, with or without a fraction.
    Epoch,
    /// Milliseconds since 1970-01-01 00:00 UTC.
    EpochMs,
    /// Days since 1899-12-30, as Excel stores dates; the fraction is the time of day.
    Excel,
}

/// The handling of more than six digits of a second, which PostgreSQL does not store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rounding {
    /// The row is rejected.
    #[default]
    Reject,
    Truncate,
    HalfUp,
}

/// The syntax of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberFormat {
    pub decimal: char,
    /// The separator of thousands; `None`: numbers have none.
    pub thousands: Option<char>,
    /// Texts that are removed before the number is read, for example a currency.
    pub strip: Vec<String>,
}

/// The words of a boolean column. Letter case counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BooleanWords {
    pub true_words: Vec<String>,
    pub false_words: Vec<String>,
}

impl Column {
    /// Creates a column that the file has under the same name, with the default of every option.
    pub fn new(name: ColumnName, kind: ColumnType, not_null: bool) -> Self {
        let header = name.as_str().to_owned();
        let (source, values) = (ColumnSource::default(), ValueOptions::default());
        Self { name, source, header, kind, not_null, optional: false, values }
    }
}

impl ColumnSource {
    /// Returns true if the values come from the records of the file.
    pub fn is_in_records(&self) -> bool {
        matches!(self, Self::Header | Self::Position(_))
    }
}

impl ObjectProperty {
    /// The words of `pipeline.toml`.
    pub(crate) const WORDS: [(&str, Self); 4] = [
        ("key", Self::Key),
        ("version_id", Self::VersionId),
        ("etag", Self::Etag),
        ("last_modified", Self::LastModified),
    ];
}

impl Rounding {
    /// The words of `pipeline.toml`.
    pub(crate) const WORDS: [(&str, Self); 3] =
        [("reject", Self::Reject), ("truncate", Self::Truncate), ("half_up", Self::HalfUp)];
}

impl ValueFormat {
    /// Returns the format for its text in `pipeline.toml`.
    pub(crate) fn of(text: &str) -> Self {
        match text {
            "epoch" => Self::Epoch,
            "epoch_ms" => Self::EpochMs,
            "excel" => Self::Excel,
            strftime => Self::Strftime(strftime.to_owned()),
        }
    }

    /// Returns the text of `pipeline.toml`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Strftime(format) => format,
            Self::Epoch => "epoch",
            Self::EpochMs => "epoch_ms",
            Self::Excel => "excel",
        }
    }
}

impl Default for NumberFormat {
    fn default() -> Self {
        Self { decimal: '.', thousands: None, strip: Vec::new() }
    }
}
