use std::borrow::Cow;
use std::ops::{Range, RangeInclusive};

use super::thrift::{LIST, STRUCTURE, ThriftError, ThriftReader};
use crate::limits::{PARQUET_DEPTH_MAX, PARQUET_SCHEMA_ELEMENTS_MAX};

/// Checks the schema before the `parquet` crate reads it. That crate allocates by the schema's numbers, and recurses to
/// its depth. Removes unknown converted types, because it refuses the whole file for them. The physical types then apply.
pub(super) fn check_schema(footer: &[u8]) -> Result<Cow<'_, [u8]>, ThriftError> {
    /// Field of `FileMetaData`.
    const SCHEMA: i64 = 2;
    let mut reader = ThriftReader::new(footer);
    let mut unknown = Vec::new();
    reader.structure(&mut |reader, id, kind| {
        if id != SCHEMA || kind != LIST {
            return Ok(false);
        }
        let (length, kind) = reader.list()?;
        if kind != STRUCTURE || length > PARQUET_SCHEMA_ELEMENTS_MAX {
            return Err(ThriftError::Invalid);
        }
        // Per open group: the number of children still to come.
        let mut open: Vec<usize> = Vec::new();
        for left in (0..length).rev() {
            let children = element(reader, &mut unknown)?;
            if children > left || open.len() > PARQUET_DEPTH_MAX {
                return Err(ThriftError::Invalid);
            }
            open.push(children);
            while open.last() == Some(&0) {
                open.pop();
                if let Some(last) = open.last_mut() {
                    *last -= 1;
                }
            }
        }
        Ok(true)
    })?;
    if unknown.is_empty() { Ok(Cow::Borrowed(footer)) } else { without_fields(footer, &unknown).map(Cow::Owned) }
}

/// A field of a struct, and the difference of its id to the id before it.
struct FieldRange {
    bytes: Range<usize>,
    id_delta: i64,
}

/// Reads one schema element and returns its number of children. Appends a converted type that is unknown.
fn element(reader: &mut ThriftReader<'_>, unknown: &mut Vec<FieldRange>) -> Result<usize, ThriftError> {
    /// Fields of `SchemaElement`.
    const CHILDREN: i64 = 5;
    const CONVERTED_TYPE: i64 = 6;
    /// The first and the last type of `ConvertedType`, UTF8 and INTERVAL.
    const KNOWN: RangeInclusive<i64> = 0..=21;
    let mut children = 0;
    let mut id_before = 0;
    reader.structure(&mut |reader, id, kind| {
        let id_delta = id.checked_sub(std::mem::replace(&mut id_before, id)).ok_or(ThriftError::Invalid)?;
        if !(4..=6).contains(&kind) {
            return Ok(false);
        }
        let start = reader.field_start();
        match id {
            CHILDREN => children = usize::try_from(reader.integer()?).map_err(|_| ThriftError::Invalid)?,
            CONVERTED_TYPE if !KNOWN.contains(&reader.integer()?) => {
                unknown.push(FieldRange { bytes: start..reader.bytes_read(), id_delta });
            }
            CONVERTED_TYPE => {}
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(children)
}

/// Returns the bytes without these fields. A field's header holds the difference of its id to the id before it, so the
/// header after a removed field changes too.
fn without_fields(bytes: &[u8], removed: &[FieldRange]) -> Result<Vec<u8>, ThriftError> {
    let mut kept = Vec::with_capacity(bytes.len());
    let mut at = 0;
    for field in removed {
        kept.extend_from_slice(bytes.get(at..field.bytes.start).ok_or(ThriftError::Invalid)?);
        at = field.bytes.end;
        let next = *bytes.get(at).ok_or(ThriftError::Truncated)?;
        let (delta, kind) = (next >> 4, next & 0x0f);
        // A stop byte has no id, and a header without a difference holds the whole id.
        if delta > 0 {
            let delta = field.id_delta.checked_add(delta.into()).and_then(|delta| u8::try_from(delta).ok());
            let delta = delta.filter(|delta| (1..=15).contains(delta));
            kept.push(delta.ok_or(ThriftError::Invalid)? << 4 | kind);
            at += 1;
        }
    }
    kept.extend_from_slice(&bytes[at..]);
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// File metadata with one schema element of these fields.
    fn footer(fields: &[u8]) -> Vec<u8> {
        [b"\x15\x02\x19\x1c", fields, b"\x00\x00"].concat()
    }

    #[track_caller]
    fn check(fields: &[u8], expected: &[u8]) {
        assert_eq!(check_schema(&footer(fields)), Ok(Cow::Borrowed(&footer(expected)[..])));
    }

    #[test]
    fn unknown_converted_type_is_removed() {
        // Type 24 in field 6, after field 4, before field 7, and before a field with its whole id.
        check(b"\x48\x01a\x25\x30", b"\x48\x01a");
        check(b"\x48\x01a\x25\x30\x15\x04", b"\x48\x01a\x35\x04");
        check(b"\x48\x01a\x25\x30\x05\x0e\x04", b"\x48\x01a\x05\x0e\x04");
        check(b"\x48\x01a\x05\x0c\x30\x15\x04", b"\x48\x01a\x35\x04");
        check(b"\x48\x01a\x25\xff\xff\xff\xff\x0f", b"\x48\x01a");
    }

    #[test]
    fn known_converted_type_is_kept() {
        check(b"\x48\x01a\x25\x00\x15\x04", b"\x48\x01a\x25\x00\x15\x04");
        check(b"\x48\x01a\x25\x2a", b"\x48\x01a\x25\x2a");
    }

    #[test]
    fn impossible_field_id_is_invalid() {
        // Field 6 after field 15, and then field 21.
        let ids = b"\xf5\x00\x05\x0c\x30\xf5\x00";
        assert_eq!(check_schema(&footer(ids)).map(|_| ()), Ok(()));
        // Field 6 after field 1, and then field 21: the difference of 20 has no short form.
        let ids = b"\x15\x00\x55\x30\xf5\x00";
        assert_eq!(check_schema(&footer(ids)), Err(ThriftError::Invalid));
        // A repeated field.
        assert_eq!(check_schema(&footer(b"\x65\x30\x05\x0c\x30")).map(|_| ()), Ok(()));
    }
}
