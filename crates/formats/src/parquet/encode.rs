//! Encodes primitive values as fields. Values with the same form in PostgreSQL are copied. All others are encoded from
//! their text, with the same checks as in other formats.

use std::fmt::Display;
use std::io::Write;

use pipeline::{ColumnType, Rounding};

use super::primitive_type::{PrimitiveType, TimeUnit};
use super::primitive_value::PrimitiveValue;
use crate::copy;
use crate::json_syntax::append_quoted;
use crate::reject::{RejectReason, RowError};
use crate::row_encoder::RowEncoder;
use crate::types::rounding::{local_instant, rounded};
use crate::types::temporal::{EPOCH_DAYS_FROM_UNIX, MICROS_PER_DAY};

const MICROS_PER_MILLI: i64 = 1_000;
const NANOS_PER_MICRO: i64 = 1_000;
/// Julian day of 1970-01-01.
const JULIAN_DAY_OF_UNIX: i64 = 2_440_588;
const UUID_BYTES: i32 = 16;
/// A longer decimal has more than 150 digits.
const DECIMAL_BYTES_MAX: usize = 64;

/// Days since 1970-01-01 of 0001-01-01 and 9999-12-31, the range of dates in text formats.
const DAY_MIN: i64 = -719_162;
const DAY_MAX: i64 = 2_932_896;

/// Appends the value as a field of `column`.
#[inline]
pub(super) fn encode(
    encoder: &RowEncoder<'_>,
    column: usize,
    kind: PrimitiveType,
    value: PrimitiveValue<'_>,
    text: &mut Vec<u8>,
    out: &mut Vec<u8>,
) -> Result<(), RowError> {
    let error = |reason| RowError::of_column(column, reason);
    let declared = encoder.columns[column].column;
    let options = &declared.values;
    match (declared.kind, kind, value) {
        (ColumnType::Integer, PrimitiveType::Integer { is_signed: true, .. }, PrimitiveValue::Int32(value)) => {
            copy::int4(out, value);
        }
        (ColumnType::BigInt, PrimitiveType::Integer { is_signed: true, .. }, PrimitiveValue::Int32(value)) => {
            copy::int8(out, i64::from(value));
        }
        (ColumnType::BigInt, PrimitiveType::Integer { is_signed: true, .. }, PrimitiveValue::Int64(value)) => {
            copy::int8(out, value);
        }
        (ColumnType::Double, _, PrimitiveValue::Double(value)) if value.is_finite() => copy::float8(out, value),
        (ColumnType::Double, _, PrimitiveValue::Float(value)) if value.is_finite() => {
            copy::float8(out, f64::from(value));
        }
        (ColumnType::Real, _, PrimitiveValue::Float(value)) if value.is_finite() => copy::float4(out, value),
        (ColumnType::Boolean, _, PrimitiveValue::Boolean(value)) => copy::bytes(out, &[u8::from(value)]),
        (ColumnType::Uuid, PrimitiveType::Uuid, PrimitiveValue::ByteArray(bytes)) => copy::bytes(out, bytes),
        (ColumnType::Uuid, PrimitiveType::FixedBytes { length: UUID_BYTES }, PrimitiveValue::ByteArray(bytes)) => {
            copy::bytes(out, bytes);
        }
        (ColumnType::Date, PrimitiveType::Date, value) => copy::int4(out, date(value).map_err(error)?),
        (ColumnType::Date, PrimitiveType::Timestamp { .. } | PrimitiveType::Int96, value) => {
            copy::int4(out, midnight(timestamp(kind, value, Rounding::Reject).map_err(error)?).map_err(error)?);
        }
        (ColumnType::Time, PrimitiveType::Time(unit), value) => {
            copy::int8(out, time(unit, value, options.round).map_err(error)?);
        }
        (ColumnType::TimestampTz, PrimitiveType::Timestamp { is_instant: false, .. }, value) => {
            let local = timestamp(kind, value, options.round).map_err(error)?;
            copy::int8(out, local_instant(local, options).map_err(error)?);
        }
        (
            ColumnType::Timestamp | ColumnType::TimestampTz,
            PrimitiveType::Timestamp { .. } | PrimitiveType::Int96,
            value,
        ) => {
            copy::int8(out, timestamp(kind, value, options.round).map_err(error)?);
        }
        (_, kind, PrimitiveValue::ByteArray(bytes)) if kind.is_text() => {
            if encoder.is_null_text(bytes) {
                return encoder.encode_null(column, out);
            }
            check_text(bytes).map_err(error)?;
            return encoder.encode(column, bytes, out);
        }
        (_, kind, value) => {
            text.clear();
            return match append_number(kind, value, text) {
                Ok(()) => encoder.encode_typed(column, text, out),
                Err(RejectReason::NotFinite) if is_null(encoder, kind, value) => encoder.encode_null(column, out),
                Err(reason) => Err(error(reason)),
            };
        }
    }
    Ok(())
}

