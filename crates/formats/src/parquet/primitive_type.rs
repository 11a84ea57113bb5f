//! The types of leaf columns: <https://github.com/apache/parquet-format/blob/master/LogicalTypes.md>.

use parquet::basic::{ConvertedType, LogicalType, TimeUnit as ParquetTimeUnit, Type as PhysicalType};
use parquet::schema::types::Type;
use pipeline::ColumnType;

use crate::row_encoder::ColumnEncoder;

/// <https://www.postgresql.org/docs/current/datatype-numeric.html>
const NUMERIC_PRECISION_MAX: u16 = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PrimitiveType {
    Boolean,
    Integer {
        bits: u8,
        is_signed: bool,
    },
    Decimal {
        precision: u16,
        scale: u16,
    },
    Float16,
    Float,
    Double,
    /// Text. Includes byte arrays without a logical type, because many writers omit it. Each value must be UTF-8.
    Text,
    Json,
    /// Bytes of a fixed length without a logical type: text, or a UUID if the column is one.
    FixedBytes {
        length: i32,
    },
    Uuid,
    Date,
    Time(TimeUnit),
    /// `is_instant` is the format's `isAdjustedToUTC`. Without it, the value is a local time.
    Timestamp {
        unit: TimeUnit,
        is_instant: bool,
    },
    /// The former timestamp type of Hive, Impala and Spark, an instant.
    Int96,
    /// A column that has only NULLs.
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeUnit {
    Millis,
    Micros,
    Nanos,
}

impl PrimitiveType {
    /// Returns the type, or the name of an unsupported type.
    pub(super) fn of(primitive: &Type) -> Result<Self, String> {
        let info = primitive.get_basic_info();
        let physical = primitive.get_physical_type();
        match info.logical_type_ref() {
            Some(logical) => Self::of_logical(logical, physical),
            None => Self::of_converted(info.converted_type(), primitive),
        }
    }

    fn of_logical(logical: &LogicalType, physical: PhysicalType) -> Result<Self, String> {
        let unit = |unit: &ParquetTimeUnit| match unit {
            ParquetTimeUnit::MILLIS => TimeUnit::Millis,
            ParquetTimeUnit::MICROS => TimeUnit::Micros,
            ParquetTimeUnit::NANOS => TimeUnit::Nanos,
        };
        Ok(match logical {
            LogicalType::String | LogicalType::Enum => Self::Text,
            LogicalType::Json => Self::Json,
            LogicalType::Uuid => Self::Uuid,
            LogicalType::Decimal(decimal) => Self::decimal(decimal.precision, decimal.scale)?,
            LogicalType::Date => Self::Date,
            LogicalType::Time(time) => Self::Time(unit(&time.unit)),
            LogicalType::Timestamp(time) => {
                Self::Timestamp { unit: unit(&time.unit), is_instant: time.is_adjusted_to_u_t_c }
            }
            LogicalType::Integer(integer) => {
                Self::Integer { bits: integer.bit_width.cast_unsigned(), is_signed: integer.is_signed }
            }
            LogicalType::Float16 => Self::Float16,
            LogicalType::Unknown => Self::Null,
            other => return Err(format!("{physical} as {}", variant_name(other))),
        })
    }

    fn of_converted(converted: ConvertedType, primitive: &Type) -> Result<Self, String> {
        let physical = primitive.get_physical_type();
        let integer = |bits, is_signed| Self::Integer { bits, is_signed };
        let instant = |unit| Self::Timestamp { unit, is_instant: true };
        Ok(match converted {
            ConvertedType::UTF8 | ConvertedType::ENUM => Self::Text,
            ConvertedType::JSON => Self::Json,
            ConvertedType::DECIMAL => Self::decimal(primitive.get_precision(), primitive.get_scale())?,
            ConvertedType::DATE => Self::Date,
            ConvertedType::TIME_MILLIS => Self::Time(TimeUnit::Millis),
            ConvertedType::TIME_MICROS => Self::Time(TimeUnit::Micros),
            ConvertedType::TIMESTAMP_MILLIS => instant(TimeUnit::Millis),
            ConvertedType::TIMESTAMP_MICROS => instant(TimeUnit::Micros),
            ConvertedType::UINT_8 => integer(8, false),
            ConvertedType::UINT_16 => integer(16, false),
            ConvertedType::UINT_32 => integer(32, false),
            ConvertedType::UINT_64 => integer(64, false),
            ConvertedType::INT_8 => integer(8, true),
            ConvertedType::INT_16 => integer(16, true),
            ConvertedType::INT_32 => integer(32, true),
            ConvertedType::INT_64 => integer(64, true),
            ConvertedType::NONE => match physical {
                PhysicalType::BOOLEAN => Self::Boolean,
                PhysicalType::INT32 => integer(32, true),
                PhysicalType::INT64 => integer(64, true),
                PhysicalType::INT96 => Self::Int96,
                PhysicalType::FLOAT => Self::Float,
                PhysicalType::DOUBLE => Self::Double,
                PhysicalType::BYTE_ARRAY => Self::Text,
                PhysicalType::FIXED_LEN_BYTE_ARRAY => Self::FixedBytes { length: type_length(primitive) },
            },
            other => return Err(format!("{physical} as {other}")),
        })
    }

    fn decimal(precision: i32, scale: i32) -> Result<Self, String> {
        match (u16::try_from(precision), u16::try_from(scale)) {
            (Ok(precision), Ok(scale)) if scale <= precision && precision <= NUMERIC_PRECISION_MAX => {
                Ok(Self::Decimal { precision, scale })
            }
            _ => Err(format!("DECIMAL({precision},{scale})")),
        }
    }

    /// Returns whether a column can hold values of this type. Each value is checked again later.
    pub(super) fn fits(self, encoder: &ColumnEncoder<'_>) -> bool {
        let is_number =
            matches!(self, Self::Integer { .. } | Self::Decimal { .. } | Self::Float16 | Self::Float | Self::Double);
        match encoder.column.kind {
            _ if self == Self::Null => true,
            // Integers and decimals have one text, which keeps all of their digits.
            ColumnType::Text | ColumnType::Varchar(_) => {
                self.is_text() || matches!(self, Self::Integer { .. } | Self::Decimal { .. })
            }
            ColumnType::Jsonb => true,
            // Text is parsed like a CSV field.
            _ if matches!(self, Self::Text | Self::FixedBytes { .. }) => true,
            _ if is_number && encoder.type_encoder.reads_epoch() => true,
            ColumnType::SmallInt
            | ColumnType::Integer
            | ColumnType::BigInt
            | ColumnType::Numeric { .. }
            | ColumnType::Real
            | ColumnType::Double => is_number,
            ColumnType::Boolean => self == Self::Boolean,
            ColumnType::Date => matches!(self, Self::Date | Self::Timestamp { .. } | Self::Int96),
            ColumnType::Time => matches!(self, Self::Time(_)),
            ColumnType::Timestamp => matches!(self, Self::Timestamp { is_instant: false, .. }),
            ColumnType::TimestampTz if encoder.column.values.timezone.is_some() => {
                matches!(self, Self::Timestamp { .. } | Self::Int96)
            }
            ColumnType::TimestampTz => matches!(self, Self::Timestamp { is_instant: true, .. } | Self::Int96),
            ColumnType::Uuid => self == Self::Uuid,
        }
    }

    /// Returns whether values are text.
    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Json | Self::FixedBytes { .. })
    }

    /// Returns the narrowest column type that holds all values.
    pub(super) fn column_type(self) -> ColumnType {
        match self {
            Self::Boolean => ColumnType::Boolean,
            Self::Integer { bits: 8 | 16, is_signed: true } | Self::Integer { bits: 8, is_signed: false } => {
                ColumnType::SmallInt
            }
            Self::Integer { bits: 32, is_signed: true } | Self::Integer { bits: 16, is_signed: false } => {
                ColumnType::Integer
            }
            Self::Integer { is_signed: true, .. } | Self::Integer { bits: 32, .. } => ColumnType::BigInt,
            Self::Integer { .. } => ColumnType::Numeric { precision_scale: None },
            Self::Decimal { precision, scale } => ColumnType::Numeric { precision_scale: Some((precision, scale)) },
            Self::Float16 | Self::Float => ColumnType::Real,
            Self::Double => ColumnType::Double,
            Self::Text | Self::FixedBytes { .. } | Self::Null => ColumnType::Text,
            Self::Json => ColumnType::Jsonb,
            Self::Uuid => ColumnType::Uuid,
            Self::Date => ColumnType::Date,
            Self::Time(_) => ColumnType::Time,
            Self::Timestamp { is_instant: false, .. } => ColumnType::Timestamp,
            Self::Timestamp { is_instant: true, .. } | Self::Int96 => ColumnType::TimestampTz,
        }
    }

    /// The type's name in messages.
    pub(super) fn name(self) -> String {
        match self {
            Self::Boolean => "boolean".to_owned(),
            Self::Integer { bits, is_signed } => {
                format!("{} of {bits} bits", if is_signed { "integer" } else { "unsigned integer" })
            }
            Self::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
            Self::Float16 => "float of 16 bits".to_owned(),
            Self::Float => "float".to_owned(),
            Self::Double => "double".to_owned(),
            Self::Text => "string".to_owned(),
            Self::Json => "JSON".to_owned(),
            Self::FixedBytes { length } => format!("{length} bytes"),
            Self::Uuid => "UUID".to_owned(),
            Self::Date => "date".to_owned(),
            Self::Time(_) => "time".to_owned(),
            Self::Timestamp { is_instant: true, .. } => "timestamp with time zone".to_owned(),
            Self::Timestamp { is_instant: false, .. } => "timestamp without time zone".to_owned(),
            Self::Int96 => "INT96 timestamp, an instant".to_owned(),
            Self::Null => "nothing".to_owned(),
        }
    }
}

fn type_length(primitive: &Type) -> i32 {
    match primitive {
        Type::PrimitiveType { type_length, .. } => *type_length,
        Type::GroupType { .. } => 0,
    }
}

/// The variant's name without its fields.
fn variant_name(logical: &LogicalType) -> String {
    let text = format!("{logical:?}");
    text.split(['(', ' ', '{']).next().unwrap_or_default().to_uppercase()
}
