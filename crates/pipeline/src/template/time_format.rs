//! Parses the formats of `{name:FORMAT}`: the part of chrono's strftime that has digits of a fixed width. So a key can
//! be read in one way only.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

use super::error::TemplateError;

/// A field of a time, a number of fixed width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum TimeField {
    Year,
    Month,
    Day,
    /// Day of the year, from 1.
    Ordinal,
    Hour,
    Minute,
    Second,
    /// The fraction of the second, with this number of digits.
    Fraction(u8),
}

impl TimeField {
    /// Returns the number of digits.
    pub(super) fn width(self) -> usize {
        match self {
            Self::Year => 4,
            Self::Ordinal => 3,
            Self::Month | Self::Day | Self::Hour | Self::Minute | Self::Second => 2,
            Self::Fraction(digits) => usize::from(digits),
        }
    }

    pub(super) fn of(self, time: NaiveDateTime) -> u32 {
        match self {
            Self::Year => time.year().unsigned_abs(),
            Self::Month => time.month(),
            Self::Day => time.day(),
            Self::Ordinal => time.ordinal(),
            Self::Hour => time.hour(),
            Self::Minute => time.minute(),
            Self::Second => time.second(),
            Self::Fraction(digits) => time.nanosecond() / nanoseconds_in_last_digit(digits),
        }
    }

    /// Returns the digits in a key.
    pub(super) fn digits(self, time: NaiveDateTime) -> String {
        format!("{:0width$}", self.of(time), width = self.width())
    }

    /// Reads the number at the beginning of `text`.
    pub(super) fn read(self, text: &[u8]) -> Option<u32> {
        let digits = text.get(..self.width())?;
        digits.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0')))
    }
}

fn nanoseconds_in_last_digit(digits: u8) -> u32 {
    10_u32.pow(9_u32.saturating_sub(u32::from(digits)))
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FormatPart {
    Literal(String),
    Field(TimeField),
}

/// Splits a format into fields and literals.
pub(super) fn parse_format(format: &str) -> Result<Vec<FormatPart>, TemplateError> {
    if format.contains(['*', '{']) {
        return Err(TemplateError::FormatText(format.to_owned()));
    }
    let mut parts = Vec::new();
    let mut rest = format;
    while let Some((literal, after)) = rest.split_once('%') {
        push_literal(&mut parts, literal);
        rest = push_specifier(&mut parts, format, after)?;
    }
    push_literal(&mut parts, rest);
    if parts.iter().any(|part| matches!(part, FormatPart::Field(_))) {
        Ok(parts)
    } else {
        Err(TemplateError::NoTime(format.to_owned()))
    }
}

/// Reads the specifier at the beginning of `after`, which is the text after its `%`. Returns the rest.
fn push_specifier<'a>(parts: &mut Vec<FormatPart>, format: &str, after: &'a str) -> Result<&'a str, TemplateError> {
    // `%3f` has two characters, every other specifier has one.
    let length = match after.as_bytes() {
        [b'3' | b'6' | b'9', b'f', ..] => 2,
        _ => after.chars().next().map_or(0, char::len_utf8),
    };
    let (specifier, rest) = after.split_at(length);
    match specifier {
        "Y" => parts.push(FormatPart::Field(TimeField::Year)),
        "m" => parts.push(FormatPart::Field(TimeField::Month)),
        "d" => parts.push(FormatPart::Field(TimeField::Day)),
        "j" => parts.push(FormatPart::Field(TimeField::Ordinal)),
        "H" => parts.push(FormatPart::Field(TimeField::Hour)),
        "M" => parts.push(FormatPart::Field(TimeField::Minute)),
        "S" => parts.push(FormatPart::Field(TimeField::Second)),
        "3f" => parts.push(FormatPart::Field(TimeField::Fraction(3))),
        "6f" => parts.push(FormatPart::Field(TimeField::Fraction(6))),
        "9f" | "f" => parts.push(FormatPart::Field(TimeField::Fraction(9))),
        "F" => parts.extend(parse_format("%Y-%m-%d")?),
        "T" => parts.extend(parse_format("%H:%M:%S")?),
        "R" => parts.extend(parse_format("%H:%M")?),
        "%" => push_literal(parts, "%"),
        "y" | "D" | "g" => return Err(TemplateError::TwoDigitYear(format.to_owned())),
        _ => return Err(TemplateError::Specifier(format.to_owned(), format!("%{specifier}"))),
    }
    Ok(rest)
}

