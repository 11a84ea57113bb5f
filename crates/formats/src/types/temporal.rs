//! ISO 8601 dates and times of the years 0001 to 9999. Values that PostgreSQL would change are errors.

use crate::reject::RejectReason;

/// PostgreSQL's epoch is 2000-01-01.
pub(crate) const EPOCH_DAYS_FROM_UNIX: i32 = 10_957;
pub(crate) const MICROS_PER_DAY: i64 = 24 * 60 * MICROS_PER_MINUTE;
const MICROS_PER_MINUTE: i64 = 60 * MICROS_PER_SECOND;
pub(crate) const MICROS_PER_SECOND: i64 = 1_000_000;
/// PostgreSQL's offsets are below 16 hours: <https://www.postgresql.org/docs/current/datatype-datetime.html>.
const OFFSET_HOURS_MAX: u32 = 15;

/// Returns days since 2000-01-01.
#[inline]
pub(super) fn date(text: &[u8]) -> Result<i32, RejectReason> {
    let (days, rest) = date_prefix(text).ok_or(RejectReason::NotADate)??;
    if rest.is_empty() { Ok(days) } else { Err(RejectReason::NotADate) }
}

/// Returns microseconds since midnight.
#[inline]
pub(super) fn time(text: &[u8]) -> Result<i64, RejectReason> {
    let (micros, rest) = time_prefix(text).ok_or(RejectReason::NotATime)??;
    if rest.is_empty() { Ok(micros) } else { Err(RejectReason::NotATime) }
}

/// Returns microseconds since 2000-01-01 00:00:00 in local time.
#[inline]
pub(super) fn timestamp(text: &[u8]) -> Result<i64, RejectReason> {
    let (micros, rest) = timestamp_prefix(text)?;
    match rest {
        [] => Ok(micros),
        _ => Err(offset_micros(rest).map_or(RejectReason::NotATimestamp, |_| RejectReason::UnexpectedOffset)),
    }
}

/// Returns microseconds since 2000-01-01 00:00:00 UTC.
#[inline]
pub(super) fn timestamptz(text: &[u8]) -> Result<i64, RejectReason> {
    let (micros, rest) = timestamp_prefix(text)?;
    match rest {
        [] => Err(RejectReason::MissingOffset),
        _ => Ok(micros - offset_micros(rest)?),
    }
}

#[inline]
fn timestamp_prefix(text: &[u8]) -> Result<(i64, &[u8]), RejectReason> {
    let (days, rest) = date_prefix(text).ok_or(RejectReason::NotATimestamp)??;
    let [b'T' | b' ', rest @ ..] = rest else { return Err(RejectReason::NotATimestamp) };
    let (micros, rest) = time_prefix(rest).ok_or(RejectReason::NotATimestamp)??;
    Ok((i64::from(days) * MICROS_PER_DAY + micros, rest))
}

/// Returns `None` if the text does not have the form of a date, and an error if the date does not exist.
#[inline]
fn date_prefix(text: &[u8]) -> Option<Result<(i32, &[u8]), RejectReason>> {
    let ([y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2], rest) = text.split_first_chunk::<10>()? else { return None };
    let year = two_digits(*y1, *y2)? * 100 + two_digits(*y3, *y4)?;
    let (month, day) = (two_digits(*m1, *m2)?, two_digits(*d1, *d2)?);
    if year == 0 || !(1..=12).contains(&month) || day == 0 || day > days_in_month(year, month) {
        return Some(Err(RejectReason::NoSuchDate));
    }
    Some(Ok((days_from_epoch(year, month, day), rest)))
}

#[inline]
fn time_prefix(text: &[u8]) -> Option<Result<(i64, &[u8]), RejectReason>> {
    let ([h1, h2, b':', m1, m2], rest) = text.split_first_chunk::<5>()? else { return None };
    let (hour, minute) = (two_digits(*h1, *h2)?, two_digits(*m1, *m2)?);
    let (second, micros, rest) = match rest {
        [b':', s1, s2, b'.', rest @ ..] => {
            let digits = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
            let (fraction, rest) = rest.split_at(digits);
            (two_digits(*s1, *s2)?, fraction_micros(fraction)?, rest)
        }
        [b':', s1, s2, rest @ ..] => (two_digits(*s1, *s2)?, Ok(0), rest),
        [b':', ..] => return None,
        rest => (0, Ok(0), rest),
    };
    let whole = i64::from(hour * 3600 + minute * 60 + second) * MICROS_PER_SECOND;
    Some(match (hour, minute, second) {
        (0..=23, 0..=59, 0..=59) => micros.map(|micros| (whole + micros, rest)),
        (0..=23, 0..=59, 60) => Err(RejectReason::LeapSecond),
        _ => Err(RejectReason::NoSuchTime),
    })
}

/// Returns `None` without a digit.
#[inline]
fn fraction_micros(digits: &[u8]) -> Option<Result<i64, RejectReason>> {
    if digits.is_empty() {
        return None;
    }
    let (kept, beyond) = digits.split_at(digits.len().min(6));
    if beyond.iter().any(|digit| *digit != b'0') {
        return Some(Err(RejectReason::FinerThanMicroseconds));
    }
    let value = kept.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
    Some(Ok((kept.len()..6).fold(value, |value, _| value * 10)))
}

