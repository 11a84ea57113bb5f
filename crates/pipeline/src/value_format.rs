//! Checks the declared format of a date or time column.

use std::fmt::Write;

use chrono::format::{Fixed, Item, Numeric, Pad, StrftimeItems};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime};

use crate::column::ValueFormat;
use crate::types::ColumnType;

/// Checks that the format can read every value of the type. With a time zone, a `timestamptz` needs no offset.
pub(crate) fn check_value_format(kind: ColumnType, format: &ValueFormat, has_timezone: bool) -> Result<(), String> {
    let types = match format {
        _ if !kind.has_format() => "date, time, timestamp and timestamptz",
        ValueFormat::Strftime(format) => return check_strftime(kind, format, has_timezone),
        ValueFormat::Epoch | ValueFormat::EpochMs if kind != ColumnType::Date && kind != ColumnType::Time => {
            return Ok(());
        }
        ValueFormat::Epoch | ValueFormat::EpochMs => "timestamp and timestamptz",
        ValueFormat::Excel if kind == ColumnType::TimestampTz && !has_timezone => {
            return Err("`excel` dates have no time zone; add `timezone`".to_owned());
        }
        ValueFormat::Excel => return Ok(()),
    };
    match format {
        ValueFormat::Strftime(_) => Err(format!("`format` applies to {types}, not to {}", kind.sql())),
        _ => Err(format!("`{}` applies to {types}, not to {}", format.as_str(), kind.sql())),
    }
}

/// Returns true if the strftime format reads the offset of a timestamp.
pub(crate) fn has_offset(format: &str) -> bool {
    samples().all(|sample| round_trips(ColumnType::TimestampTz, format, sample))
}

/// Checks a strftime format: formats sample values and parses them again.
fn check_strftime(kind: ColumnType, format: &str, has_timezone: bool) -> Result<(), String> {
    let items: Vec<_> = StrftimeItems::new(format).collect();
    if let Some(reason) = items.iter().find_map(|item| unsupported_item(format, item)) {
        return Err(reason);
    }
    if items.windows(2).any(|pair| is_unpadded_number(&pair[0]) && matches!(pair[1], Item::Numeric(..))) {
        return Err(format!(
            "`{format}` is ambiguous: an unpadded number stands directly before another number; pad it or separate them"
        ));
    }
    let is_complete = |kind| samples().all(|sample| round_trips(kind, format, sample));
    if is_complete(kind) || (kind == ColumnType::TimestampTz && has_timezone && is_complete(ColumnType::Timestamp)) {
        Ok(())
    } else {
        Err(format!("`{format}` must describe {}", needed(kind, has_timezone)))
    }
}

/// Returns true for a number without a fixed width.
fn is_unpadded_number(item: &Item<'_>) -> bool {
    let Item::Numeric(number, Pad::None | Pad::Space) = item else { return false };
    !matches!(number, Numeric::Quarter | Numeric::NumDaysFromSun | Numeric::WeekdayFromMon)
}

fn unsupported_item(format: &str, item: &Item<'_>) -> Option<String> {
    match item {
        Item::Error => Some(format!("`{format}` is not a strftime format of chrono")),
        // `%f` would read `.5` as five nanoseconds.
        Item::Numeric(Numeric::Nanosecond, _) => Some(
            "`%f` counts nanoseconds; for the fraction of a second use `%.f`, which includes the point (`%.3f` or `%.6f` \
             for a fixed number of digits), for example `%H:%M:%S%.f`"
                .to_owned(),
        ),
        Item::Fixed(Fixed::RFC3339) => {
            Some("`%+` is the default of timestamptz; remove `format`".to_owned())
        }
        _ => None,
    }
}

fn needed(kind: ColumnType, has_timezone: bool) -> &'static str {
    match kind {
        ColumnType::Date => "a complete date (year, month, day) and nothing else",
        ColumnType::Time => "a time of day (at least hour and minute) and nothing else",
        ColumnType::TimestampTz if has_timezone => "a complete timestamp (date, at least hour and minute)",
        ColumnType::TimestampTz => "a complete timestamp with its offset (`%z`), or have a `timezone`",
        _ => "a complete timestamp (date, at least hour and minute) without an offset",
    }
}