/// Returns whether a float that is not finite is one of the texts that mean NULL.
#[cold]
fn is_null(encoder: &RowEncoder<'_>, kind: PrimitiveType, value: PrimitiveValue<'_>) -> bool {
    let float = match (kind, value) {
        (PrimitiveType::Float16, PrimitiveValue::ByteArray(&[low, high])) => {
            f64::from(float16(u16::from_le_bytes([low, high])))
        }
        (_, PrimitiveValue::Float(float)) => f64::from(float),
        (_, PrimitiveValue::Double(float)) => float,
        _ => return false,
    };
    let texts: &[&str] = match float {
        _ if float.is_nan() => &["NaN", "nan"],
        _ if float > 0.0 => &["Infinity", "inf"],
        _ => &["-Infinity", "-inf"],
    };
    texts.iter().any(|text| encoder.is_null_text(text.as_bytes()))
}

#[inline]
pub(super) fn check_text(bytes: &[u8]) -> Result<&str, RejectReason> {
    if memchr::memchr(0, bytes).is_some() {
        return Err(RejectReason::Nul);
    }
    simdutf8::basic::from_utf8(bytes).map_err(|_| RejectReason::InvalidUtf8)
}

/// Returns days since 2000-01-01.
fn date(value: PrimitiveValue<'_>) -> Result<i32, RejectReason> {
    match value {
        PrimitiveValue::Int32(days) if (DAY_MIN..=DAY_MAX).contains(&i64::from(days)) => {
            Ok(days - EPOCH_DAYS_FROM_UNIX)
        }
        _ => Err(RejectReason::OutOfRange("a date of the years 1 to 9999")),
    }
}

/// Returns the days of a timestamp without a time of day. Both count from 2000-01-01.
fn midnight(micros: i64) -> Result<i32, RejectReason> {
    if micros % MICROS_PER_DAY != 0 {
        return Err(RejectReason::UnexpectedTimeOfDay);
    }
    i32::try_from(micros / MICROS_PER_DAY).map_err(|_| OUT_OF_RANGE)
}

/// Returns microseconds since midnight.
fn time(unit: TimeUnit, value: PrimitiveValue<'_>, round: Rounding) -> Result<i64, RejectReason> {
    let micros = micros(unit, value, round)?;
    if (0..MICROS_PER_DAY).contains(&micros) { Ok(micros) } else { Err(RejectReason::NoSuchTime) }
}

/// Returns microseconds since 2000-01-01.
fn timestamp(kind: PrimitiveType, value: PrimitiveValue<'_>, round: Rounding) -> Result<i64, RejectReason> {
    let micros = match (kind, value) {
        (PrimitiveType::Timestamp { unit, .. }, value) => micros(unit, value, round)?,
        (_, PrimitiveValue::Int96(nanos, day)) => {
            let of_day = micros(TimeUnit::Nanos, PrimitiveValue::Int64(nanos), round)?;
            let days = day.checked_sub(JULIAN_DAY_OF_UNIX).ok_or(OUT_OF_RANGE)?;
            days.checked_mul(MICROS_PER_DAY).and_then(|micros| micros.checked_add(of_day)).ok_or(OUT_OF_RANGE)?
        }
        _ => return Err(OUT_OF_RANGE),
    };
    if !(DAY_MIN * MICROS_PER_DAY..(DAY_MAX + 1) * MICROS_PER_DAY).contains(&micros) {
        return Err(OUT_OF_RANGE);
    }
    Ok(micros - i64::from(EPOCH_DAYS_FROM_UNIX) * MICROS_PER_DAY)
}

