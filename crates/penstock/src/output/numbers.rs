//! Formats numbers and times for people.

use chrono::{DateTime, SecondsFormat, Utc};

/// Separates thousands with a comma: `12,345`.
pub(crate) fn grouped(number: impl Into<i128>) -> String {
    let number: i128 = number.into();
    let digits = number.unsigned_abs().to_string();
    let first = digits.len() % 3;
    let (head, tail) = digits.split_at(first);
    let groups = tail.as_bytes().chunks(3).map(|group| String::from_utf8_lossy(group).into_owned());
    let head = (!head.is_empty()).then(|| head.to_owned());
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", head.into_iter().chain(groups).collect::<Vec<_>>().join(","))
}

/// Formats milliseconds as `1.2 s`, `1 min 05 s` or `2 h 07 min`. A negative duration counts as zero.
pub(crate) fn duration(milliseconds: impl Into<i128>) -> String {
    let milliseconds: i128 = milliseconds.into().max(0);
    let seconds = milliseconds / 1_000;
    match (seconds / 3_600, seconds / 60 % 60) {
        (0, 0) => format!("{seconds}.{} s", milliseconds % 1_000 / 100),
        (0, minutes) => format!("{minutes} min {:02} s", seconds % 60),
        (hours, minutes) => format!("{} h {minutes:02} min", grouped(hours)),
    }
}

/// Formats a time in UTC to the second: `2024-05-01 09:15:00`.
pub(crate) fn utc(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// Formats the start of a period in UTC, so that `penstock run --date` reads exactly this time: `2024-05-01T09:15Z`. Seconds
/// and their fraction are omitted if they are zero.
pub(crate) fn period(start: DateTime<Utc>) -> String {
    let format = if start.timestamp_subsec_nanos() > 0 {
        "%Y-%m-%dT%H:%M:%S%.fZ"
    } else if start.timestamp() % 60 != 0 {
        "%Y-%m-%dT%H:%M:%SZ"
    } else {
        "%Y-%m-%dT%H:%MZ"
    };
    start.format(format).to_string()
}

/// Formats a time in UTC to the second, as RFC 3339: `2024-05-01T09:15:00Z`.
pub(crate) fn utc_rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time_argument::TimeArgument;

    #[test]
    fn thousands_are_separated_by_commas() {
        fn check(number: i64, expected: &str) {
            assert_eq!(grouped(number), expected);
        }
        check(0, "0");
        check(999, "999");
        check(1_000, "1,000");
        check(-12_345, "-12,345");
        check(336_776, "336,776");
        check(i64::MAX, "9,223,372,036,854,775,807");
    }

    #[test]
    fn duration_unit_follows_its_length() {
        fn check(milliseconds: i64, expected: &str) {
            assert_eq!(duration(milliseconds), expected);
        }
        // The clock of another machine may be behind.
        check(-5, "0.0 s");
        check(49, "0.0 s");
        check(1_250, "1.2 s");
        check(59_999, "59.9 s");
        check(60_000, "1 min 00 s");
        check(3_599_000, "59 min 59 s");
        check(3_600_000, "1 h 00 min");
        check(360_000_000, "100 h 00 min");
    }

    #[test]
    fn period_is_read_back_as_a_time_argument() {
        fn check(start: &str, expected: &str) {
            let start = start.parse().unwrap();
            assert_eq!(period(start), expected);
            assert_eq!(expected.parse(), Ok(TimeArgument::Instant(start)));
        }
        check("2024-05-01T00:00:00Z", "2024-05-01T00:00Z");
        check("2024-05-01T09:15:30Z", "2024-05-01T09:15:30Z");
        check("2024-05-01T09:15:00.25Z", "2024-05-01T09:15:00.250Z");
        check("2024-05-01T09:15:30.123456Z", "2024-05-01T09:15:30.123456Z");
        check("2024-05-01T00:00:00+02:00", "2024-04-30T22:00Z");
    }
}
