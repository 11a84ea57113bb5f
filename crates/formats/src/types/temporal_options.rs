//! Reads dates and times with the options of a column: formats, time zone and rounding.

use std::borrow::Cow;

use pipeline::{Column, ColumnType, Rounding, ValueFormat, ValueOptions};

use super::formatted::TemporalFormat;
use super::rounding::{EPOCH_MICROS_FROM_UNIX, TemporalType, local_instant, rounded};
use super::temporal::{self, MICROS_PER_DAY};
use crate::copy;
use crate::numeric::Decimal;
use crate::reject::RejectReason;

/// Microseconds since 2000-01-01 of 0001-01-01 and of the end of 9999-12-31.
const MICROS_MIN: i64 = -730_119 * MICROS_PER_DAY;
const MICROS_END: i64 = 2_921_940 * MICROS_PER_DAY;
/// Days from 1899-12-30 to 2000-01-01.
const EPOCH_DAYS_FROM_EXCEL: i64 = 36_526;
/// More digits than any number of this kind has.
const DIGITS_MAX: usize = 25;

/// Reads one column with options.
#[derive(Debug)]
pub(crate) struct TemporalReader {
    target: TemporalType,
    formats: Vec<FormatReader>,
    options: ValueOptions,
}

#[derive(Debug)]
enum FormatReader {
    Iso,
    Strftime(TemporalFormat),
    /// Numbers of this many microseconds, since 1970-01-01.
    Epoch {
        name: &'static str,
        unit_micros: i64,
    },
    Excel,
}

impl TemporalReader {
    /// Returns `None` for a column without options for dates and times, and for other types.
    pub(super) fn new(column: &Column) -> Option<Self> {
        let target = match column.kind {
            ColumnType::Date => TemporalType::Date,
            ColumnType::Time => TemporalType::Time,
            ColumnType::Timestamp => TemporalType::Timestamp,
            ColumnType::TimestampTz => TemporalType::TimestampTz,
            _ => return None,
        };
        let options = &column.values;
        if options.formats.is_empty() && options.timezone.is_none() && options.round == Rounding::Reject {
            return None;
        }
        let mut formats: Vec<_> = options.formats.iter().map(|format| FormatReader::new(target, format)).collect();
        if formats.is_empty() {
            formats.push(FormatReader::Iso);
        }
        Some(Self { target, formats, options: options.clone() })
    }

    /// Returns whether a format reads numbers, which JSON and Parquet have as numbers.
    pub(crate) fn reads_numbers(&self) -> bool {
        self.formats.iter().any(|format| matches!(format, FormatReader::Epoch { .. } | FormatReader::Excel))
    }

    pub(super) fn encode(&self, text: &[u8], out: &mut Vec<u8>) -> Result<(), RejectReason> {
        let value = self.read(text)?;
        match self.target {
            TemporalType::Date => copy::int4(out, i32::try_from(value).map_err(|_| RejectReason::NoSuchDate)?),
            TemporalType::Time if !(0..MICROS_PER_DAY).contains(&value) => return Err(RejectReason::NoSuchTime),
            TemporalType::Time | TemporalType::Timestamp | TemporalType::TimestampTz => copy::int8(out, value),
        }
        Ok(())
    }

    /// Tries the formats in order. If none matches, a format that the value has with a wrong part gives the reason.
    fn read(&self, text: &[u8]) -> Result<i64, RejectReason> {
        let mut errors = Vec::new();
        for format in &self.formats {
            match format.read(self.target, text, &self.options) {
                Ok(value) => return Ok(value),
                Err(error) => errors.push(error),
            }
        }
        let is_mismatch = |error: &RejectReason| matches!(error, RejectReason::FormatMismatch { .. });
        match errors.iter().position(|error| !is_mismatch(error)) {
            Some(position) => Err(errors.swap_remove(position)),
            None if errors.len() == 1 => Err(errors.swap_remove(0)),
            None => {
                let formats: Vec<_> =
                    self.options.formats.iter().map(|format| format!("{:?}", format.as_str())).collect();
                Err(RejectReason::NoFormatMatches { formats: formats.join(", ") })
            }
        }
    }
}

