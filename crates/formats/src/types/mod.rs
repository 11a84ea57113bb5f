//! Encodes text as a field of a column type, or returns the reject reason.

mod float;
mod formatted;
mod integer;
mod jsonb;
mod number_format;
pub(crate) mod rounding;
mod scalar;
pub(crate) mod temporal;
mod temporal_options;

use pipeline::{BooleanWords, Column, ColumnType};

use crate::copy;
use crate::numeric::{self, NumericBounds};
use crate::reject::RejectReason;
use number_format::NumberReader;
use temporal_options::TemporalReader;

pub(crate) use jsonb::validate as check_jsonb;

/// Encodes one column type.
#[derive(Debug)]
pub(crate) enum TypeEncoder {
    SmallInt,
    Integer,
    BigInt,
    Numeric(NumericBounds),
    Real,
    Double,
    Boolean,
    Date,
    Time,
    Timestamp,
    TimestampTz,
    /// Dates and times of a column with options.
    Temporal(Box<TemporalReader>),
    /// Numbers of a column with options.
    Number {
        reader: Box<NumberReader>,
        plain: Box<TypeEncoder>,
    },
    BooleanWords(Box<BooleanWords>),
    Text,
    Varchar(u32),
    Uuid,
    Jsonb,
}

/// The JSON types that a column accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AcceptedJson {
    Boolean,
    Number,
    String,
    /// A boolean, number or string.
    Scalar,
    Any,
}

impl AcceptedJson {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::String => "string",
            Self::Scalar => "boolean, number or string",
            Self::Any => "value",
        }
    }
}

impl TypeEncoder {
    /// Returns the encoder of a column. A column without options has the encoder of its type.
    pub(crate) fn new(column: &Column) -> Self {
        if let Some(reader) = TemporalReader::new(column) {
            Self::Temporal(Box::new(reader))
        } else if let Some(reader) = NumberReader::new(column) {
            Self::Number { reader: Box::new(reader), plain: Box::new(Self::plain(column.kind)) }
        } else if let Some(words) = &column.values.boolean_words {
            Self::BooleanWords(Box::new(words.clone()))
        } else {
            Self::plain(column.kind)
        }
    }

    /// Returns the encoder of a column without options.
    pub(crate) fn plain(kind: ColumnType) -> Self {
        match kind {
            ColumnType::SmallInt => Self::SmallInt,
            ColumnType::Integer => Self::Integer,
            ColumnType::BigInt => Self::BigInt,
            ColumnType::Numeric { precision_scale } => Self::Numeric(NumericBounds::new(precision_scale)),
            ColumnType::Real => Self::Real,
            ColumnType::Double => Self::Double,
            ColumnType::Boolean => Self::Boolean,
            ColumnType::Date => Self::Date,
            ColumnType::Time => Self::Time,
            ColumnType::Timestamp => Self::Timestamp,
            ColumnType::TimestampTz => Self::TimestampTz,
            ColumnType::Text => Self::Text,
            ColumnType::Varchar(chars_max) => Self::Varchar(chars_max),
            ColumnType::Uuid => Self::Uuid,
            ColumnType::Jsonb => Self::Jsonb,
        }
    }

    /// Appends one field. After an error, `out` may hold part of a field, and the caller must remove it.
    ///
    /// `text` must be UTF-8 without NUL. Only the types that store text rely on this.
    #[inline]
    pub(crate) fn encode(&self, text: &[u8], out: &mut Vec<u8>) -> Result<(), RejectReason> {
        match self {
            Self::SmallInt => copy::int2(out, integer::smallint(text)?),
            Self::Integer => copy::int4(out, integer::integer(text)?),
            Self::BigInt => copy::int8(out, integer::bigint(text)?),
            Self::Numeric(bounds) => numeric::encode(text, *bounds, out)?,
            Self::Real => copy::float4(out, float::real(text)?),
            Self::Double => copy::float8(out, float::double(text)?),
            Self::Boolean => copy::bytes(out, &[u8::from(scalar::boolean(text)?)]),
            Self::Date => copy::int4(out, temporal::date(text)?),
            Self::Time => copy::int8(out, temporal::time(text)?),
            Self::Timestamp => copy::int8(out, temporal::timestamp(text)?),
            Self::TimestampTz => copy::int8(out, temporal::timestamptz(text)?),
            Self::Temporal(reader) => reader.encode(text, out)?,
            Self::Number { reader, plain } => plain.encode(reader.plain_text(text)?.as_bytes(), out)?,
            Self::BooleanWords(words) => copy::bytes(out, &[u8::from(scalar::boolean_word(text, words)?)]),
            Self::Text => copy::bytes(out, text),
            Self::Varchar(chars_max) => copy::bytes(out, scalar::varchar(text, *chars_max)?),
            Self::Uuid => copy::bytes(out, &scalar::uuid(text)?),
            Self::Jsonb => jsonb::encode(text, out)?,
        }
        Ok(())
    }

    /// Appends a field from a JSON boolean, or from a number of JSON or Parquet. Options for the syntax of a text do not
    /// apply to it.
    #[inline]
    pub(crate) fn encode_typed(&self, text: &[u8], out: &mut Vec<u8>) -> Result<(), RejectReason> {
        match self {
            Self::Number { plain, .. } => plain.encode(text, out),
            Self::BooleanWords(_) if matches!(text, b"true" | b"false") => Self::Boolean.encode(text, out),
            _ => self.encode(text, out),
        }
    }

    /// Returns whether a date or time is read from a number.
    pub(crate) fn reads_epoch(&self) -> bool {
        matches!(self, Self::Temporal(reader) if reader.reads_numbers())
    }

    /// Returns the accepted JSON type. Numbers and times are also accepted as JSON strings, which are parsed like CSV
    /// fields.
    pub(crate) fn accepted_json(&self) -> AcceptedJson {
        match self {
            Self::Boolean => AcceptedJson::Boolean,
            Self::BooleanWords(_) => AcceptedJson::Scalar,
            Self::Temporal(reader) if reader.reads_numbers() => AcceptedJson::Number,
            Self::SmallInt
            | Self::Integer
            | Self::BigInt
            | Self::Numeric(_)
            | Self::Real
            | Self::Double
            | Self::Number { .. } => AcceptedJson::Number,
            Self::Date
            | Self::Time
            | Self::Timestamp
            | Self::TimestampTz
            | Self::Temporal(_)
            | Self::Text
            | Self::Varchar(_)
            | Self::Uuid => AcceptedJson::String,
            Self::Jsonb => AcceptedJson::Any,
        }
    }
}
