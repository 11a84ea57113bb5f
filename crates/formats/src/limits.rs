//! The limits of this crate. A file above a limit fails with an error that names the limit.

/// Size of one record, without its line end. A quote that is never closed is the usual cause of a larger record.
pub const RECORD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Fields of a header: the column limit of a PostgreSQL table.
/// <https://www.postgresql.org/docs/current/limits.html>
pub const FIELDS_MAX: usize = 1600;

/// Memory of the records that `csv.skip_footer` holds back.
pub const FOOTER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Stored bytes of a rejected record.
pub const REJECT_RAW_BYTES_MAX: usize = 8 * 1024;

/// Decompressed size of a file.
pub const DECOMPRESSED_BYTES_MAX: u64 = 64 * 1024 * 1024 * 1024;

/// Ratio of decompressed to compressed size. It applies above [`DECOMPRESSION_RATIO_FREE_BYTES`].
pub const DECOMPRESSION_RATIO_MAX: u64 = 1000;

/// Decompressed size without a ratio limit. A small valid file, such as a column of zeros, can have any ratio.
pub const DECOMPRESSION_RATIO_FREE_BYTES: u64 = 64 * 1024 * 1024;

/// Window size of a zstd frame, and so its memory: 8 MiB, as a power of two. By the RFC, every decoder should support
/// this size, and no encoder should require more: <https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1.1.2>.
pub const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Approximate size of one block of COPY tuples.
pub const COPY_BLOCK_BYTES: usize = 128 * 1024;

/// Block size of the conversion from another encoding to UTF-8.
pub const TRANSCODE_BLOCK_BYTES: usize = 64 * 1024;

/// Block size of reads. The buffer grows only for a longer record.
pub const READ_BLOCK_BYTES: usize = 256 * 1024;

/// Runs of blank lines that are kept until a record follows, because blank lines at the end of a file are ignored. A
/// run holds consecutive blank lines of equal length. Above this limit, blank lines are rejected.
pub const BLANK_RUNS_MAX: usize = 1024;

/// Depth of arrays and objects in a JSON record or jsonb value.
pub const JSON_DEPTH_MAX: usize = 128;

/// Size of a Parquet footer.
pub const PARQUET_FOOTER_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Columns and groups of a Parquet schema, at all levels.
pub const PARQUET_SCHEMA_ELEMENTS_MAX: usize = 16 * 1024;

/// Depth of groups in a Parquet schema.
pub const PARQUET_DEPTH_MAX: usize = JSON_DEPTH_MAX;

/// Decompressed size of one page. One page per column is in memory. Most writers end a page at 1 MiB.
pub const PARQUET_PAGE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Values of one dictionary. Most writers stop using a dictionary at 1 MiB.
pub const PARQUET_DICTIONARY_VALUES_MAX: usize = 1024 * 1024;

/// Bytes that the pages of one nested column may have per decoded batch, which may be a single row.
pub const PARQUET_ROW_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Bytes of a Parquet file that one request fetches: whole row groups if they fit, else a part of each column.
pub const PARQUET_FETCH_BYTES: usize = 8 * 1024 * 1024;

/// Smallest fetch per column, for files with many columns.
pub const PARQUET_BLOCK_BYTES_MIN: usize = 64 * 1024;

/// The limits of one conversion. Tests set lower values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) record_bytes_max: usize,
    pub(crate) fields_max: usize,
    pub(crate) reject_raw_bytes_max: usize,
    pub(crate) decompressed_bytes_max: u64,
    pub(crate) decompression_ratio_max: u64,
    pub(crate) decompression_ratio_free_bytes: u64,
    pub(crate) copy_block_bytes: usize,
    pub(crate) read_block_bytes: usize,
    pub(crate) transcode_block_bytes: usize,
    pub(crate) blank_runs_max: usize,
    pub(crate) parquet_footer_bytes_max: u64,
    pub(crate) parquet_page_bytes_max: usize,
    pub(crate) parquet_dictionary_values_max: usize,
    pub(crate) parquet_row_bytes_max: u64,
    pub(crate) parquet_fetch_bytes: usize,
    pub(crate) parquet_block_bytes_min: usize,
}

impl Limits {
    pub(crate) const DEFAULT: Self = Self {
        record_bytes_max: RECORD_BYTES_MAX,
        fields_max: FIELDS_MAX,
        reject_raw_bytes_max: REJECT_RAW_BYTES_MAX,
        decompressed_bytes_max: DECOMPRESSED_BYTES_MAX,
        decompression_ratio_max: DECOMPRESSION_RATIO_MAX,
        decompression_ratio_free_bytes: DECOMPRESSION_RATIO_FREE_BYTES,
        copy_block_bytes: COPY_BLOCK_BYTES,
        read_block_bytes: READ_BLOCK_BYTES,
        transcode_block_bytes: TRANSCODE_BLOCK_BYTES,
        blank_runs_max: BLANK_RUNS_MAX,
        parquet_footer_bytes_max: PARQUET_FOOTER_BYTES_MAX,
        parquet_page_bytes_max: PARQUET_PAGE_BYTES_MAX,
        parquet_dictionary_values_max: PARQUET_DICTIONARY_VALUES_MAX,
        parquet_row_bytes_max: PARQUET_ROW_BYTES_MAX,
        parquet_fetch_bytes: PARQUET_FETCH_BYTES,
        parquet_block_bytes_min: PARQUET_BLOCK_BYTES_MIN,
    };
}
