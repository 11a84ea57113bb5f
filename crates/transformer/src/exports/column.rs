//! One column of a Parquet file: which type it has, and what of the row group is there.

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

pub(super) struct Column {
    pub(super) schema: TypePtr,
    values: Box<dyn Values + Send>,
}

impl Column {
    /// `value` is in PostgreSQL's binary format; none is NULL.
    pub(super) fn push(&mut self, value: Option<&[u8]>) -> Result<(), String> {
        self.values.push(value).map_err(|reason| format!("column {}: {reason}", self.schema.name()))
    }

    /// Writes all that was pushed, and forgets it.
    pub(super) fn write(&mut self, writer: SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        self.values.write(writer)
    }
}

/// The column of a file for a column of a query, or why it has no place there.
///
/// A `numeric` without a precision, or with one that readers do not take, is written as text: no digit is lost.
pub(super) fn column(column: &tokio_postgres::Column) -> Result<Column, String> {
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
            // The version of its format.
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
            return Err(format!("column {name}: {other} cannot be written as Parquet; a query may cast it to text"));
        }
    };
    built.map_err(|error| format!("column {name}: {error}"))
}

/// The smallest of the types that hold so many digits.
fn numeric(name: &str, precision: Option<Precision>) -> Result<Column, ParquetError> {
    let Some(Precision { digits, scale }) = precision else {
        return typed::<ByteArrayType>(name, Some(LogicalType::String), |raw| {
            Ok(Numeric::parse(raw).ok_or(UNKNOWN)?.to_string().into_bytes().into())
        });
    };
    let decimal = Some(LogicalType::decimal(scale.into(), digits.into()));
    let unscaled = move |raw: &[u8]| Numeric::parse(raw).ok_or(UNKNOWN)?.unscaled(scale).ok_or("NaN is no decimal");
    match digits {
        ..=9 => typed::<Int32Type>(name, decimal, move |raw| unscaled(raw)?.try_into().map_err(|_| UNKNOWN)),
        10..=18 => typed::<Int64Type>(name, decimal, move |raw| unscaled(raw)?.try_into().map_err(|_| UNKNOWN)),
        _ => typed::<FixedLenByteArrayType>(name, decimal, move |raw| Ok(sixteen_bytes(unscaled(raw)?.to_be_bytes()))),
    }
}

/// A column of optional values, each read from PostgreSQL's binary format. What goes wrong with a value says nothing
/// of the value.
fn typed<T: DataType>(
    name: &str,
    logical: Option<LogicalType>,
    read: impl Fn(&[u8]) -> Result<T::T, &'static str> + Send + 'static,
) -> Result<Column, ParquetError> {
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
    let values = Typed::<T, _> { values: Vec::new(), levels: Vec::new(), read };
    Ok(Column { schema: Arc::new(schema), values: Box::new(values) })
}

trait Values {
    fn push(&mut self, value: Option<&[u8]>) -> Result<(), &'static str>;

    fn write(&mut self, writer: SerializedColumnWriter<'_>) -> Result<(), ParquetError>;
}

struct Typed<T: DataType, Read> {
    /// Those that are not NULL.
    values: Vec<T::T>,
    /// For each row, whether it has one.
    levels: Vec<i16>,
    read: Read,
}

impl<T: DataType, Read: Fn(&[u8]) -> Result<T::T, &'static str>> Values for Typed<T, Read> {
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

const UNKNOWN: &str = "PostgreSQL sent a value in a format that is not known here";
const INFINITE: &str = "infinity is no time in Parquet";

/// PostgreSQL counts from 2000, Parquet from 1970.
const DAYS: i32 = 10_957;

fn date(raw: &[u8]) -> Result<i32, &'static str> {
    match i32::from_be_bytes(array(raw)?) {
        i32::MIN | i32::MAX => Err(INFINITE),
        days => days.checked_add(DAYS).ok_or(INFINITE),
    }
}

fn microseconds(raw: &[u8]) -> Result<i64, &'static str> {
    const DAY: i64 = 24 * 60 * 60 * 1_000_000;
    match i64::from_be_bytes(array(raw)?) {
        i64::MIN | i64::MAX => Err(INFINITE),
        microseconds => microseconds.checked_add(i64::from(DAYS) * DAY).ok_or(INFINITE),
    }
}

fn array<const N: usize>(raw: &[u8]) -> Result<[u8; N], &'static str> {
    raw.try_into().map_err(|_| UNKNOWN)
}

fn sixteen_bytes(bytes: [u8; 16]) -> FixedLenByteArray {
    bytes.to_vec().into()
}