const OUT_OF_RANGE: RejectReason = RejectReason::OutOfRange("a timestamp of the years 1 to 9999");

fn micros(unit: TimeUnit, value: PrimitiveValue<'_>, round: Rounding) -> Result<i64, RejectReason> {
    let count = match value {
        PrimitiveValue::Int32(count) => i64::from(count),
        PrimitiveValue::Int64(count) => count,
        _ => return Err(OUT_OF_RANGE),
    };
    match unit {
        TimeUnit::Millis => count.checked_mul(MICROS_PER_MILLI).ok_or(OUT_OF_RANGE),
        TimeUnit::Micros => Ok(count),
        TimeUnit::Nanos if count % NANOS_PER_MICRO != 0 => {
            rounded(i128::from(count), i128::from(NANOS_PER_MICRO), round)
        }
        TimeUnit::Nanos => Ok(count / NANOS_PER_MICRO),
    }
}

/// Appends the number in decimal. Floats use the shortest text that parses to the same float.
pub(super) fn append_number(
    kind: PrimitiveType,
    value: PrimitiveValue<'_>,
    out: &mut Vec<u8>,
) -> Result<(), RejectReason> {
    match (kind, value) {
        (PrimitiveType::Integer { is_signed: false, .. }, PrimitiveValue::Int32(value)) => {
            write(out, value.cast_unsigned());
        }
        (PrimitiveType::Integer { is_signed: false, .. }, PrimitiveValue::Int64(value)) => {
            write(out, value.cast_unsigned());
        }
        (PrimitiveType::Integer { .. }, PrimitiveValue::Int32(value)) => write(out, value),
        (PrimitiveType::Integer { .. }, PrimitiveValue::Int64(value)) => write(out, value),
        (PrimitiveType::Decimal { scale, .. }, PrimitiveValue::Int32(value)) => {
            append_decimal(&value.to_be_bytes(), scale, out)?;
        }
        (PrimitiveType::Decimal { scale, .. }, PrimitiveValue::Int64(value)) => {
            append_decimal(&value.to_be_bytes(), scale, out)?;
        }
        (PrimitiveType::Decimal { scale, .. }, PrimitiveValue::ByteArray(bytes)) => append_decimal(bytes, scale, out)?,
        (PrimitiveType::Float16, PrimitiveValue::ByteArray(&[low, high])) => {
            write_float(out, float16(u16::from_le_bytes([low, high])), f32::is_finite)?;
        }
        (_, PrimitiveValue::Float(value)) => write_float(out, value, f32::is_finite)?,
        (_, PrimitiveValue::Double(value)) => write_float(out, value, f64::is_finite)?,
        _ => return Err(RejectReason::NotANumber),
    }
    Ok(())
}

fn write_float<F: Display + Copy>(out: &mut Vec<u8>, value: F, is_finite: fn(F) -> bool) -> Result<(), RejectReason> {
    if !is_finite(value) {
        return Err(RejectReason::NotFinite);
    }
    write(out, value);
    Ok(())
}

fn write(out: &mut Vec<u8>, value: impl Display) {
    // A write to memory cannot fail.
    let _written = write!(out, "{value}");
}

/// Appends a decimal. `bytes` hold the unscaled value in two's complement, big-endian.
fn append_decimal(bytes: &[u8], scale: u16, out: &mut Vec<u8>) -> Result<(), RejectReason> {
    let digits = match i128_of(bytes) {
        Some(value) => {
            out.extend_from_slice(if value < 0 { b"-" } else { b"" });
            value.unsigned_abs().to_string()
        }
        None if bytes.len() > DECIMAL_BYTES_MAX => return Err(RejectReason::OutOfRange("numeric")),
        None => {
            let negative = bytes.first().is_some_and(|first| *first >= 0x80);
            out.extend_from_slice(if negative { b"-" } else { b"" });
            long_digits(&magnitude(bytes, negative))
        }
    };
    let scale = usize::from(scale);
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (integer, fraction) = padded.split_at(padded.len() - scale);
    out.extend_from_slice(integer.as_bytes());
    if scale > 0 {
        out.push(b'.');
        out.extend_from_slice(fraction.as_bytes());
    }
    Ok(())
}

