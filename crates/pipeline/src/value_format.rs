//! The declared format of a date or time column.

use std::fmt::Write;

use chrono::format::{Fixed, Item, Numeric, Pad, StrftimeItems};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime};

use crate::types::ColumnType;

/// Checks that every value of the type can be read with the format, by writing sample values and reading them back.
pub(crate) fn check_value_format(kind: ColumnType, format: &str) -> Result<(), String> {
    if !kind.has_format() {
        return Err(format!("`format` is for date, time, timestamp and timestamptz, not for {}", kind.sql()));
    }
    let items: Vec<_> = StrftimeItems::new(format).collect();
    if let Some(reason) = items.iter().find_map(|item| refusal(format, item)) {
        return Err(reason);
    }
    if items.windows(2).any(|pair| is_open_number(&pair[0]) && matches!(pair[1], Item::Numeric(..))) {
        return Err(format!(
            "`{format}` has an unpadded number right before another one: where it ends cannot be told"
        ));
    }
    if samples().all(|sample| survives(kind, format, sample)) {
        Ok(())
    } else {
        Err(format!("`{format}` does not carry {}", needed(kind)))
    }
}

/// A number of so many digits as it needs.
fn is_open_number(item: &Item<'_>) -> bool {
    let Item::Numeric(number, Pad::None | Pad::Space) = item else { return false };
    !matches!(number, Numeric::Quarter | Numeric::NumDaysFromSun | Numeric::WeekdayFromMon)
}

fn refusal(format: &str, item: &Item<'_>) -> Option<String> {
    match item {
        Item::Error => Some(format!("`{format}` is not a strftime format (chrono's)")),
        // It would read `.5` as five nanoseconds.
        Item::Numeric(Numeric::Nanosecond, _) => Some(
            "`%f` counts nanoseconds: the digits after a second's decimal point are `%.f`, which brings its dot along \
             (`%.3f` or `%.6f` for exactly so many digits), as in `%H:%M:%S%.f`"
                .to_owned(),
        ),
        Item::Fixed(Fixed::RFC3339) => {
            Some("`%+` is how a timestamptz is read without a `format`: leave the `format` out".to_owned())
        }
        _ => None,
    }
}

fn needed(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Date => "a whole date and nothing else (year, month and day)",
        ColumnType::Time => "a time of day and nothing else (at least hour and minute)",
        ColumnType::TimestampTz => "a whole timestamp with its offset (`%z`)",
        _ => "a whole timestamp without an offset (date, at least hour and minute)",
    }
}

/// Afternoon and evening, so that a 12-hour clock without am and pm shows; no seconds, which a format may leave out.
fn samples() -> impl Iterator<Item = NaiveDateTime> {
    [(1999, 2, 3, 16, 5), (2024, 11, 30, 21, 40)].into_iter().filter_map(|(year, month, day, hour, minute)| {
        NaiveDate::from_ymd_opt(year, month, day)?.and_hms_opt(hour, minute, 0)
    })
}

fn survives(kind: ColumnType, format: &str, sample: NaiveDateTime) -> bool {
    match kind {
        ColumnType::Date => {
            let date = sample.date();
            written(date.format(format)).is_some_and(|text| NaiveDate::parse_from_str(&text, format) == Ok(date))
        }
        ColumnType::Time => {
            let time = sample.time();
            written(time.format(format)).is_some_and(|text| NaiveTime::parse_from_str(&text, format) == Ok(time))
        }
        ColumnType::TimestampTz => FixedOffset::east_opt(2 * 3600).is_some_and(|offset| {
            let Some(instant) = sample.and_local_timezone(offset).single() else { return false };
            written(instant.format(format)).is_some_and(|text| DateTime::parse_from_str(&text, format) == Ok(instant))
        }),
        _ => written(sample.format(format))
            .is_some_and(|text| NaiveDateTime::parse_from_str(&text, format) == Ok(sample)),
    }
}

/// `None` when the format asks for something that the value does not have; `to_string` would panic then.
fn written(value: impl std::fmt::Display) -> Option<String> {
    let mut text = String::new();
    write!(text, "{value}").ok().map(|()| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        let check = |kind: &str, format: &str, expected: Result<(), &str>| {
            let (kind, _) = ColumnType::parse(kind).unwrap();
            let found = check_value_format(kind, format);
            match (&found, expected) {
                (Ok(()), Ok(())) => {}
                (Err(reason), Err(part)) if reason.contains(part) => {}
                _ => panic!("{kind:?} {format}: {found:?}, expected {expected:?}"),
            }
        };
        check("date", "%d/%m/%Y", Ok(()));
        check("date", "%Y%m%d", Ok(()));
        check("date", "%d %b %y", Ok(()));
        check("date", "%Y-%j", Ok(()));
        check("date", "%d/%m", Err("does not carry a whole date"));
        check("date", "%d/%m/%Y %H:%M", Err("and nothing else"));
        check("date", "", Err("does not carry"));
        check("date", "%Q", Err("is not a strftime format"));
        check("time", "%H:%M", Ok(()));
        check("time", "%I:%M %p", Ok(()));
        check("time", "%H:%M:%S.%f", Err("`%f` counts nanoseconds"));
        check("time", "%H:%M:%S.%f", Err("`%.f`, which brings its dot along (`%.3f` or `%.6f`"));
        check("timestamp", "%Y-%m-%d %H:%M:%S.%-f", Err("`%f` counts nanoseconds"));
        check("time", "%H:%M:%S%.f", Ok(()));
        check("time", "%H:%M:%S%.3f", Ok(()));
        check("time", "%H:%M:%S.%6f", Ok(()));
        check("time", "%-H:%-M", Ok(()));
        check("time", "%H%-M", Ok(()));
        check("time", "%-H%M", Err("an unpadded number right before another one"));
        check("time", "%-H%-M", Err("an unpadded number right before another one"));
        check("date", "%e.%m.%Y", Ok(()));
        check("date", "%G%u%V", Ok(()));
        check("date", "%e%m%Y", Err("an unpadded number right before another one"));
        check("date", "%-d%m%Y", Err("an unpadded number right before another one"));
        check("time", "%I:%M", Err("does not carry a time of day"));
        check("timestamp", "%d/%m/%Y %H:%M:%S", Ok(()));
        check("timestamp", "%d/%m/%Y %H:%M:%S%.f", Ok(()));
        check("timestamp", "%d/%m/%Y", Err("does not carry a whole timestamp"));
        check("timestamp", "%Y-%m-%d %H:%M:%S%z", Err("without an offset"));
        check("timestamptz", "%Y-%m-%d %H:%M:%S%z", Ok(()));
        check("timestamptz", "%s", Ok(()));
        check("timestamptz", "%Y-%m-%d %H:%M:%S%#z", Err("with its offset"));
        check("timestamptz", "%+", Err("leave the `format` out"));
        check("timestamptz", "%Y-%m-%d %H:%M:%S", Err("with its offset"));
        check("timestamptz", "%Y-%m-%d %H:%M:%S %Z", Err("with its offset"));
        check("integer", "%Y", Err("`format` is for date"));
    }
}
