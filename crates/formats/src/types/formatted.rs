use chrono::format::{Fixed, Item, Numeric, Pad, Parsed, StrftimeItems};
use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

use pipeline::{Rounding, ValueOptions};

use super::rounding::{TemporalType, local_instant, rounded};
use super::temporal::{EPOCH_DAYS_FROM_UNIX, MICROS_PER_DAY, MICROS_PER_SECOND};
use crate::reject::RejectReason;

/// Parses dates and times in a declared strftime format. `chrono` parses, and this module rejects lenient matches.
#[derive(Debug)]
pub(crate) struct TemporalFormat {
    target: TemporalType,
    format: String,
    items: Vec<Item<'static>>,
}

impl TemporalFormat {
    pub(super) fn new(target: TemporalType, format: &str) -> Self {
        let items = StrftimeItems::new(format).map(Item::to_owned).collect();
        Self { target, format: format.to_owned(), items }
    }

    /// Returns days since 2000-01-01 for a date, otherwise microseconds: of the day for a time, since 2000-01-01 for a
    /// timestamp.
    pub(super) fn read(&self, text: &[u8], options: &ValueOptions) -> Result<i64, RejectReason> {
        let mismatch = || RejectReason::FormatMismatch { format: self.format.clone() };
        let text = std::str::from_utf8(text).map_err(|_| RejectReason::InvalidUtf8)?;
        let parsed = self.parse(text, options.round).ok_or_else(mismatch)??;
        match self.target {
            TemporalType::Date => Ok(i64::from(days(parsed.to_naive_date().map_err(|_| mismatch())?)?)),
            TemporalType::Time => micros_of_day(parsed.to_naive_time().map_err(|_| mismatch())?, options.round),
            TemporalType::TimestampTz if parsed.offset().is_some() || options.timezone.is_none() => {
                let instant = parsed.to_datetime().map_err(|_| mismatch())?;
                let offset = i64::from(instant.offset().local_minus_utc()) * MICROS_PER_SECOND;
                Ok(micros(instant.naive_local(), options.round)? - offset)
            }
            TemporalType::Timestamp | TemporalType::TimestampTz => {
                let local = parsed.to_naive_datetime_with_offset(0).map_err(|_| mismatch())?;
                let local = micros(local, options.round)?;
                if self.target == TemporalType::Timestamp { Ok(local) } else { local_instant(local, options) }
            }
        }
    }

    /// Parses item by item, to check the text that `chrono` used for each. Returns `None` if the text does not match
    /// the format.
    fn parse(&self, text: &str, round: Rounding) -> Option<Result<Parsed, RejectReason>> {
        let mut parsed = Parsed::new();
        let mut rest = text;
        for item in &self.items {
            let after = match item {
                Item::Space(space) => rest.strip_prefix(space)?,
                Item::OwnedSpace(space) => rest.strip_prefix(&**space)?,
                _ => chrono::format::parse_and_remainder(&mut parsed, rest, std::iter::once(item)).ok()?,
            };
            let taken = &rest[..rest.len() - after.len()];
            if !is_written_as(item, taken) {
                return None;
            }
            if round == Rounding::Reject && *item == Item::Fixed(Fixed::Nanosecond) && finer_than_nanoseconds(taken) {
                return Some(Err(RejectReason::FinerThanMicroseconds));
            }
            rest = after;
        }
        rest.is_empty().then_some(Ok(parsed))
    }
}

/// Checks that an item's text has its full width. `chrono` also accepts shorter numbers, and white space or a sign
/// before them: `2024111` would match `%Y%m%d`, although it is ambiguous.
fn is_written_as(item: &Item<'_>, taken: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match item {
        Item::Numeric(Numeric::Timestamp, _) => is_number(taken),
        // Unpadded years too: `24` must not match a year of four digits.
        Item::Numeric(number @ (Numeric::Year | Numeric::IsoYear), _) | Item::Numeric(number, Pad::Zero) => {
            taken.len() == width(number) && is_number(taken)
        }
        Item::Numeric(number, Pad::Space) => taken.len() <= width(number) && is_number(taken.trim_start_matches(' ')),
        Item::Numeric(_, Pad::None) => is_number(taken),
        Item::Fixed(Fixed::Nanosecond3 | Fixed::Nanosecond6 | Fixed::Nanosecond9) => !taken.is_empty(),
        Item::Fixed(_) => !taken.contains(char::is_whitespace) && !taken.contains("::"),
        _ => true,
    }
}

