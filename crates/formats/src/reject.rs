use crate::limits::JSON_DEPTH_MAX;

/// A refused record: where it is in the file, and what to correct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Line of the record's first byte, from 1. The header and line feeds inside quotes count.
    pub line: u64,
    /// Line of the record's last byte.
    pub last_line: u64,
    /// Offset of the record's first byte in the decompressed file, converted to UTF-8.
    pub byte_offset: u64,
    /// Length of the whole record without its line end. For Parquet, this is the length of its JSON text.
    pub byte_length: u64,
    /// The table's column with the wrong value. `None` if the whole record is wrong.
    pub column: Option<String>,
    pub reason: String,
    /// The record without its line end, cut at [`crate::limits::REJECT_RAW_BYTES_MAX`].
    pub raw: Vec<u8>,
}

impl Reject {
    /// Number of lines that the record spans.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.last_line - self.line + 1
    }
}

/// The reason for a reject. It contains no values of the row, because reasons appear in logs and notices.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RejectReason {
    #[error("null in a not null column")]
    Null,
    #[error("invalid UTF-8")]
    InvalidUtf8,
    #[error("a NUL byte, which PostgreSQL cannot store in text")]
    Nul,

    #[error("not an integer")]
    NotAnInteger,
    #[error("not a number")]
    NotANumber,
    #[error("NaN and infinity are not accepted")]
    NotFinite,
    #[error("out of range for {0}")]
    OutOfRange(&'static str),
    #[error("would be rounded: more than {scale} digits after the decimal point")]
    WouldRound { scale: u16 },
    #[error("more digits before the decimal point than numeric({precision},{scale}) has")]
    TooManyDigits { precision: u16, scale: u16 },

    #[error("not a boolean (true, false, t, f, 1, 0)")]
    NotABoolean,
    #[error("not one of the words that the column lists for true and false")]
    NotABooleanWord,
    #[error("a separator of thousands that does not begin a group of three digits")]
    MisplacedThousands,
    #[error("not a date (YYYY-MM-DD)")]
    NotADate,
    #[error("no such date")]
    NoSuchDate,
    #[error("not a time (HH:MM[:SS[.ffffff]])")]
    NotATime,
    #[error("no such time of day")]
    NoSuchTime,
    #[error("a leap second, which PostgreSQL cannot store")]
    LeapSecond,
    #[error("would be rounded: finer than a microsecond")]
    FinerThanMicroseconds,
    #[error("not a timestamp (YYYY-MM-DDTHH:MM[:SS[.ffffff]])")]
    NotATimestamp,
    #[error("has a time zone offset, but the column is a timestamp without time zone")]
    UnexpectedOffset,
    #[error("has no time zone offset (Z, +HH, +HH:MM, +HHMM), which timestamptz requires")]
    MissingOffset,
    #[error("no such time in {timezone}, where clocks were set forward")]
    NoSuchLocalTime { timezone: String },
    #[error("occurs twice in {timezone}, where clocks were set back, and has no time zone offset")]
    RepeatedLocalTime { timezone: String },
    #[error("has a time of day, but the column is a date")]
    UnexpectedTimeOfDay,
    #[error("time zone offset out of range")]
    NoSuchOffset,
    #[error("does not match the format {format:?}")]
    FormatMismatch { format: String },
    #[error("matches none of the formats {formats}")]
    NoFormatMatches { formats: String },

    #[error("longer than {chars_max} characters")]
    TooLong { chars_max: u32 },
    #[error("not a UUID")]
    NotAUuid,

    #[error("invalid JSON at byte {at}: {what}")]
    InvalidJson { at: usize, what: &'static str },
    #[error("JSON nested deeper than {JSON_DEPTH_MAX}")]
    JsonTooDeep,
    #[error("a JSON string with \\u0000, which PostgreSQL cannot store")]
    JsonNul,
    #[error("a JSON string with half of a surrogate pair")]
    JsonLoneSurrogate,
    #[error("JSON {found}, expected {expected}")]
    JsonType { expected: &'static str, found: &'static str },
    #[error("not a JSON object")]
    NotAnObject,
    /// `key` is already quoted by [`crate::error::quoted`].
    #[error("key {key} is not a column of the dataset")]
    UnknownKey { key: String },
    #[error("key {key} is repeated")]
    DuplicateKey { key: String },

    #[error("blank line")]
    BlankLine,
    #[error("a quote in a field that does not begin with a quote")]
    QuoteInside,
    #[error("text after the closing quote")]
    TextAfterQuote,
    #[error("a carriage return without a line feed, in a field without quotes")]
    LoneCarriageReturn,
    #[error("{found} {}, but the header has {expected}", if *found == 1 { "field" } else { "fields" })]
    FieldCount { found: usize, expected: usize },
    #[error("{found} {}, but the dataset has {expected} columns", if *found == 1 { "field" } else { "fields" })]
    ColumnCount { found: usize, expected: usize },
    #[error("{found} {}, but the first record has {expected}", if *found == 1 { "field" } else { "fields" })]
    FirstRecordCount { found: usize, expected: usize },
}

/// A reject reason with the position of the column in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowError {
    pub(crate) column: Option<usize>,
    pub(crate) reason: RejectReason,
}

impl RowError {
    pub(crate) fn of_row(reason: RejectReason) -> Self {
        Self { column: None, reason }
    }

    pub(crate) fn of_column(column: usize, reason: RejectReason) -> Self {
        Self { column: Some(column), reason }
    }
}

/// A record's bytes and where they are in the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) line: u64,
    pub(crate) last_line: u64,
    pub(crate) byte_offset: u64,
    pub(crate) bytes: &'a [u8],
}

impl Record<'_> {
    pub(crate) fn reject(&self, column: Option<&str>, reason: &RejectReason, raw_bytes_max: usize) -> Reject {
        Reject {
            line: self.line,
            last_line: self.last_line,
            byte_offset: self.byte_offset,
            byte_length: self.bytes.len() as u64,
            column: column.map(str::to_owned),
            reason: reason.to_string(),
            raw: self.bytes[..self.bytes.len().min(raw_bytes_max)].to_vec(),
        }
    }
}
