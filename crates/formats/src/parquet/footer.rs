//! Reads the footer: the schema and the positions of the columns.
//! <https://github.com/apache/parquet-format/blob/master/README.md#file-format>

use std::ops::Range;
use std::panic::catch_unwind;

use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};

use super::chunk_bytes::read;
use super::codec;
use super::raw_schema::check_schema;
use crate::error::FileError;
use crate::error::quoted;
use crate::limits::Limits;
use crate::random_access::RandomAccess;
use crate::signature::{GZIP_MAGIC, PARQUET_MAGIC, ZSTD_MAGIC};

const MAGIC_ENCRYPTED: &[u8] = b"PARE";
/// Footer length and magic bytes.
const END_BYTES: u64 = 8;

/// Magic bytes at both ends, and the footer length.
const FILE_BYTES_MIN: u64 = 12;

/// Reads and checks the file metadata.
pub(super) fn read_footer(file: &dyn RandomAccess, limits: &Limits) -> Result<ParquetMetaData, FileError> {
    let bytes = file.length();
    if bytes == 0 {
        return Err(FileError::Empty);
    }
    if bytes < FILE_BYTES_MIN {
        return Err(malformed("this is not a Parquet file: it is too short"));
    }
    let end = read(file, bytes - END_BYTES..bytes).map_err(FileError::Read)?;
    let (length, magic) = end.split_at(4);
    if magic != PARQUET_MAGIC {
        return Err(malformed(problem(file, magic)?));
    }
    let length = length.iter().rev().fold(0_u64, |length, byte| length << 8 | u64::from(*byte));
    let columns = PARQUET_MAGIC.len() as u64..(bytes - END_BYTES).saturating_sub(length);
    if columns.is_empty() && length + FILE_BYTES_MIN > bytes {
        return Err(malformed(&format!("the footer has {length} bytes, but the file has {bytes}")));
    }
    if length > limits.parquet_footer_bytes_max {
        let max = limits.parquet_footer_bytes_max;
        return Err(malformed(&format!("the footer has {length} bytes, the limit is {max}")));
    }
    let footer = read(file, columns.end..bytes - END_BYTES).map_err(FileError::Read)?;
    let metadata = decode(&footer)?;
    check(&metadata, &columns)?;
    Ok(metadata)
}

fn problem(file: &dyn RandomAccess, end: &[u8]) -> Result<&'static str, FileError> {
    let start = read(file, 0..4).map_err(FileError::Read)?;
    Ok(if end == MAGIC_ENCRYPTED {
        "the file is encrypted"
    } else if start == PARQUET_MAGIC[..] {
        "the file does not end with its footer: it was cut off or not written completely"
    } else if start.starts_with(GZIP_MAGIC) || start.starts_with(ZSTD_MAGIC) {
        "the file is compressed as a whole; Parquet compresses its own pages"
    } else {
        "this is not a Parquet file: it does not end with PAR1"
    })
}

fn malformed(reason: &str) -> FileError {
    FileError::Malformed { line: 1, reason: reason.to_owned() }
}

fn decode(footer: &[u8]) -> Result<ParquetMetaData, FileError> {
    let damaged = |what: &str| malformed(&format!("the footer is damaged: {what}"));
    let footer = check_schema(footer).map_err(|_| damaged("it cannot be read"))?;
    match catch_unwind(|| ParquetMetaDataReader::decode_metadata(&footer)) {
        Ok(Ok(metadata)) => Ok(metadata),
        Ok(Err(error)) => Err(damaged(&error.to_string())),
        Err(_) => Err(damaged("it contradicts itself")),
    }
}

fn check(metadata: &ParquetMetaData, columns: &Range<u64>) -> Result<(), FileError> {
    let mut rows = 0_i64;
    for group in metadata.row_groups() {
        if group.num_rows() < 0 {
            return Err(malformed("a row group has a negative number of rows"));
        }
        rows = rows.saturating_add(group.num_rows());
        for column in group.columns() {
            check_column(group, column, columns).map_err(|what| {
                let name = quoted(&column.column_path().string());
                malformed(&format!("column {name} is {what}"))
            })?;
        }
    }
    let said = metadata.file_metadata().num_rows();
    if said != rows {
        return Err(malformed(&format!("the footer is damaged: {said} rows in total, but {rows} in the row groups")));
    }
    Ok(())
}

fn check_column(
    group: &RowGroupMetaData,
    column: &ColumnChunkMetaData,
    columns: &Range<u64>,
) -> Result<(), &'static str> {
    if column.file_path().is_some_and(|path| !path.is_empty()) {
        return Err("in another file");
    }
    if let Some(unsupported) = codec::unsupported(column.compression_codec()) {
        return Err(unsupported);
    }
    let range = range_of(column).ok_or("at no position in the file")?;
    let is_empty = group.num_rows() == 0;
    if !is_empty && (range.start < columns.start || range.end > columns.end) {
        return Err("at no position in the file");
    }
    Ok(())
}

/// Returns the byte range of a column chunk. A dictionary page comes first.
pub(super) fn range_of(column: &ColumnChunkMetaData) -> Option<Range<u64>> {
    let data = u64::try_from(column.data_page_offset()).ok()?;
    // Some writers store 0 if there is no dictionary.
    let dictionary = column.dictionary_page_offset().and_then(|at| u64::try_from(at).ok()).filter(|at| *at > 0);
    let start = dictionary.map_or(data, |dictionary| dictionary.min(data));
    let bytes = u64::try_from(column.compressed_size()).ok()?;
    Some(start..start.checked_add(bytes)?)
}
