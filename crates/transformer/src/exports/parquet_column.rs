//! One column of a Parquet file: its type, and its values in the current row group.

use std::sync::Arc;

use formats::Numeric;
use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{
    BoolType, ByteArrayType, DataType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, FloatType, Int32Type,
    Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedColumnWriter;
use parquet::schema::types::{Type, TypePtr};
use tokio_postgres::types::Type as Postgres;

use super::precision::Precision;

pub(super) struct ParquetColumn {
    pub(super) schema: TypePtr,
    values: Box<dyn ColumnValues + Send>,
}

impl ParquetColumn {
    /// Adds a value in PostgreSQL's binary format; `None` is NULL.
    pub(super) fn push(&mut self, value: Option<&[u8]>) -> Result<(), String> {
        self.values.push(value).map_err(|reason| format!("column {}: {reason}", self.schema.name()))
    }

    /// Writes the added values and removes them.
    pub(super) fn write(&mut self, writer: SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        self.values.write(writer)
    }
}

/// Returns the Parquet column for a column of a query, or why Parquet cannot store it.
///
/// A `numeric` without a precision, or with one that readers do not support, is written as text, so no digit is lost.
pub(super) fn parquet_column(column: &tokio_postgres::Column) -> Result<ParquetColumn, String> {
    let name = column.name();
    let timestamp = |is_utc| Some(LogicalType::timestamp(is_utc, TimeUnit::MICROS));
    let built = match *column.type_() {
        Postgres::BOOL => typed::<BoolType>(name, None, |raw| Ok(array(raw)? != [0])),
        Postgres::INT2 => typed::<Int32Type>(name, Some(LogicalType::integer(16, true)), |raw| {
            Ok(i16::from_be_bytes(array(raw)?).into())
        }),
        Postgres::INT4 => typed::<Int32Type>(name, None, |raw| Ok(i32::from_be_bytes(array(raw)?))),
        Postgres::INT8 => typed::<Int64Type>(name, None, |raw| Ok(i64::from_be_bytes(array(raw)?))),
        Postgres::FLOAT4 => typed::<FloatType>(name, None, |raw| Ok(f32::from_be_bytes(array(raw)?))),
        Postgres::FLOAT8 => typed::<DoubleType>(name, None, |raw| Ok(f64::from_be_bytes(array(raw)?))),
        Postgres::NUMERIC => numeric(name, Precision::of(column.type_modifier())),
        Postgres::TEXT | Postgres::VARCHAR | Postgres::BPCHAR | Postgres::NAME => {
            typed::<ByteArrayType>(name, Some(LogicalType::String), |raw| Ok(raw.to_vec().into()))
        }
        Postgres::JSON => typed::<ByteArrayType>(name, Some(LogicalType::Json), |raw| Ok(raw.to_vec().into())),
        Postgres::JSONB => typed::<ByteArrayType>(name, Some(LogicalType::Json), |raw| match raw {
            // The first byte is the version of the format.
            [1, text @ ..] => Ok(text.to_vec().into()),
            _ => Err(UNKNOWN),
        }),
        Postgres::UUID => {
            typed::<FixedLenByteArrayType>(name, Some(LogicalType::Uuid), |raw| Ok(sixteen_bytes(array(raw)?)))
        }
        Postgres::DATE => typed::<Int32Type>(name, Some(LogicalType::Date), date),
        Postgres::TIME => typed::<Int64Type>(name, Some(LogicalType::time(false, TimeUnit::MICROS)), |raw| {
            Ok(i64::from_be_bytes(array(raw)?))
        }),
        Postgres::TIMESTAMP => typed::<Int64Type>(name, timestamp(false), microseconds),
        Postgres::TIMESTAMPTZ => typed::<Int64Type>(name, timestamp(true), microseconds),
        ref other => {
            return Err(format!("column {name}: Parquet cannot store the type {other}; cast it to text in a query"));
        }
    };
    built.map_err(|error| format!("column {name}: {error}"))
}

/// Returns a column of the smallest type that holds the digits.
fn numeric(name: &str, precision: Option<Precision>) -> Result<ParquetColumn, ParquetError> {
    let Some(Precision { digits, scale }) = precision else {
        return typed::<ByteArrayType>(name, Some(LogicalType::String), |raw| {
            Ok(Numeric::parse(raw).ok_or(UNKNOWN)?.to_string().into_bytes().into())
        });
    };
    let decimal = Some(LogicalType::decimal(scale.into(), digits.into()));
    let unscaled = move |raw: &[u8]| {
        Numeric::parse(raw).ok_or(UNKNOWN)?.unscaled(scale).ok_or("Parquet cannot store NaN as a decimal")
    };
    match digits {
        ..=9 => typed::<Int32Type>(name, decimal, move |raw| unscaled(raw)?.try_into().map_err(|_| UNKNOWN)),
        10..=18 => typed::<Int64Type>(name, decimal, move |raw| unscaled(raw)?.try_into().map_err(|_| UNKNOWN)),
        _ => typed::<FixedLenByteArrayType>(name, decimal, move |raw| Ok(sixteen_bytes(unscaled(raw)?.to_be_bytes()))),
    }
}

/// Returns a column whose values `read` decodes from PostgreSQL's binary format. Its errors do not quote the value.
fn typed<T: DataType>(
    name: &str,
    logical: Option<LogicalType>,
    read: impl Fn(&[u8]) -> Result<T::T, &'static str> + Send + 'static,
) -> Result<ParquetColumn, ParquetError> {
    let (digits, scale) = match &logical {
        Some(LogicalType::Decimal(decimal)) => (decimal.precision, decimal.scale),
        _ => (-1, -1),
    };
    let physical = T::get_physical_type();
    let length = if physical == Physical::FIXED_LEN_BYTE_ARRAY { 16 } else { -1 };
    let schema = Type::primitive_type_builder(name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .with_length(length)
        .with_precision(digits)
        .with_scale(scale)
        .build()?;
    let values = TypedValues::<T, _> { values: Vec::new(), levels: Vec::new(), read };
    Ok(ParquetColumn { schema: Arc::new(schema), values: Box::new(values) })
}

trait ColumnValues {
    fn push(&mut self, value: Option<&[u8]>) -> Result<(), &'static str>;

    fn write(&mut self, writer: SerializedColumnWriter<'_>) -> Result<(), ParquetError>;
}

struct TypedValues<T: DataType, Read> {
    /// The values that are not NULL.
    values: Vec<T::T>,
    /// For each row: 1 for a value, 0 for NULL.
    levels: Vec<i16>,
    read: Read,
}

impl<T: DataType, Read: Fn(&[u8]) -> Result<T::T, &'static str>> ColumnValues for TypedValues<T, Read> {
    fn push(&mut self, value: Option<&[u8]>) -> Result<(), &'static str> {
        self.levels.push(value.is_some().into());
        if let Some(value) = value {
            self.values.push((self.read)(value)?);
        }
        Ok(())
    }

    fn write(&mut self, mut writer: SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        writer.typed::<T>().write_batch(&self.values, Some(&self.levels), None)?;
        self.values.clear();
        self.levels.clear();
        writer.close()
    }
}

const UNKNOWN: &str = "PostgreSQL sent a value in an unknown format";
const INFINITE: &str = "Parquet cannot store infinity as a time";

/// Days from 1970-01-01, where Parquet counts from, to 2000-01-01, where PostgreSQL counts from.
const EPOCH_DAYS: i32 = 10_957;

fn date(raw: &[u8]) -> Result<i32, &'static str> {
    match i32::from_be_bytes(array(raw)?) {
        i32::MIN | i32::MAX => Err(INFINITE),
        days => days.checked_add(EPOCH_DAYS).ok_or(INFINITE),
    }
}

fn microseconds(raw: &[u8]) -> Result<i64, &'static str> {
    const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;
    match i64::from_be_bytes(array(raw)?) {
        i64::MIN | i64::MAX => Err(INFINITE),
        microseconds => microseconds.checked_add(i64::from(EPOCH_DAYS) * DAY_US).ok_or(INFINITE),
    }
}

fn array<const N: usize>(raw: &[u8]) -> Result<[u8; N], &'static str> {
    raw.try_into().map_err(|_| UNKNOWN)
}

fn sixteen_bytes(bytes: [u8; 16]) -> FixedLenByteArray {
    bytes.to_vec().into()
}
