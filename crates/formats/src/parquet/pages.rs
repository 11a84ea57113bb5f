//! Reads the pages of one column chunk, decompressed and within limits.
//!
//! The `parquet` crate decodes pages and trusts their headers. So this module checks a page before memory is allocated
//! for it and before it is decoded.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parquet::basic::{CompressionCodec, Encoding, Type};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::schema::types::ColumnDescPtr;

use super::chunk_bytes::ChunkBytes;
use super::codec::decompress;
use super::page_header::{DataV2, PageContent, PageHeader};
use super::thrift::{ThriftError, ThriftReader};
use crate::error::FileError;
use crate::limits::Limits;

/// A page header without statistics has a few dozen bytes.
const HEADER_BYTES: usize = 256;
const HEADER_BYTES_MAX: usize = 1024 * 1024;
/// Size of two decoded levels.
const LEVEL_BYTES: u64 = 4;

pub(super) struct Pages {
    pub(super) chunk: ChunkBytes,
    pub(super) codec: CompressionCodec,
    pub(super) column: ColumnDescPtr,
    pub(super) limits: Limits,
    pub(super) has_dictionary: bool,
    /// Only pages of version 2 begin with a new row.
    pub(super) is_version_2: bool,
    /// Bytes that the current batch may still decode. In a column that is not nested, a batch ends with a page.
    pub(super) allowance: Arc<AtomicU64>,
    /// Decompressed bytes of all pages of the file.
    pub(super) grown_bytes: Arc<AtomicU64>,
}

impl Pages {
    fn next_page(&mut self) -> std::result::Result<Option<Page>, FileError> {
        while self.chunk.remaining() > 0 {
            if !self.is_nested() && self.allowance.load(Ordering::Relaxed) == 0 {
                return Ok(None);
            }
            let header = self.header()?;
            let compressed = self.chunk.take(header.compressed_bytes).map_err(FileError::Read)?;
            if header.crc.is_some_and(|crc| crc != crc32fast::hash(&compressed)) {
                return Err(damaged("a page's checksum does not match its bytes"));
            }
            match header.content {
                PageContent::Other
                | PageContent::Data { values: 0, .. }
                | PageContent::DataV2(DataV2 { values: 0, .. }) => {}
                content => return self.page(content, &compressed, header.uncompressed_bytes).map(Some),
            }
        }
        Ok(None)
    }

    fn is_nested(&self) -> bool {
        self.column.max_rep_level() > 0
    }

    fn header(&mut self) -> std::result::Result<PageHeader, FileError> {
        let mut room = HEADER_BYTES;
        let header = loop {
            let bytes = self.chunk.peek(room).map_err(FileError::Read)?;
            match PageHeader::read(bytes) {
                Ok(header) => break header,
                Err(ThriftError::Truncated) if bytes.len() == room && room < HEADER_BYTES_MAX => room *= 4,
                Err(_) => return Err(damaged("a page's header cannot be read; is the column encrypted?")),
            }
        };
        self.chunk.take(header.bytes).map_err(FileError::Read)?;
        if header.compressed_bytes as u64 > self.chunk.remaining() {
            return Err(damaged("a page exceeds its column chunk"));
        }
        let bytes_max = self.limits.parquet_page_bytes_max;
        if header.uncompressed_bytes.max(header.compressed_bytes) > bytes_max {
            return Err(FileError::DecompressionLimit {
                compressed_bytes: header.compressed_bytes as u64,
                decompressed_bytes: header.uncompressed_bytes as u64,
                limit: format!("a page has at most {bytes_max} bytes"),
            });
        }
        Ok(header)
    }

    fn page(&mut self, content: PageContent, bytes: &Bytes, size: usize) -> std::result::Result<Page, FileError> {
        // In pages of version 2, uncompressed levels precede the values.
        let (plain, is_compressed) = match content {
            PageContent::DataV2(DataV2 { def_bytes, rep_bytes, is_compressed, .. }) => {
                (def_bytes as usize + rep_bytes as usize, is_compressed)
            }
            _ => (0, true),
        };
        if plain > bytes.len() || plain > size {
            return Err(damaged("a page's levels exceed the page"));
        }
        let codec = if is_compressed { self.codec } else { CompressionCodec::UNCOMPRESSED };
        let buf = if codec == CompressionCodec::UNCOMPRESSED {
            bytes.clone()
        } else if size == plain {
            bytes.slice(..plain)
        } else {
            let values = decompress(codec, &bytes.slice(plain..), size - plain).map_err(|reason| damaged(&reason))?;
            if plain == 0 { values } else { Bytes::from([&bytes[..plain], &values].concat()) }
        };
        self.grown_bytes.fetch_add(buf.len() as u64, Ordering::Relaxed);
        self.checked(content, buf)
    }

    fn checked(&mut self, content: PageContent, buf: Bytes) -> std::result::Result<Page, FileError> {
        match content {
            PageContent::Dictionary { values, encoding } => {
                self.check_dictionary(values, &buf)?;
                self.has_dictionary = true;
                Ok(Page::DictionaryPage { buf, num_values: values, encoding, is_sorted: false })
            }
            PageContent::Data { values, encoding, def_encoding, rep_encoding } => {
                self.is_version_2 = false;
                let levels = self.level_bytes(values, def_encoding, rep_encoding, &buf)?;
                self.check_values(values, encoding, &buf[levels..])?;
                Ok(Page::DataPage {
                    buf,
                    num_values: values,
                    encoding,
                    def_level_encoding: def_encoding,
                    rep_level_encoding: rep_encoding,
                    statistics: None,
                })
            }
            PageContent::DataV2(DataV2 { values, nulls, rows, encoding, def_bytes, rep_bytes, .. }) => {
                self.is_version_2 = true;
                self.check_values(values, encoding, &buf[def_bytes as usize + rep_bytes as usize..])?;
                Ok(Page::DataPageV2 {
                    buf,
                    num_values: values,
                    encoding,
                    num_nulls: nulls,
                    num_rows: rows,
                    def_levels_byte_len: def_bytes,
                    rep_levels_byte_len: rep_bytes,
                    is_compressed: false,
                    statistics: None,
                })
            }
            PageContent::Other => Err(damaged("a page of a type without values")),
        }
    }

