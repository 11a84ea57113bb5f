//! Decodes binary COPY tuples to text. Written from PostgreSQL's documentation, independently of the encoders.

use chrono::{DateTime, Days, NaiveDate, TimeDelta};
use pipeline::ColumnType;

/// Returns each tuple's fields, joined by `|`.
pub(crate) fn tuples(mut bytes: &[u8], kinds: &[ColumnType]) -> Vec<String> {
    let mut rows = Vec::new();
    while !bytes.is_empty() {
        assert_eq!(usize::from(u16::from_be_bytes(take(&mut bytes))), kinds.len());
        let fields: Vec<_> = kinds.iter().map(|kind| field(&mut bytes, *kind)).collect();
        rows.push(fields.join("|"));
    }
    rows
}

fn field(bytes: &mut &[u8], kind: ColumnType) -> String {
    let length = i32::from_be_bytes(take(bytes));
    if length == -1 {
        return "NULL".to_owned();
    }
    let (value, rest) = bytes.split_at(usize::try_from(length).unwrap());
    *bytes = rest;
    match kind {
        ColumnType::SmallInt => i16::from_be_bytes(value.try_into().unwrap()).to_string(),
        ColumnType::Integer => i32::from_be_bytes(value.try_into().unwrap()).to_string(),
        ColumnType::BigInt => i64::from_be_bytes(value.try_into().unwrap()).to_string(),
        ColumnType::Numeric { .. } => numeric(value),
        ColumnType::Real => f32::from_be_bytes(value.try_into().unwrap()).to_string(),
        ColumnType::Double => f64::from_be_bytes(value.try_into().unwrap()).to_string(),
        ColumnType::Boolean => (value == [1]).to_string(),
        ColumnType::Date => {
            let days = i32::from_be_bytes(value.try_into().unwrap());
            (epoch() + TimeDelta::days(i64::from(days))).to_string()
        }
        ColumnType::Time => (epoch().and_time(chrono::NaiveTime::MIN) + micros(value)).time().to_string(),
        ColumnType::Timestamp => (epoch().and_time(chrono::NaiveTime::MIN) + micros(value)).to_string(),
        ColumnType::TimestampTz => {
            (DateTime::UNIX_EPOCH + Days::new(10_957) + micros(value)).format("%Y-%m-%d %H:%M:%S%.f+00").to_string()
        }
        ColumnType::Text | ColumnType::Varchar(_) => std::str::from_utf8(value).unwrap().to_owned(),
        ColumnType::Uuid => value.iter().map(|byte| format!("{byte:02x}")).collect(),
        ColumnType::Jsonb => {
            assert_eq!(value[0], 1);
            std::str::from_utf8(&value[1..]).unwrap().to_owned()
        }
    }
}

/// Returns a binary numeric as PostgreSQL prints it.
pub(crate) fn numeric(mut bytes: &[u8]) -> String {
    let count = u16::from_be_bytes(take(&mut bytes));
    let weight = i16::from_be_bytes(take(&mut bytes));
    let sign = u16::from_be_bytes(take(&mut bytes));
    let scale = usize::from(u16::from_be_bytes(take(&mut bytes)));
    let groups: Vec<u16> = (0..count).map(|_| u16::from_be_bytes(take(&mut bytes))).collect();
    assert!(bytes.is_empty() && groups.iter().all(|group| *group < 10_000));
    assert!(groups.first() != Some(&0) && groups.last() != Some(&0), "not normalised: {groups:?}");

    let group_at = |place: i32| {
        let index = i32::from(weight) - place;
        usize::try_from(index).ok().and_then(|index| groups.get(index)).copied().unwrap_or(0)
    };
    let integer: String = (0..=i32::from(weight).max(0)).rev().map(|place| format!("{:04}", group_at(place))).collect();
    let fraction_groups = i32::try_from(scale.div_ceil(4)).unwrap();
    let fraction: String = (1..=fraction_groups).map(|place| format!("{:04}", group_at(-place))).collect();
    let digits_after = groups.len() as i64 - 1 - i64::from(weight);
    assert!(digits_after <= i64::from(fraction_groups), "digits hidden behind the scale");
    assert!(fraction[scale..].bytes().all(|digit| digit == b'0'), "digits hidden behind the scale");

    let integer = integer.trim_start_matches('0');
    let mut text = String::new();
    text.push_str(if sign == 0x4000 { "-" } else { "" });
    text.push_str(if integer.is_empty() { "0" } else { integer });
    if scale > 0 {
        text.push('.');
        text.push_str(&fraction[..scale]);
    }
    text
}

fn epoch() -> NaiveDate {
    NaiveDate::from_ymd_opt(2000, 1, 1).unwrap()
}

fn micros(value: &[u8]) -> TimeDelta {
    TimeDelta::microseconds(i64::from_be_bytes(value.try_into().unwrap()))
}

fn take<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    let (taken, rest) = bytes.split_first_chunk::<N>().unwrap();
    *bytes = rest;
    *taken
}
