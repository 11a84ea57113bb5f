//! Encodes text as a field of a column type, or returns the reject reason.

mod float;
mod formatted;
mod integer;
mod jsonb;
mod scalar;
pub(crate) mod temporal;

use pipeline::{Column, ColumnType, ValueFormat};

use crate::copy;
use crate::numeric::{self, NumericBounds};
use crate::reject::RejectReason;
use formatted::{TemporalFormat, TemporalType};

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
    TemporalFormat(Box<TemporalFormat>),
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
    Any,
}

impl AcceptedJson {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::String => "string",
            Self::Any => "value",
        }
    }
}

impl TypeEncoder {
    pub(crate) fn new(column: &Column) -> Self {
        let target = match column.kind {
            ColumnType::Date => TemporalType::Date,
            ColumnType::Time => TemporalType::Time,
            ColumnType::Timestamp => TemporalType::Timestamp,
            ColumnType::TimestampTz => TemporalType::TimestampTz,
            _ => return Self::plain(column.kind),
        };
        // Values are not read in several formats, or as numbers since an epoch, yet.
        match column.values.formats.first() {
            Some(ValueFormat::Strftime(format)) => Self::TemporalFormat(Box::new(TemporalFormat::new(target, format))),
            Some(_) | None => Self::plain(column.kind),
        }
    }

    /// Returns the encoder of a column without a declared format.
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
            Self::TemporalFormat(formatted) => formatted.encode(text, out)?,
            Self::Text => copy::bytes(out, text),
            Self::Varchar(chars_max) => copy::bytes(out, scalar::varchar(text, *chars_max)?),
            Self::Uuid => copy::bytes(out, &scalar::uuid(text)?),
            Self::Jsonb => jsonb::encode(text, out)?,
        }
        Ok(())
    }

    /// Returns the accepted JSON type. Numbers and times are also accepted as JSON strings, which are parsed like CSV
    /// fields.
    pub(crate) fn accepted_json(&self) -> AcceptedJson {
        match self {
            Self::Boolean => AcceptedJson::Boolean,
            Self::SmallInt | Self::Integer | Self::BigInt | Self::Numeric(_) | Self::Real | Self::Double => {
                AcceptedJson::Number
            }
            Self::Date
            | Self::Time
            | Self::Timestamp
            | Self::TimestampTz
            | Self::TemporalFormat(_)
            | Self::Text
            | Self::Varchar(_)
            | Self::Uuid => AcceptedJson::String,
            Self::Jsonb => AcceptedJson::Any,
        }
    }
}