/// Returns `None` for no bytes, and for more than 16.
fn i128_of(bytes: &[u8]) -> Option<i128> {
    const WIDTH: usize = size_of::<i128>();
    let sign = if *bytes.first()? >= 0x80 { 0xff } else { 0 };
    let start = WIDTH.checked_sub(bytes.len())?;
    let mut wide = [sign; WIDTH];
    wide[start..].copy_from_slice(bytes);
    Some(i128::from_be_bytes(wide))
}

fn magnitude(bytes: &[u8], negative: bool) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if negative {
        let mut carry = true;
        for byte in bytes.iter_mut().rev() {
            (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
        }
    }
    bytes
}

/// Converts to decimal by repeated division.
fn long_digits(number: &[u8]) -> String {
    let mut number = number.to_vec();
    let mut digits = Vec::new();
    while number.iter().any(|byte| *byte != 0) {
        let mut remainder = 0_u16;
        for byte in &mut number {
            let part = remainder << 8 | u16::from(*byte);
            // Below 256, because the remainder is below 10.
            *byte = u8::try_from(part / 10).unwrap_or(u8::MAX);
            remainder = part % 10;
        }
        digits.push(char::from_digit(u32::from(remainder), 10).unwrap_or('0'));
    }
    if digits.is_empty() { "0".to_owned() } else { digits.iter().rev().collect() }
}

