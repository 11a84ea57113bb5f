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

/// Formats the start of a period in UTC, without the seconds if they are zero: `2024-05-01 09:15`.
pub(crate) fn period(start: DateTime<Utc>) -> String {
    let text = utc(start);
    text.strip_suffix(":00").unwrap_or(&text).to_owned()
}

/// Formats a time in UTC to the second, as RFC 3339: `2024-05-01T09:15:00Z`.
pub(crate) fn utc_rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn period_omits_zero_seconds() {
        fn check(start: &str, expected: &str) {
            assert_eq!(period(start.parse().unwrap()), expected);
        }
        check("2024-05-01T00:00:00Z", "2024-05-01 00:00");
        check("2024-05-01T09:15:30Z", "2024-05-01 09:15:30");
        check("2024-05-01T00:00:00+02:00", "2024-04-30 22:00");
    }
}