    fn check_dictionary(&self, values: u32, buf: &[u8]) -> std::result::Result<(), FileError> {
        let value_bytes = match self.column.physical_type() {
            Type::INT64 | Type::DOUBLE => 8,
            Type::INT96 => 12,
            Type::FIXED_LEN_BYTE_ARRAY => usize::try_from(self.column.type_length()).unwrap_or(1).max(1),
            Type::BOOLEAN => return Err(damaged("a dictionary of booleans")),
            Type::INT32 | Type::FLOAT | Type::BYTE_ARRAY => 4,
        };
        let values = values as usize;
        if values > buf.len() / value_bytes {
            return Err(damaged("a dictionary claims more values than its bytes can hold"));
        }
        if values > self.limits.parquet_dictionary_values_max {
            let max = self.limits.parquet_dictionary_values_max;
            return Err(damaged(&format!("a dictionary of {values} values, the limit is {max}")));
        }
        Ok(())
    }

    /// Returns the length of the levels at the beginning of a version 1 page.
    fn level_bytes(
        &self,
        values: u32,
        def_encoding: Encoding,
        rep_encoding: Encoding,
        buf: &[u8],
    ) -> std::result::Result<usize, FileError> {
        let mut at = 0_usize;
        for (level_max, encoding) in
            [(self.column.max_rep_level(), rep_encoding), (self.column.max_def_level(), def_encoding)]
        {
            if level_max == 0 {
                continue;
            }
            let length = if encoding == Encoding::RLE {
                let Some((length, _)) = buf[at..].split_first_chunk::<4>() else {
                    return Err(damaged("a page ends before its levels"));
                };
                4 + u32::from_le_bytes(*length) as usize
            } else {
                let bits = u64::from(u16::BITS - level_max.cast_unsigned().leading_zeros());
                usize::try_from((u64::from(values) * bits).div_ceil(8)).unwrap_or(usize::MAX)
            };
            at = at.saturating_add(length);
            if at > buf.len() {
                return Err(damaged("a page's levels exceed the page"));
            }
        }
        Ok(at)
    }

    fn check_values(&self, values: u32, encoding: Encoding, bytes: &[u8]) -> std::result::Result<(), FileError> {
        match encoding {
            Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY if !self.has_dictionary => {
                return Err(damaged("a page refers to a missing dictionary"));
            }
            Encoding::DELTA_LENGTH_BYTE_ARRAY => {
                check_delta(bytes, values)?;
            }
            Encoding::DELTA_BYTE_ARRAY => {
                let prefixes = check_delta(bytes, values)?;
                check_delta(&bytes[prefixes..], values)?;
            }
            _ => {}
        }
        let cost = bytes.len() as u64 + LEVEL_BYTES * u64::from(values);
        let allowance = self.allowance.load(Ordering::Relaxed);
        if self.is_nested() && cost > allowance {
            return Err(FileError::RecordTooLarge { line: 0, limit: self.limits.record_bytes_max });
        }
        self.allowance.store(allowance.saturating_sub(cost.max(1)), Ordering::Relaxed);
        Ok(())
    }
}

/// Checks delta-encoded integers and returns their length. Their count decides how much memory the decoder allocates.
/// <https://github.com/apache/parquet-format/blob/master/Encodings.md#delta-encoding-delta_binary_packed--5>
fn check_delta(bytes: &[u8], values: u32) -> std::result::Result<usize, FileError> {
    delta_length(bytes, values).ok_or_else(|| damaged("a page's delta-encoded lengths are damaged"))
}

fn delta_length(bytes: &[u8], values: u32) -> Option<usize> {
    let mut reader = ThriftReader::new(bytes);
    let block_values = usize::try_from(reader.varint().ok()?).ok()?;
    let miniblocks = usize::try_from(reader.varint().ok()?).ok().filter(|count| (1..=block_values).contains(count))?;
    let count = reader.varint().ok().filter(|count| *count <= u64::from(values))?;
    reader.integer().ok()?;
    let miniblock_values = block_values / miniblocks;
    let mut left = usize::try_from(count).ok()?.saturating_sub(1);
    let mut at = reader.bytes_read();
    while left > 0 {
        let mut block = ThriftReader::new(bytes.get(at..)?);
        block.integer().ok()?;
        at += block.bytes_read();
        let widths = bytes.get(at..)?.get(..miniblocks)?;
        at += miniblocks;
        for width in widths {
            if left == 0 {
                break;
            }
            at = at.checked_add(miniblock_values.checked_mul(usize::from(*width))? / 8)?;
            left = left.saturating_sub(miniblock_values);
        }
    }
    Some(at.min(bytes.len()))
}

/// The row reader adds the row number.
fn damaged(reason: &str) -> FileError {
    FileError::Malformed { line: 0, reason: reason.to_owned() }
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        self.next_page().map_err(|error| ParquetError::External(Box::new(error)))
    }

    /// Used only to skip pages.
    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        Ok(None)
    }

    fn skip_next_page(&mut self) -> Result<()> {
        Err(ParquetError::General("pages are not skipped".to_owned()))
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        Ok(self.is_version_2 || self.chunk.remaining() == 0)
    }
}