/// Accepts `Z`, `UTC`, `±HH`, `±HH:MM` and `±HHMM`, also after a space.
#[inline]
fn offset_micros(text: &[u8]) -> Result<i64, RejectReason> {
    let (sign, hours, minutes) = match *text {
        [b'Z'] => return Ok(0),
        [sign @ (b'+' | b'-'), h1, h2] => (sign, two_digits(h1, h2), Some(0)),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] | [sign @ (b'+' | b'-'), h1, h2, m1, m2] => {
            (sign, two_digits(h1, h2), two_digits(m1, m2))
        }
        _ => return rare_offset(text),
    };
    let (hours, minutes) = hours.zip(minutes).ok_or(RejectReason::NotATimestamp)?;
    if hours > OFFSET_HOURS_MAX || minutes > 59 {
        return Err(RejectReason::NoSuchOffset);
    }
    let micros = i64::from(hours * 60 + minutes) * MICROS_PER_MINUTE;
    Ok(if sign == b'-' { -micros } else { micros })
}

/// Accepts the forms that databases and query engines print: `UTC`, and an offset after a space.
fn rare_offset(text: &[u8]) -> Result<i64, RejectReason> {
    match *text {
        [b'U', b'T', b'C'] | [b' ', b'U', b'T', b'C'] | [b' ', b'Z'] => Ok(0),
        [b' ', ref offset @ ..] if matches!(offset, [b'+' | b'-', ..]) => offset_micros(offset),
        _ => Err(RejectReason::NotATimestamp),
    }
}

#[inline]
fn two_digits(tens: u8, ones: u8) -> Option<u32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| u32::from(tens) * 10 + u32::from(ones))
}

#[inline]
fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