fn push_literal(parts: &mut Vec<FormatPart>, text: &str) {
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(FormatPart::Literal(literal)) => literal.push_str(text),
        _ => parts.push(FormatPart::Literal(text.to_owned())),
    }
}

/// Returns the fields of a format.
pub(super) fn fields(parts: &[FormatPart]) -> impl Iterator<Item = TimeField> {
    parts.iter().filter_map(|part| match part {
        FormatPart::Field(field) => Some(*field),
        FormatPart::Literal(_) => None,
    })
}

/// Checks that the fields give a time: each field requires the next larger one.
pub(super) fn check_complete(name: &str, fields: &[TimeField]) -> Result<(), TemplateError> {
    let has = |wanted: TimeField| fields.contains(&wanted);
    let has_fraction = fields.iter().any(|field| matches!(field, TimeField::Fraction(_)));
    let has_day = has(TimeField::Ordinal) || has(TimeField::Day);
    let rules = [
        (true, "a time", has(TimeField::Year), "a year (%Y)"),
        (has(TimeField::Day), "%d", has(TimeField::Month), "%m"),
        (has(TimeField::Hour), "%H", has_day, "a day (%m and %d, or %j)"),
        (has(TimeField::Minute), "%M", has(TimeField::Hour), "%H"),
        (has(TimeField::Second), "%S", has(TimeField::Minute), "%M"),
        (has_fraction, "%f", has(TimeField::Second), "%S"),
    ];
    for (applies, part, satisfied, missing) in rules {
        if applies && !satisfied {
            return Err(TemplateError::Incomplete { name: name.to_owned(), part, missing });
        }
    }
    Ok(())
}

/// Returns true if the `known` fields give the value of `wanted`, so that it is not a default.
pub(super) fn provides(known: &[TimeField], wanted: TimeField) -> bool {
    let has = |field: TimeField| known.contains(&field);
    let whole_date =
        has(TimeField::Year) && (has(TimeField::Ordinal) || (has(TimeField::Month) && has(TimeField::Day)));
    match wanted {
        TimeField::Fraction(wanted) => {
            known.iter().any(|f| matches!(f, TimeField::Fraction(digits) if *digits >= wanted))
        }
        TimeField::Year | TimeField::Month | TimeField::Day | TimeField::Ordinal => whole_date || has(wanted),
        TimeField::Hour | TimeField::Minute | TimeField::Second => has(wanted),
    }
}

/// Returns the time with these fields. A missing month or day is 1, a missing part of the time of day is 0. `None` when
/// the date does not exist, or the fields contradict each other.
pub(super) fn assemble(fields: &[(TimeField, u32)]) -> Option<NaiveDateTime> {
    let get = |wanted: TimeField| fields.iter().find(|(field, _)| *field == wanted).map(|(_, number)| *number);
    let year = i32::try_from(get(TimeField::Year)?).ok().filter(|year| *year >= 1)?;
    let date = match get(TimeField::Ordinal) {
        Some(ordinal) => NaiveDate::from_yo_opt(year, ordinal)?,
        None => NaiveDate::from_ymd_opt(year, get(TimeField::Month).unwrap_or(1), get(TimeField::Day).unwrap_or(1))?,
    };
    let or_zero = |field: TimeField| get(field).unwrap_or(0);
    let nanosecond = [9, 6, 3]
        .into_iter()
        .find_map(|digits| Some(get(TimeField::Fraction(digits))? * nanoseconds_in_last_digit(digits)))
        .unwrap_or(0);
    let time = NaiveTime::from_hms_nano_opt(
        or_zero(TimeField::Hour),
        or_zero(TimeField::Minute),
        or_zero(TimeField::Second),
        nanosecond,
    )?;
    let whole = date.and_time(time);
    fields.iter().all(|(field, number)| field.of(whole) == *number).then_some(whole)
}