/// Digits of the number when `chrono` pads it.
fn width(number: &Numeric) -> usize {
    match number {
        Numeric::Quarter | Numeric::NumDaysFromSun | Numeric::WeekdayFromMon => 1,
        Numeric::Ordinal => 3,
        Numeric::Year | Numeric::IsoYear => 4,
        Numeric::Nanosecond => 9,
        _ => 2,
    }
}

fn micros(local: NaiveDateTime, round: Rounding) -> Result<i64, RejectReason> {
    Ok(i64::from(days(local.date())?) * MICROS_PER_DAY + micros_of_day(local.time(), round)?)
}

fn days(date: NaiveDate) -> Result<i32, RejectReason> {
    if !(1..=9999).contains(&date.year()) {
        return Err(RejectReason::NoSuchDate);
    }
    Ok(date.to_epoch_days() - EPOCH_DAYS_FROM_UNIX)
}

/// Checks the digits after the ninth, which `chrono` drops. `fraction` begins with the decimal point.
fn finer_than_nanoseconds(fraction: &str) -> bool {
    fraction.bytes().skip(1 + 9).any(|digit| digit != b'0')
}

/// May round up to the whole day; the caller checks the range.
fn micros_of_day(time: NaiveTime, round: Rounding) -> Result<i64, RejectReason> {
    let nanos = time.nanosecond();
    if nanos >= 1_000_000_000 {
        return Err(RejectReason::LeapSecond);
    }
    let micros = rounded(i128::from(nanos), 1000, round)?;
    Ok(i64::from(time.num_seconds_from_midnight()) * MICROS_PER_SECOND + micros)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::temporal;

    fn check(target: TemporalType, format: &str, text: &str, iso: Result<&str, RejectReason>) {
        let read = TemporalFormat::new(target, format).read(text.as_bytes(), &ValueOptions::default());
        let expected = iso.map(|iso| {
            let iso = iso.as_bytes();
            match target {
                TemporalType::Date => i64::from(temporal::date(iso).unwrap()),
                TemporalType::Time => temporal::time(iso).unwrap(),
                TemporalType::Timestamp => temporal::timestamp(iso).unwrap(),
                TemporalType::TimestampTz => temporal::timestamptz(iso).unwrap(),
            }
        });
        assert_eq!(read, expected, "{text:?} as {format:?}");
    }

    fn mismatch<T>(format: &str) -> Result<T, RejectReason> {
        Err(RejectReason::FormatMismatch { format: format.to_owned() })
    }

    #[test]
    fn declared_format_parses_time() {
        check(TemporalType::Date, "%d/%m/%Y", "03/04/2024", Ok("2024-04-03"));
        check(TemporalType::Date, "%-d/%-m/%Y", "3/4/2024", Ok("2024-04-03"));
        check(TemporalType::Date, "%-d/%-m/%Y", "13/10/2024", Ok("2024-10-13"));
        check(TemporalType::Date, "%b %e %Y", "Apr  3 2024", Ok("2024-04-03"));
        check(TemporalType::Date, "%b %e %Y", "Apr 3 2024", Ok("2024-04-03"));
        check(TemporalType::Date, "%b %e %Y", "Apr 13 2024", Ok("2024-04-13"));
        check(TemporalType::Date, "%d %B %Y", "04 March 2024", Ok("2024-03-04"));
        check(TemporalType::Date, "%Y-%j", "2024-060", Ok("2024-02-29"));
        check(TemporalType::Date, "%G-W%V-%u", "2024-W09-4", Ok("2024-02-29"));
        check(TemporalType::Date, "%Y%m%d", "20240403", Ok("2024-04-03"));
        check(TemporalType::Date, "%d-%b-%Y", "03-Apr-2024", Ok("2024-04-03"));
        check(TemporalType::Date, "%d/%m/%y", "03/04/24", Ok("2024-04-03"));
        check(TemporalType::Time, "%H%M%S", "235959", Ok("23:59:59"));
        check(TemporalType::Time, "%I:%M %p", "01:30 PM", Ok("13:30"));
        check(TemporalType::Timestamp, "%d.%m.%Y %H:%M:%S%.f", "03.04.2024 05:06:07.25", Ok("2024-04-03T05:06:07.25"));
        check(
            TemporalType::TimestampTz,
            "%Y-%m-%d %H:%M:%S %z",
            "2024-04-03 05:06:07 +0200",
            Ok("2024-04-03T05:06:07+02:00"),
        );
    }

    #[test]
    fn lenient_format_match_is_rejected() {
        let day_first = "%d/%m/%Y";
        for text in [
            "",
            "2024-04-03",
            "31/13/2024",
            "30/02/2024",
            "03/04/24",
            "+3/4/2024",
            "3/4/2024",
            "3/ 4/2024",
            "03/ 4/2024",
            "03/04/2024 ",
            "03/04/+2024",
        ] {
            check(TemporalType::Date, day_first, text, mismatch(day_first));
        }
        let refused = |target, format: &str, texts: &[&str]| {
            for text in texts {
                check(target, format, text, mismatch(format));
            }
        };
        refused(TemporalType::Date, "%Y%m%d", &["2024111", "202411", "2024 111", "20241 1", "024 0111"]);
        refused(TemporalType::Date, "%d.%m.%y", &["05.01.4", "5.01.24", "05.1.24", "05.01. 4", "05.01.2024"]);
        refused(
            TemporalType::Date,
            "%d %B %Y",
            &["04March2024", "04  March 2024", "04\tMarch 2024", "04 March2024", "4 March 2024"],
        );
        refused(TemporalType::Date, "%-d/%-m/%Y", &["3/4/24", " 3/4/2024", "3/ 4/2024", "+3/4/2024"]);
        refused(TemporalType::Date, "%b %e %Y", &["Apr   3 2024", "Apr3 2024", "Apr\t3 2024"]);
        refused(TemporalType::Date, "%Y-%j", &["2024-60"]);
        refused(TemporalType::Date, "%-Y-%m-%d", &["24-01-05", "+2024-01-05", "-2024-01-05"]);
        refused(TemporalType::Time, "%H:%M", &["10:5", "1:05", "10: 5", "10:05 "]);
        refused(TemporalType::Time, "%I:%M %p", &["1:30 PM", "01:30PM", "01:30  PM"]);
        refused(TemporalType::Time, "%H:%M:%S%.3f", &["10:15:30", "10:15:30.5", "10:15:30.5000"]);
        let offset = "%Y-%m-%d %H:%M %z";
        refused(
            TemporalType::TimestampTz,
            offset,
            &["2024-04-03 05:06  +0200", "2024-04-03 05:06 +02 00", "2024-04-03 05:06 +02::00"],
        );
        check(TemporalType::TimestampTz, offset, "2024-04-03 05:06 +02:00", Ok("2024-04-03T05:06:00+02:00"));
        check(TemporalType::Date, day_first, "03/04/0024", Ok("0024-04-03"));
        check(TemporalType::Date, day_first, "03/04/12024", mismatch(day_first));
        check(TemporalType::Date, day_first, "03/04/0000", Err(RejectReason::NoSuchDate));
        check(TemporalType::Time, "%H:%M:%S", "23:59:60", Err(RejectReason::LeapSecond));
        check(TemporalType::Time, "%H:%M:%S%.f", "23:59:59.1234567", Err(RejectReason::FinerThanMicroseconds));
        check(TemporalType::Time, "%H:%M:%S%.f", "23:59:59.1234560001", Err(RejectReason::FinerThanMicroseconds));
        check(TemporalType::Time, "%H:%M:%S%.f", "23:59:59.123456000", Ok("23:59:59.123456"));
    }
}