impl FormatReader {
    fn new(target: TemporalType, format: &ValueFormat) -> Self {
        match format {
            ValueFormat::Epoch => Self::Epoch { name: "epoch", unit_micros: temporal::MICROS_PER_SECOND },
            ValueFormat::EpochMs => Self::Epoch { name: "epoch_ms", unit_micros: 1_000 },
            ValueFormat::Excel => Self::Excel,
            // chrono reads no negative seconds.
            ValueFormat::Strftime(format) if format == "%s" => {
                Self::Epoch { name: "%s", unit_micros: temporal::MICROS_PER_SECOND }
            }
            ValueFormat::Strftime(format) => Self::Strftime(TemporalFormat::new(target, format)),
        }
    }

    /// Returns days since 2000-01-01 for a date, otherwise microseconds.
    fn read(&self, target: TemporalType, text: &[u8], options: &ValueOptions) -> Result<i64, RejectReason> {
        match self {
            Self::Iso => iso(target, text, options),
            Self::Strftime(format) => format.read(text, options),
            Self::Epoch { name, unit_micros } => {
                let unix = scaled(name, text, *unit_micros, options.round)?;
                within_years(unix.checked_sub(EPOCH_MICROS_FROM_UNIX))
            }
            Self::Excel => excel(target, text, options),
        }
    }
}

fn within_years(micros: Option<i64>) -> Result<i64, RejectReason> {
    micros.filter(|micros| (MICROS_MIN..MICROS_END).contains(micros)).ok_or(RejectReason::NoSuchDate)
}

fn iso(target: TemporalType, text: &[u8], options: &ValueOptions) -> Result<i64, RejectReason> {
    let (text, carry) = rounded_fraction(text, options.round);
    match target {
        TemporalType::Date => temporal::date(&text).map(i64::from),
        TemporalType::Time => Ok(temporal::time(&text)? + carry),
        TemporalType::Timestamp => within_years(temporal::timestamp(&text)?.checked_add(carry)),
        TemporalType::TimestampTz => match temporal::timestamptz(&text) {
            Err(RejectReason::MissingOffset) => {
                local_instant(within_years(temporal::timestamp(&text)?.checked_add(carry))?, options)
            }
            instant => Ok(instant? + carry),
        },
    }
}