#[inline]
fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Years begin in March here, so that the leap day is the last day.
/// <https://howardhinnant.github.io/date_algorithms.html#days_from_civil>
#[inline]
#[expect(clippy::cast_possible_wrap, reason = "four-digit years are some millions of days")]
fn days_from_epoch(year: u32, month: u32, day: u32) -> i32 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = if month <= 2 { month + 9 } else { month - 3 };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year;
    /// Days from 0000-03-01 to 1970-01-01.
    const TO_UNIX: i32 = 719_468;
    days as i32 - TO_UNIX - EPOCH_DAYS_FROM_UNIX
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};

    fn check_date(text: &str, expected: Result<(), RejectReason>) {
        let expected = expected.map(|()| {
            let epoch = NaiveDate::from_ymd_opt(2000, 1, 1).unwrap();
            i32::try_from((text.parse::<NaiveDate>().unwrap() - epoch).num_days()).unwrap()
        });
        assert_eq!(date(text.as_bytes()), expected, "{text:?}");
    }

    #[test]
    fn date_parses_iso_8601() {
        for text in ["2000-01-01", "1999-12-31", "2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31", "1970-01-01"] {
            check_date(text, Ok(()));
        }
        for text in [
            "2023-02-29",
            "1900-02-29",
            "2024-02-30",
            "2024-04-31",
            "2024-13-01",
            "2024-00-10",
            "2024-01-00",
            "0000-00-00",
            "0000-01-01",
        ] {
            check_date(text, Err(RejectReason::NoSuchDate));
        }
        for text in [
            "",
            "today",
            "infinity",
            "03/04/2024",
            "2024-1-1",
            "20240101",
            "2024-01-01 ",
            " 2024-01-01",
            "2024-01-01T00:00",
            "-2024-01-01",
            "12024-01-01",
            "2024-01-1x",
            "2024/01/01",
        ] {
            check_date(text, Err(RejectReason::NotADate));
        }
    }

    #[test]
    fn every_date_equals_chrono() {
        let mut day = NaiveDate::from_ymd_opt(1, 1, 1).unwrap();
        let mut expected = date(b"0001-01-01").unwrap();
        assert_eq!(i64::from(expected), (day - NaiveDate::from_ymd_opt(2000, 1, 1).unwrap()).num_days());
        while day < NaiveDate::from_ymd_opt(9999, 12, 31).unwrap() {
            day = day.succ_opt().unwrap();
            expected += 1;
            assert_eq!(date(day.format("%Y-%m-%d").to_string().as_bytes()), Ok(expected), "{day}");
        }
    }

    fn check_time(text: &str, expected: Result<&str, RejectReason>) {
        let expected =
            expected.map(|text| (text.parse::<NaiveTime>().unwrap() - NaiveTime::MIN).num_microseconds().unwrap());
        assert_eq!(time(text.as_bytes()), expected, "{text:?}");
    }

    #[test]
    fn time_parses_iso_8601() {
        check_time("00:00", Ok("00:00:00"));
        check_time("23:59:59", Ok("23:59:59"));
        check_time("12:34:56.7", Ok("12:34:56.7"));
        check_time("12:34:56.123456", Ok("12:34:56.123456"));
        check_time("12:34:56.123456000", Ok("12:34:56.123456"));
        check_time("12:34:56.1234567", Err(RejectReason::FinerThanMicroseconds));
        check_time("24:00", Err(RejectReason::NoSuchTime));
        check_time("24:00:00", Err(RejectReason::NoSuchTime));
        check_time("12:60", Err(RejectReason::NoSuchTime));
        check_time("12:00:61", Err(RejectReason::NoSuchTime));
        check_time("23:59:60", Err(RejectReason::LeapSecond));
        for text in [
            "",
            "12",
            "1:00",
            "12:0",
            "12:00:",
            "12:00:0",
            "12:00:00.",
            "12:00Z",
            "12:00 PM",
            "12.00",
            "noon",
            " 12:00",
            "12:00.5",
        ] {
            check_time(text, Err(RejectReason::NotATime));
        }
    }

    fn micros(timestamp: NaiveDateTime) -> i64 {
        timestamp.and_utc().timestamp_micros() - i64::from(EPOCH_DAYS_FROM_UNIX) * MICROS_PER_DAY
    }

    fn check_timestamp(text: &str, expected: Result<&str, RejectReason>) {
        let expected = expected.map(|text| micros(text.parse().unwrap()));
        assert_eq!(timestamp(text.as_bytes()), expected, "{text:?}");
    }

    #[test]
    fn timestamp_parses_iso_8601() {
        check_timestamp("2024-03-04T05:06:07", Ok("2024-03-04T05:06:07"));
        check_timestamp("2024-03-04 05:06:07.000001", Ok("2024-03-04T05:06:07.000001"));
        check_timestamp("1999-12-31 23:59", Ok("1999-12-31T23:59:00"));
        check_timestamp("0001-01-01T00:00:00", Ok("0001-01-01T00:00:00"));
        check_timestamp("2024-03-04T05:06:07Z", Err(RejectReason::UnexpectedOffset));
        check_timestamp("2024-03-04T05:06:07+01:00", Err(RejectReason::UnexpectedOffset));
        check_timestamp("2024-02-30T00:00:00", Err(RejectReason::NoSuchDate));
        check_timestamp("2024-03-04T24:00:00", Err(RejectReason::NoSuchTime));
        for text in [
            "",
            "2024-03-04",
            "2024-03-04T",
            "2024-03-04t05:06",
            "2024-03-04  05:06",
            "2024-03-04T05:06:07x",
            "now",
            "1709528767",
        ] {
            check_timestamp(text, Err(RejectReason::NotATimestamp));
        }
    }

    fn check_timestamptz(text: &str, expected: Result<&str, RejectReason>) {
        let expected = expected.map(|text| micros(DateTime::parse_from_rfc3339(text).unwrap().naive_utc()));
        assert_eq!(timestamptz(text.as_bytes()), expected, "{text:?}");
    }

    #[test]
    fn timestamptz_requires_offset() {
        check_timestamptz("2024-03-04T05:06:07Z", Ok("2024-03-04T05:06:07Z"));
        check_timestamptz("2024-03-04 05:06:07+01", Ok("2024-03-04T04:06:07Z"));
        check_timestamptz("2024-03-04 05:06:07.5-0330", Ok("2024-03-04T08:36:07.5Z"));
        check_timestamptz("2024-03-04T05:06+05:45", Ok("2024-03-03T23:21:00Z"));
        check_timestamptz("2024-03-04T05:06:07+15:59", Ok("2024-03-03T13:07:07Z"));
        check_timestamptz("2024-03-04 05:06:07.000 UTC", Ok("2024-03-04T05:06:07Z"));
        check_timestamptz("2024-03-04 05:06:07UTC", Ok("2024-03-04T05:06:07Z"));
        check_timestamptz("2024-03-04 05:06:07 Z", Ok("2024-03-04T05:06:07Z"));
        check_timestamptz("2024-03-04 05:06:07 +0200", Ok("2024-03-04T03:06:07Z"));
        check_timestamptz("2024-03-04T05:06:07 +16:00", Err(RejectReason::NoSuchOffset));
        check_timestamptz("2024-03-04T05:06:07", Err(RejectReason::MissingOffset));
        check_timestamptz("2024-03-04T05:06:07+16:00", Err(RejectReason::NoSuchOffset));
        check_timestamptz("2024-03-04T05:06:07+01:60", Err(RejectReason::NoSuchOffset));
        for text in [
            "2024-03-04T05:06:07  Z",
            "2024-03-04T05:06:07+1",
            "2024-03-04T05:06:07 GMT",
            "2024-03-04T05:06:07  UTC",
            "2024-03-04T05:06:07 utc",
            "2024-03-04T05:06:07 UTC ",
            "2024-03-04T05:06:07 +1",
            "2024-03-04T05:06:07 ",
            "2024-03-04Z",
            "2024-03-04T05:06:07z",
        ] {
            check_timestamptz(text, Err(RejectReason::NotATimestamp));
        }
    }
}
