use chrono::format::{Item, Numeric, Pad, Parsed, StrftimeItems};
use chrono::{Datelike, NaiveDate, NaiveTime, Timelike};

use super::temporal::{EPOCH_DAYS_FROM_UNIX, MICROS_PER_DAY};
use crate::copy;
use crate::reject::Reason;

/// A date or time in the format that the dataset declares: `chrono`'s strftime, read as strictly as ISO 8601 is.
#[derive(Debug)]
pub(crate) struct Formatted {
    target: Target,
    format: String,
    items: Vec<Item<'static>>,
    /// `chrono` skips white space before numbers; we do where the format has some.
    has_space: bool,
    /// `chrono` takes a plus before a year; we do where an offset or the format has one.
    has_plus: bool,
    /// `chrono` reads `24` for `%Y` as the year 24.
    has_full_year: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Date,
    Time,
    Timestamp,
    TimestampTz,
}

impl Formatted {
    pub(super) fn new(target: Target, format: &str) -> Self {
        let items: Vec<_> = StrftimeItems::new(format).map(Item::to_owned).collect();
        let is_space =
            |item: &Item<'_>| matches!(item, Item::Space(_) | Item::OwnedSpace(_) | Item::Numeric(_, Pad::Space));
        let is_full_year = |item: &Item<'_>| matches!(item, Item::Numeric(Numeric::Year | Numeric::IsoYear, _));
        Self {
            target,
            format: format.to_owned(),
            has_plus: target == Target::TimestampTz || format.contains('+'),
            has_space: items.iter().any(is_space),
            has_full_year: items.iter().any(is_full_year),
            items,
        }
    }

    pub(super) fn encode(&self, text: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
        let mismatch = || Reason::FormatMismatch { format: self.format.clone() };
        let text = std::str::from_utf8(text).map_err(|_| Reason::InvalidUtf8)?;
        if (text.contains('+') && !self.has_plus) || (text.contains(char::is_whitespace) && !self.has_space) {
            return Err(mismatch());
        }
        if finer_than_nanoseconds(text) {
            return Err(Reason::FinerThanMicroseconds);
        }
        let mut parsed = Parsed::new();
        chrono::format::parse(&mut parsed, text, self.items.iter()).map_err(|_| mismatch())?;
        match self.target {
            Target::Date => copy::int4(out, self.days(parsed.to_naive_date().map_err(|_| mismatch())?, text)?),
            Target::Time => copy::int8(out, micros_of_day(parsed.to_naive_time().map_err(|_| mismatch())?)?),
            Target::Timestamp => {
                let local = parsed.to_naive_datetime_with_offset(0).map_err(|_| mismatch())?;
                copy::int8(out, self.micros(local, text)?);
            }
            Target::TimestampTz => {
                let instant = parsed.to_datetime().map_err(|_| mismatch())?;
                let offset = i64::from(instant.offset().local_minus_utc()) * super::temporal::MICROS_PER_SECOND;
                copy::int8(out, self.micros(instant.naive_local(), text)? - offset);
            }
        }
        Ok(())
    }

    fn micros(&self, local: chrono::NaiveDateTime, text: &str) -> Result<i64, Reason> {
        Ok(i64::from(self.days(local.date(), text)?) * MICROS_PER_DAY + micros_of_day(local.time())?)
    }

    fn days(&self, date: NaiveDate, text: &str) -> Result<i32, Reason> {
        let year = date.year();
        if !(1..=9999).contains(&year) {
            return Err(Reason::NoSuchDate);
        }
        if self.has_full_year && year < 1000 && !text.contains(&format!("{year:04}")) {
            return Err(Reason::FormatMismatch { format: self.format.clone() });
        }
        Ok(date.to_epoch_days() - EPOCH_DAYS_FROM_UNIX)
    }
}

/// `chrono` drops what comes after nine digits.
fn finer_than_nanoseconds(text: &str) -> bool {
    text.split(['.', ',']).skip(1).any(|fraction| {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit);
        digits.skip(9).any(|digit| digit != b'0')
    })
}