/// Cuts the fraction of a second after six digits. Returns the text, and the microseconds to add.
fn rounded_fraction(text: &[u8], round: Rounding) -> (Cow<'_, [u8]>, i64) {
    let Some(point) = memchr::memchr(b'.', text).filter(|_| round != Rounding::Reject) else {
        return (Cow::Borrowed(text), 0);
    };
    let start = point + 1;
    let digits = text[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits <= 6 {
        return (Cow::Borrowed(text), 0);
    }
    let is_up = round == Rounding::HalfUp && text[start + 6] >= b'5';
    (Cow::Owned([&text[..start + 6], &text[start + digits..]].concat()), i64::from(is_up))
}

/// Returns a number of units as microseconds.
fn scaled(format: &str, text: &[u8], unit_micros: i64, round: Rounding) -> Result<i64, RejectReason> {
    let mismatch = || RejectReason::FormatMismatch { format: format.to_owned() };
    let number = Decimal::parse(text).map_err(|_| mismatch())?;
    let (digits, scale) = number.unscaled(DIGITS_MAX).ok_or(RejectReason::NoSuchDate)?;
    let micros = digits * i128::from(unit_micros);
    let power = |scale: u32| 10_i128.checked_pow(scale).ok_or(RejectReason::NoSuchDate);
    match u32::try_from(scale) {
        Ok(scale) => rounded(micros, power(scale)?, round),
        Err(_) => {
            let factor = power(u32::try_from(-scale).map_err(|_| RejectReason::NoSuchDate)?)?;
            micros.checked_mul(factor).and_then(|micros| i64::try_from(micros).ok()).ok_or(RejectReason::NoSuchDate)
        }
    }
}

/// Excel stores days as floats, so a time of day is exact to a millisecond only.
fn excel(target: TemporalType, text: &[u8], options: &ValueOptions) -> Result<i64, RejectReason> {
    let millis = scaled("excel", text, MICROS_PER_DAY / 1_000, Rounding::HalfUp)?;
    let micros = millis.checked_mul(1_000).ok_or(RejectReason::NoSuchDate)?;
    if target == TemporalType::Time {
        return Ok(micros);
    }
    let local = within_years(micros.checked_sub(EPOCH_DAYS_FROM_EXCEL * MICROS_PER_DAY))?;
    match target {
        TemporalType::Date if local % MICROS_PER_DAY != 0 => Err(RejectReason::UnexpectedTimeOfDay),
        TemporalType::Date => Ok(local / MICROS_PER_DAY),
        TemporalType::TimestampTz => local_instant(local, options),
        TemporalType::Time | TemporalType::Timestamp => Ok(local),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `expected` is in ISO 8601; an instant has the offset `Z`.
    #[track_caller]
    fn check(kind: &str, options: ValueOptions, text: &str, expected: Result<&str, RejectReason>) {
        let column = Column { values: options, ..crate::tests::column(&format!("v {kind}")) };
        let reader = TemporalReader::new(&column).unwrap();
        let plain = |iso: &str| match reader.target {
            TemporalType::Date => i64::from(temporal::date(iso.as_bytes()).unwrap()),
            TemporalType::Time => temporal::time(iso.as_bytes()).unwrap(),
            TemporalType::Timestamp => temporal::timestamp(iso.as_bytes()).unwrap(),
            TemporalType::TimestampTz => temporal::timestamptz(iso.as_bytes()).unwrap(),
        };
        let mut out = Vec::new();
        let read = reader.encode(text.as_bytes(), &mut out).and_then(|()| reader.read(text.as_bytes()));
        assert_eq!(read, expected.map(plain), "{kind} {text:?}");
    }

    fn formats(formats: &[&str]) -> ValueOptions {
        let format = |text: &&str| match *text {
            "epoch" => ValueFormat::Epoch,
            "epoch_ms" => ValueFormat::EpochMs,
            "excel" => ValueFormat::Excel,
            text => ValueFormat::Strftime(text.to_owned()),
        };
        ValueOptions { formats: formats.iter().map(format).collect(), ..ValueOptions::default() }
    }

    fn round(round: Rounding) -> ValueOptions {
        ValueOptions { round, ..ValueOptions::default() }
    }

    fn berlin() -> ValueOptions {
        ValueOptions { timezone: "Europe/Berlin".parse().ok(), ..ValueOptions::default() }
    }

    fn mismatch<T>(format: &str) -> Result<T, RejectReason> {
        Err(RejectReason::FormatMismatch { format: format.to_owned() })
    }

    #[test]
    fn epoch_is_exact_or_rejected() {
        let seconds = |text, expected| check("timestamptz", formats(&["epoch"]), text, expected);
        seconds("1704103200", Ok("2024-01-01T10:00:00Z"));
        seconds("-86400", Ok("1969-12-31T00:00:00Z"));
        seconds("0", Ok("1970-01-01T00:00:00Z"));
        seconds("1704103200.5", Ok("2024-01-01T10:00:00.5Z"));
        seconds("-0.000001", Ok("1969-12-31T23:59:59.999999Z"));
        seconds("1.7041032E9", Ok("2024-01-01T10:00:00Z"));
        seconds("1704103200.0000001", Err(RejectReason::FinerThanMicroseconds));
        seconds("253402300799", Ok("9999-12-31T23:59:59Z"));
        seconds("-62135596800", Ok("0001-01-01T00:00:00Z"));
        for text in ["253402300800", "-62135596801", "1e30", "1e-40", "99999999999999999999999999999999999", "1e999999"]
        {
            seconds(text, Err(RejectReason::NoSuchDate));
        }
        for text in ["", "x", "NaN", "+1", " 1", "2024-01-01T00:00:00Z"] {
            seconds(text, mismatch("epoch"));
        }
        let millis = |text, expected| check("timestamp", formats(&["epoch_ms"]), text, expected);
        millis("1704103200123", Ok("2024-01-01T10:00:00.123"));
        millis("-1", Ok("1969-12-31T23:59:59.999"));
        millis("0.001", Ok("1970-01-01T00:00:00.000001"));
        check("timestamptz", formats(&["%s"]), "-86400", Ok("1969-12-31T00:00:00Z"));
    }

    #[test]
    fn excel_days_become_local_times() {
        check("date", formats(&["excel"]), "45292", Ok("2024-01-01"));
        check("date", formats(&["excel"]), "45292.0", Ok("2024-01-01"));
        check("date", formats(&["excel"]), "45292.5", Err(RejectReason::UnexpectedTimeOfDay));
        check("timestamp", formats(&["excel"]), "45292.4166666667", Ok("2024-01-01T10:00:00"));
        check("timestamp", formats(&["excel"]), "2958465.999999", Ok("9999-12-31T23:59:59.914"));
        check("timestamp", formats(&["excel"]), "2958466", Err(RejectReason::NoSuchDate));
        check("time", formats(&["excel"]), "0.25", Ok("06:00:00"));
        check("time", formats(&["excel"]), "1.25", Err(RejectReason::NoSuchTime));
        let options = ValueOptions { formats: vec![ValueFormat::Excel], ..berlin() };
        check("timestamptz", options, "45292.5", Ok("2024-01-01T11:00:00Z"));
    }

    #[test]
    fn formats_are_tried_in_order() {
        let two = || formats(&["%d/%m/%Y", "%Y-%m-%d"]);
        check("date", two(), "31/01/2024", Ok("2024-01-31"));
        check("date", two(), "2024-01-31", Ok("2024-01-31"));
        let none = RejectReason::NoFormatMatches { formats: r#""%d/%m/%Y", "%Y-%m-%d""#.to_owned() };
        check("date", two(), "x", Err(none));
        check("date", formats(&["%d/%m/%Y", "%m/%d/%Y"]), "03/04/2024", Ok("2024-04-03"));
        check("timestamp", formats(&["%Y", "epoch"][1..]), "60", Ok("1970-01-01T00:01:00"));
    }

    #[test]
    fn fine_fraction_is_rounded_as_declared() {
        let cut = |kind, text, expected| check(kind, round(Rounding::Truncate), text, expected);
        cut("timestamptz", "2024-01-01T10:00:00.1234567Z", Ok("2024-01-01T10:00:00.123456Z"));
        cut("timestamptz", "2024-01-01 10:00:00.999999999999 UTC", Ok("2024-01-01T10:00:00.999999Z"));
        cut("timestamp", "2024-01-01T10:00:00.1", Ok("2024-01-01T10:00:00.1"));
        cut("time", "23:59:59.9999999", Ok("23:59:59.999999"));
        let half_up = |kind, text, expected| check(kind, round(Rounding::HalfUp), text, expected);
        half_up("timestamptz", "2024-01-01T10:00:00.1234565+01:00", Ok("2024-01-01T09:00:00.123457Z"));
        half_up("timestamptz", "2024-01-01T10:00:00.1234564Z", Ok("2024-01-01T10:00:00.123456Z"));
        half_up("timestamp", "2023-12-31T23:59:59.9999999", Ok("2024-01-01T00:00:00"));
        half_up("timestamp", "9999-12-31T23:59:59.9999999", Err(RejectReason::NoSuchDate));
        half_up("time", "23:59:59.9999999", Err(RejectReason::NoSuchTime));
        half_up("timestamp", "2024-01-01T10:00:00.1234567x", Err(RejectReason::NotATimestamp));
        let options = ValueOptions { round: Rounding::HalfUp, ..formats(&["%d.%m.%Y %H:%M:%S%.f"]) };
        check("timestamp", options, "01.02.2024 10:00:00.0000005", Ok("2024-02-01T10:00:00.000001"));
        let options = ValueOptions { round: Rounding::Truncate, ..formats(&["epoch"]) };
        check("timestamp", options, "1.0000019", Ok("1970-01-01T00:00:01.000001"));
    }

    #[test]
    fn local_time_is_read_in_the_time_zone() {
        let local = |text, expected| check("timestamptz", berlin(), text, expected);
        local("2024-01-01 10:00:00", Ok("2024-01-01T09:00:00Z"));
        local("2024-07-01 10:00:00", Ok("2024-07-01T08:00:00Z"));
        local("2024-07-01 10:00:00Z", Ok("2024-07-01T10:00:00Z"));
        let timezone = || "Europe/Berlin".to_owned();
        local("2024-03-31 02:30:00", Err(RejectReason::NoSuchLocalTime { timezone: timezone() }));
        local("2024-10-27 02:30:00", Err(RejectReason::RepeatedLocalTime { timezone: timezone() }));
        local("2024-10-27 02:30:00+01", Ok("2024-10-27T01:30:00Z"));
        local("2024-01-01", Err(RejectReason::NotATimestamp));
        let options = ValueOptions { formats: formats(&["%d/%m/%Y %H:%M"]).formats, ..berlin() };
        check("timestamptz", options, "01/07/2024 10:00", Ok("2024-07-01T08:00:00Z"));
    }

    #[test]
    fn limits_are_those_of_years() {
        assert_eq!(MICROS_MIN, i64::from(temporal::date(b"0001-01-01").unwrap()) * MICROS_PER_DAY);
        assert_eq!(MICROS_END, i64::from(temporal::date(b"9999-12-31").unwrap() + 1) * MICROS_PER_DAY);
        assert_eq!(EPOCH_DAYS_FROM_EXCEL, -i64::from(temporal::date(b"1899-12-30").unwrap()));
    }
}
