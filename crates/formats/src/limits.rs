//! Every limit of this crate. What lies past one is refused by name; nothing is cut silently.

/// One record, without its line end. Past it the file fails: most often a quote that never closes.
pub const RECORD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Fields of a header: a PostgreSQL table has no more columns.
/// <https://www.postgresql.org/docs/current/limits.html>
pub const FIELDS_MAX: usize = 1600;

/// How much of a rejected record is kept.
pub const REJECT_RAW_BYTES_MAX: usize = 8 * 1024;

/// What a compressed file may grow to.
pub const DECOMPRESSED_BYTES_MAX: u64 = 64 * 1024 * 1024 * 1024;

/// How many times its size a compressed file may grow to, once past [`DECOMPRESSION_RATIO_FREE_BYTES`].
pub const DECOMPRESSION_RATIO_MAX: u64 = 1000;

/// Honest small files (a column of zeros) compress beyond any ratio, and do no harm.
pub const DECOMPRESSION_RATIO_FREE_BYTES: u64 = 64 * 1024 * 1024;

/// The window, and so the memory, that a zstd frame may ask for: 8 MiB, as a power of two. Every decoder should take
/// that much, and no encoder should ask for more: <https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1.1.2>.
pub const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Tuples leave in blocks of about this size.
pub const COPY_BLOCK_BYTES: usize = 128 * 1024;

/// A file that is not UTF-8 is turned into it in blocks of this size.
pub const TRANSCODE_BLOCK_BYTES: usize = 64 * 1024;

/// The input is read in blocks of this size; only a longer record makes the buffer grow.
pub const READ_BLOCK_BYTES: usize = 256 * 1024;

/// Blank lines are held back until something follows them, for at the end of a file they mean nothing. What is held
/// are runs of equally long ones; with more runs than this, they are rejected, wherever they stand.
pub const BLANK_RUNS_MAX: usize = 1024;

/// Arrays and objects within one another, in a JSON record or a jsonb value.
pub const JSON_DEPTH_MAX: usize = 128;

/// What a Parquet file may say about itself in its footer.
pub const PARQUET_FOOTER_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Columns and groups of a Parquet schema, nested ones included.
pub const PARQUET_SCHEMA_ELEMENTS_MAX: usize = 16 * 1024;

/// Groups within one another in a Parquet schema.
pub const PARQUET_DEPTH_MAX: usize = JSON_DEPTH_MAX;

/// One page, decompressed: of each column that is read one is in memory. Most writers end a page at 1 MiB.
pub const PARQUET_PAGE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Values of one dictionary. Most writers give up a dictionary at 1 MiB.
pub const PARQUET_DICTIONARY_VALUES_MAX: usize = 1024 * 1024;

/// What the pages of one nested column may have for the rows that are decoded at once, which may be one.
pub const PARQUET_ROW_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What of a Parquet file is fetched at once: row groups in one piece as far as they fit, else a part of each column.
pub const PARQUET_FETCH_BYTES: usize = 8 * 1024 * 1024;

/// However many columns there are, no fewer bytes of one are fetched at once.
pub const PARQUET_BLOCK_BYTES_MIN: usize = 64 * 1024;

/// The limits of one conversion, so that tests can go to their edges with small files.
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