fn micros_of_day(time: NaiveTime) -> Result<i64, Reason> {
    let nanos = time.nanosecond();
    if nanos >= 1_000_000_000 {
        return Err(Reason::LeapSecond);
    }
    if !nanos.is_multiple_of(1000) {
        return Err(Reason::FinerThanMicroseconds);
    }
    Ok(i64::from(time.num_seconds_from_midnight()) * super::temporal::MICROS_PER_SECOND + i64::from(nanos / 1000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::temporal;

    fn check(target: Target, format: &str, text: &str, iso: Result<&str, Reason>) {
        let mut out = Vec::new();
        let encoded = Formatted::new(target, format).encode(text.as_bytes(), &mut out).map(|()| out);
        let expected = iso.map(|iso| {
            let mut out = Vec::new();
            let iso = iso.as_bytes();
            match target {
                Target::Date => copy::int4(&mut out, temporal::date(iso).unwrap()),
                Target::Time => copy::int8(&mut out, temporal::time(iso).unwrap()),
                Target::Timestamp => copy::int8(&mut out, temporal::timestamp(iso).unwrap()),
                Target::TimestampTz => copy::int8(&mut out, temporal::timestamptz(iso).unwrap()),
            }
            out
        });
        assert_eq!(encoded, expected, "{text:?} as {format:?}");
    }

    fn mismatch<T>(format: &str) -> Result<T, Reason> {
        Err(Reason::FormatMismatch { format: format.to_owned() })
    }

    #[test]
    fn declared_formats() {
        check(Target::Date, "%d/%m/%Y", "03/04/2024", Ok("2024-04-03"));
        check(Target::Date, "%d/%m/%Y", "3/4/2024", Ok("2024-04-03"));
        check(Target::Date, "%Y%m%d", "20240403", Ok("2024-04-03"));
        check(Target::Date, "%d-%b-%Y", "03-Apr-2024", Ok("2024-04-03"));
        check(Target::Date, "%d/%m/%y", "03/04/24", Ok("2024-04-03"));
        check(Target::Time, "%H%M%S", "235959", Ok("23:59:59"));
        check(Target::Time, "%I:%M %p", "01:30 PM", Ok("13:30"));
        check(Target::Timestamp, "%d.%m.%Y %H:%M:%S%.f", "03.04.2024 05:06:07.25", Ok("2024-04-03T05:06:07.25"));
        check(
            Target::TimestampTz,
            "%Y-%m-%d %H:%M:%S %z",
            "2024-04-03 05:06:07 +0200",
            Ok("2024-04-03T05:06:07+02:00"),
        );
    }

    #[test]
    fn what_chrono_would_bend_is_refused() {
        let day_first = "%d/%m/%Y";
        for text in [
            "",
            "2024-04-03",
            "31/13/2024",
            "30/02/2024",
            "03/04/24",
            "+3/4/2024",
            "3/ 4/2024",
            "03/04/2024 ",
            "03/04/+2024",
        ] {
            check(Target::Date, day_first, text, mismatch(day_first));
        }
        check(Target::Date, day_first, "03/04/0024", Ok("0024-04-03"));
        check(Target::Date, day_first, "03/04/12024", mismatch(day_first));
        check(Target::Date, day_first, "03/04/0000", Err(Reason::NoSuchDate));
        check(Target::Time, "%H:%M:%S", "23:59:60", Err(Reason::LeapSecond));
        check(Target::Time, "%H:%M:%S%.f", "23:59:59.1234567", Err(Reason::FinerThanMicroseconds));
        check(Target::Time, "%H:%M:%S%.f", "23:59:59.1234560001", Err(Reason::FinerThanMicroseconds));
        check(Target::Time, "%H:%M:%S%.f", "23:59:59.123456000", Ok("23:59:59.123456"));
    }
}
