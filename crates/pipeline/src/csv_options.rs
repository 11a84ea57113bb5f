//! The dialect of CSV files.

use std::fmt;

use crate::limits::{DELIMITER_BYTES_MAX, QUOTED_LINES_DEFAULT};

/// The dialect of a CSV file. Quote, escape and comment are ASCII, different from each other, and not in the delimiter;
/// none is NUL, CR or LF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CsvOptions {
    /// `None`: a tab in a `.tsv` file, otherwise a comma.
    pub delimiter: Option<Delimiter>,
    /// `None`, with `quoting = "none"` or `quote = ""`: fields are not quoted, and `"` is data.
    pub quote: Option<u8>,
    /// Precedes a quote, or itself, inside quotes. `None`: a quote inside quotes is doubled.
    pub escape: Option<u8>,
    /// Begins a comment line.
    pub comment: Option<u8>,
    /// `false`: the file has the declared columns in their order.
    pub header: bool,
    pub quoting: Quoting,
    /// The lines before the header.
    pub skip: u32,
    /// The records at the end that are not data.
    pub skip_footer: u32,
    /// Blank lines are skipped and counted. Otherwise they are records.
    pub skip_blank: bool,
    pub ragged: Ragged,
    /// Removes spaces around unquoted fields.
    pub trim: bool,
    pub line_end: LineEnd,
    /// The most lines of a quoted field; a longer field fails the file.
    pub quoted_lines: u32,
}

/// One to eight characters between two fields.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Delimiter {
    bytes: [u8; DELIMITER_BYTES_MAX],
    length: usize,
}

/// The handling of misplaced quotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Quoting {
    /// The record is rejected.
    #[default]
    Strict,
    /// A quote inside an unquoted field is data, and so is text after a closing quote.
    Lenient,
}

/// The handling of records with too few or too many fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Ragged {
    /// The record is rejected.
    #[default]
    Reject,
    /// Missing last fields are NULL.
    Pad,
    /// Empty extra last fields are dropped.
    Trim,
    /// [`Ragged::Pad`] and [`Ragged::Trim`].
    Both,
}

/// The ends of lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LineEnd {
    /// LF or CRLF.
    #[default]
    Lf,
    /// Also a single CR.
    Cr,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self {
            delimiter: None,
            quote: Some(b'"'),
            escape: None,
            comment: None,
            header: true,
            quoting: Quoting::default(),
            skip: 0,
            skip_footer: 0,
            skip_blank: false,
            ragged: Ragged::default(),
            trim: false,
            line_end: LineEnd::default(),
            quoted_lines: QUOTED_LINES_DEFAULT,
        }
    }
}

impl Delimiter {
    /// Returns `None` for an empty text and for a text of more than [`DELIMITER_BYTES_MAX`] bytes.
    pub fn new(text: &str) -> Option<Self> {
        let mut bytes = [0; DELIMITER_BYTES_MAX];
        bytes.get_mut(..text.len()).filter(|bytes| !bytes.is_empty())?.copy_from_slice(text.as_bytes());
        Some(Self { bytes, length: text.len() })
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// Returns the byte of a delimiter of one byte.
    pub fn byte(self) -> Option<u8> {
        match self.as_bytes() {
            [byte] => Some(*byte),
            _ => None,
        }
    }
}

/// `byte` is ASCII.
impl From<u8> for Delimiter {
    fn from(byte: u8) -> Self {
        let mut bytes = [0; DELIMITER_BYTES_MAX];
        bytes[0] = byte;
        Self { bytes, length: 1 }
    }
}

impl fmt::Debug for Delimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl Ragged {
    /// The words of `pipeline.toml`.
    pub(crate) const WORDS: [(&str, Self); 4] =
        [("reject", Self::Reject), ("pad", Self::Pad), ("trim", Self::Trim), ("both", Self::Both)];
}

impl LineEnd {
    /// The words of `pipeline.toml`.
    pub(crate) const WORDS: [(&str, Self); 2] = [("lf", Self::Lf), ("cr", Self::Cr)];
}
