//! Parses page headers: `PageHeader` in
//! <https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift>.

use parquet::basic::Encoding;

use super::thrift::{STRUCTURE, TRUE, ThriftError, ThriftReader};

#[derive(Debug, PartialEq)]
pub(super) struct PageHeader {
    /// Length of the header itself.
    pub(super) bytes: usize,
    pub(super) uncompressed_bytes: usize,
    pub(super) compressed_bytes: usize,
    pub(super) crc: Option<u32>,
    pub(super) content: PageContent,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum PageContent {
    Data {
        values: u32,
        encoding: Encoding,
        def_encoding: Encoding,
        rep_encoding: Encoding,
    },
    DataV2(DataV2),
    Dictionary {
        values: u32,
        encoding: Encoding,
    },
    /// An index page or an unknown page type. It holds no values.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct DataV2 {
    pub(super) values: u32,
    pub(super) nulls: u32,
    pub(super) rows: u32,
    pub(super) encoding: Encoding,
    pub(super) def_bytes: u32,
    pub(super) rep_bytes: u32,
    pub(super) is_compressed: bool,
}

/// Integer fields of a struct, indexed by field id.
type Numbers = [Option<i64>; 9];

impl PageHeader {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, ThriftError> {
        let mut reader = ThriftReader::new(bytes);
        let (mut own, mut inner): (Numbers, [Option<Numbers>; 9]) = Default::default();
        reader.structure(&mut |reader, id, kind| {
            let Some(position) = usize::try_from(id).ok().filter(|position| *position < own.len()) else {
                return Ok(false);
            };
            if kind == STRUCTURE {
                inner[position] = Some(numbers(reader)?);
                return Ok(true);
            }
            keep_integer(reader, kind, &mut own[position])
        })?;
        let [_, kind, uncompressed, compressed, crc, ..] = own;
        let [_, _, _, _, _, data, _, dictionary, data_v2] = inner;
        let content = match kind {
            Some(0) => data_page(&data.ok_or(ThriftError::Invalid)?)?,
            Some(2) => dictionary_page(&dictionary.ok_or(ThriftError::Invalid)?)?,
            Some(3) => data_page_v2(&data_v2.ok_or(ThriftError::Invalid)?)?,
            _ => PageContent::Other,
        };
        let size = |number: Option<i64>| number.and_then(|n| usize::try_from(n).ok()).ok_or(ThriftError::Invalid);
        Ok(Self {
            bytes: reader.bytes_read(),
            uncompressed_bytes: size(uncompressed)?,
            compressed_bytes: size(compressed)?,
            // The checksum has 32 bits and is stored as a signed number.
            crc: crc.and_then(|crc| i32::try_from(crc).ok()).map(i32::cast_unsigned),
            content,
        })
    }
}

/// Reads the integer fields of a struct. A boolean becomes 1 or 0.
fn numbers(reader: &mut ThriftReader<'_>) -> Result<Numbers, ThriftError> {
    let mut numbers = Numbers::default();
    reader.structure(&mut |reader, id, kind| match usize::try_from(id).ok().and_then(|id| numbers.get_mut(id)) {
        Some(number) => keep_integer(reader, kind, number),
        None => Ok(false),
    })?;
    Ok(numbers)
}

fn keep_integer(reader: &mut ThriftReader<'_>, kind: u8, number: &mut Option<i64>) -> Result<bool, ThriftError> {
    *number = match kind {
        1 | 2 => Some(i64::from(kind == TRUE)),
        4..=6 => Some(reader.integer()?),
        _ => return Ok(false),
    };
    Ok(true)
}

fn data_page(numbers: &Numbers) -> Result<PageContent, ThriftError> {
    let [_, values, encoding, def_encoding, rep_encoding, ..] = *numbers;
    Ok(PageContent::Data {
        values: count(values)?,
        encoding: self::encoding(encoding)?,
        def_encoding: self::encoding(def_encoding)?,
        rep_encoding: self::encoding(rep_encoding)?,
    })
}

fn dictionary_page(numbers: &Numbers) -> Result<PageContent, ThriftError> {
    let [_, values, encoding, ..] = *numbers;
    Ok(PageContent::Dictionary { values: count(values)?, encoding: self::encoding(encoding)? })
}

fn data_page_v2(numbers: &Numbers) -> Result<PageContent, ThriftError> {
    let [_, values, nulls, rows, encoding, def_bytes, rep_bytes, is_compressed, _] = *numbers;
    Ok(PageContent::DataV2(DataV2 {
        values: count(values)?,
        nulls: count(nulls)?,
        rows: count(rows)?,
        encoding: self::encoding(encoding)?,
        def_bytes: count(def_bytes)?,
        rep_bytes: count(rep_bytes)?,
        is_compressed: is_compressed != Some(0),
    }))
}

fn count(number: Option<i64>) -> Result<u32, ThriftError> {
    number.and_then(|number| i32::try_from(number).ok()?.try_into().ok()).ok_or(ThriftError::Invalid)
}

fn encoding(number: Option<i64>) -> Result<Encoding, ThriftError> {
    Ok(match number {
        Some(0) => Encoding::PLAIN,
        Some(2) => Encoding::PLAIN_DICTIONARY,
        Some(3) => Encoding::RLE,
        #[expect(deprecated, reason = "old files have it")]
        Some(4) => Encoding::BIT_PACKED,
        Some(5) => Encoding::DELTA_BINARY_PACKED,
        Some(6) => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        Some(7) => Encoding::DELTA_BYTE_ARRAY,
        Some(8) => Encoding::RLE_DICTIONARY,
        Some(9) => Encoding::BYTE_STREAM_SPLIT,
        _ => return Err(ThriftError::Invalid),
    })
}