/// Returns times after noon, so that a 12-hour clock without am and pm fails. Seconds are zero: a format may omit them.
fn samples() -> impl Iterator<Item = NaiveDateTime> {
    [(1999, 2, 3, 16, 5), (2024, 11, 30, 21, 40)].into_iter().filter_map(|(year, month, day, hour, minute)| {
        NaiveDate::from_ymd_opt(year, month, day)?.and_hms_opt(hour, minute, 0)
    })
}

fn round_trips(kind: ColumnType, format: &str, sample: NaiveDateTime) -> bool {
    match kind {
        ColumnType::Date => {
            let date = sample.date();
            formatted(date.format(format)).is_some_and(|text| NaiveDate::parse_from_str(&text, format) == Ok(date))
        }
        ColumnType::Time => {
            let time = sample.time();
            formatted(time.format(format)).is_some_and(|text| NaiveTime::parse_from_str(&text, format) == Ok(time))
        }
        ColumnType::TimestampTz => FixedOffset::east_opt(2 * 3600).is_some_and(|offset| {
            let Some(instant) = sample.and_local_timezone(offset).single() else { return false };
            formatted(instant.format(format)).is_some_and(|text| DateTime::parse_from_str(&text, format) == Ok(instant))
        }),
        _ => formatted(sample.format(format))
            .is_some_and(|text| NaiveDateTime::parse_from_str(&text, format) == Ok(sample)),
    }
}

/// Formats the value; `None` when it lacks a part of the format. `to_string` would panic then.
fn formatted(value: impl std::fmt::Display) -> Option<String> {
    let mut text = String::new();
    write!(text, "{value}").ok().map(|()| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_format_must_be_complete() {
        let check = |kind: &str, format: &str, expected: Result<(), &str>| {
            let (kind, _) = ColumnType::parse(kind).unwrap();
            let found = check_value_format(kind, &ValueFormat::of(format), false);
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
        check("date", "%d/%m", Err("must describe a complete date"));
        check("date", "%d/%m/%Y %H:%M", Err("and nothing else"));
        check("date", "", Err("must describe"));
        check("date", "%Q", Err("is not a strftime format"));
        check("time", "%H:%M", Ok(()));
        check("time", "%I:%M %p", Ok(()));
        check("time", "%H:%M:%S.%f", Err("`%f` counts nanoseconds"));
        check("time", "%H:%M:%S.%f", Err("`%.f`, which includes the point (`%.3f` or `%.6f`"));
        check("timestamp", "%Y-%m-%d %H:%M:%S.%-f", Err("`%f` counts nanoseconds"));
        check("time", "%H:%M:%S%.f", Ok(()));
        check("time", "%H:%M:%S%.3f", Ok(()));
        check("time", "%H:%M:%S.%6f", Ok(()));
        check("time", "%-H:%-M", Ok(()));
        check("time", "%H%-M", Ok(()));
        check("time", "%-H%M", Err("an unpadded number stands directly before another number"));
        check("time", "%-H%-M", Err("an unpadded number stands directly before another number"));
        check("date", "%e.%m.%Y", Ok(()));
        check("date", "%G%u%V", Ok(()));
        check("date", "%e%m%Y", Err("an unpadded number stands directly before another number"));
        check("date", "%-d%m%Y", Err("an unpadded number stands directly before another number"));
        check("time", "%I:%M", Err("must describe a time of day"));
        check("timestamp", "%d/%m/%Y %H:%M:%S", Ok(()));
        check("timestamp", "%d/%m/%Y %H:%M:%S%.f", Ok(()));
        check("timestamp", "%d/%m/%Y", Err("must describe a complete timestamp"));
        check("timestamp", "%Y-%m-%d %H:%M:%S%z", Err("without an offset"));
        check("timestamptz", "%Y-%m-%d %H:%M:%S%z", Ok(()));
        check("timestamptz", "%s", Ok(()));
        check("timestamptz", "%Y-%m-%d %H:%M:%S%#z", Err("with its offset"));
        check("timestamptz", "%+", Err("remove `format`"));
        check("timestamptz", "%Y-%m-%d %H:%M:%S", Err("with its offset"));
        check("timestamptz", "%Y-%m-%d %H:%M:%S %Z", Err("with its offset"));
        check("integer", "%Y", Err("`format` applies to date"));
    }
}