/// IEEE 754 half precision: sign, 5 bits of exponent, 10 bits of fraction.
fn float16(bits: u16) -> f32 {
    let fraction = f32::from(bits & 0x3ff);
    let magnitude = match bits >> 10 & 0x1f {
        0 => fraction * 2_f32.powi(-24),
        0x1f if fraction == 0.0 => f32::INFINITY,
        0x1f => f32::NAN,
        exponent => (1024.0 + fraction) * 2_f32.powi(i32::from(exponent) - 25),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

/// Appends the value as JSON. Strings have the forms that the column types accept.
pub(super) fn append_json(
    kind: PrimitiveType,
    value: PrimitiveValue<'_>,
    out: &mut Vec<u8>,
) -> Result<(), RejectReason> {
    match (kind, value) {
        (_, PrimitiveValue::Boolean(value)) => write(out, value),
        (PrimitiveType::Text | PrimitiveType::FixedBytes { .. }, PrimitiveValue::ByteArray(bytes)) => {
            append_quoted(check_text(bytes)?.as_bytes(), out);
        }
        (PrimitiveType::Json, PrimitiveValue::ByteArray(bytes)) => {
            let json = check_text(bytes)?.as_bytes();
            crate::types::check_jsonb(json)?;
            out.extend_from_slice(json);
        }
        (PrimitiveType::Uuid, PrimitiveValue::ByteArray(bytes)) => append_uuid(bytes, out),
        (PrimitiveType::Date, value) => {
            let days = i64::from(date(value)?) + i64::from(EPOCH_DAYS_FROM_UNIX);
            append_time(days * MICROS_PER_DAY, "%Y-%m-%d", out);
        }
        (PrimitiveType::Time(unit), value) => append_time(time(unit, value, Rounding::Reject)?, "%H:%M:%S%.f", out),
        (PrimitiveType::Timestamp { .. } | PrimitiveType::Int96, value) => {
            let unix = timestamp(kind, value, Rounding::Reject)? + i64::from(EPOCH_DAYS_FROM_UNIX) * MICROS_PER_DAY;
            let is_instant = !matches!(kind, PrimitiveType::Timestamp { is_instant: false, .. });
            append_time(unix, if is_instant { "%Y-%m-%dT%H:%M:%S%.fZ" } else { "%Y-%m-%dT%H:%M:%S%.f" }, out);
        }
        (kind, value) => append_number(kind, value, out)?,
    }
    Ok(())
}

fn append_time(unix_micros: i64, format: &str, out: &mut Vec<u8>) {
    if let Some(time) = chrono::DateTime::from_timestamp_micros(unix_micros) {
        write(out, format_args!("\"{}\"", time.format(format)));
    }
}

fn append_uuid(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for (position, byte) in bytes.iter().enumerate() {
        let hyphen = if matches!(position, 4 | 6 | 8 | 10) { "-" } else { "" };
        write(out, format_args!("{hyphen}{byte:02x}"));
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: PrimitiveType, value: PrimitiveValue<'_>, expected: Result<&str, RejectReason>) {
        let mut out = Vec::new();
        let json = append_json(kind, value, &mut out).map(|()| String::from_utf8(out).unwrap());
        assert_eq!(json, expected.map(str::to_owned), "{kind:?} {value:?}");
    }

    #[test]
    fn parquet_decimal_is_exact_at_every_width() {
        let decimal = |scale| PrimitiveType::Decimal { precision: 100, scale };
        check(decimal(2), PrimitiveValue::Int32(150), Ok("1.50"));
        check(decimal(2), PrimitiveValue::Int32(-5), Ok("-0.05"));
        check(decimal(0), PrimitiveValue::Int64(i64::MIN), Ok("-9223372036854775808"));
        check(decimal(3), PrimitiveValue::ByteArray(&[0xff]), Ok("-0.001"));
        check(decimal(1), PrimitiveValue::ByteArray(&[0; 20]), Ok("0.0"));
        let mut wide = [0; 17];
        wide[0] = 1;
        check(decimal(0), PrimitiveValue::ByteArray(&wide), Ok("340282366920938463463374607431768211456"));
        check(decimal(2), PrimitiveValue::ByteArray(&[0xff; 17]), Ok("-0.01"));
        check(decimal(0), PrimitiveValue::ByteArray(&[1; 65]), Err(RejectReason::OutOfRange("numeric")));
        check(decimal(0), PrimitiveValue::ByteArray(&[]), Ok("0"));
    }

    #[test]
    fn unsigned_integer_uses_every_bit() {
        let unsigned = |bits| PrimitiveType::Integer { bits, is_signed: false };
        check(unsigned(32), PrimitiveValue::Int32(-1), Ok("4294967295"));
        check(unsigned(64), PrimitiveValue::Int64(-1), Ok("18446744073709551615"));
    }

    #[test]
    fn half_float_converts_exactly() {
        let check = |bits: u16, expected| {
            check(PrimitiveType::Float16, PrimitiveValue::ByteArray(&bits.to_le_bytes()), expected);
        };
        check(0x3c00, Ok("1"));
        check(0xc000, Ok("-2"));
        check(0x7bff, Ok("65504"));
        check(0x0001, Ok("0.000000059604645"));
        check(0x3555, Ok("0.33325195"));
        check(0x7c00, Err(RejectReason::NotFinite));
        check(0x7e00, Err(RejectReason::NotFinite));
    }

    #[test]
    fn parquet_times_convert_in_every_unit() {
        check(PrimitiveType::Date, PrimitiveValue::Int32(0), Ok("\"1970-01-01\""));
        check(PrimitiveType::Date, PrimitiveValue::Int32(2_932_896), Ok("\"9999-12-31\""));
        check(
            PrimitiveType::Date,
            PrimitiveValue::Int32(2_932_897),
            Err(RejectReason::OutOfRange("a date of the years 1 to 9999")),
        );
        check(PrimitiveType::Time(TimeUnit::Millis), PrimitiveValue::Int32(1), Ok("\"00:00:00.001\""));
        check(PrimitiveType::Time(TimeUnit::Nanos), PrimitiveValue::Int64(1_000), Ok("\"00:00:00.000001\""));
        check(PrimitiveType::Time(TimeUnit::Nanos), PrimitiveValue::Int64(1), Err(RejectReason::FinerThanMicroseconds));
        check(
            PrimitiveType::Time(TimeUnit::Micros),
            PrimitiveValue::Int64(86_400_000_000),
            Err(RejectReason::NoSuchTime),
        );
        let timestamp = |unit, is_instant| PrimitiveType::Timestamp { unit, is_instant };
        check(timestamp(TimeUnit::Millis, true), PrimitiveValue::Int64(-1), Ok("\"1969-12-31T23:59:59.999Z\""));
        check(timestamp(TimeUnit::Micros, false), PrimitiveValue::Int64(0), Ok("\"1970-01-01T00:00:00\""));
        check(timestamp(TimeUnit::Millis, false), PrimitiveValue::Int64(i64::MAX), Err(OUT_OF_RANGE));
        check(PrimitiveType::Int96, PrimitiveValue::Int96(1_000, 2_440_588), Ok("\"1970-01-01T00:00:00.000001Z\""));
    }
}
