//! How a dataset's files are written, and what becomes of that in them which the dataset does not declare.

/// The column of [`Extra::Rescue`], `jsonb`; before `_load_id`, after all declared columns.
pub const RESCUED_COLUMN: &str = "_rescued";

/// What becomes of a file's columns, or of a JSON object's keys, that the dataset does not declare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Extra {
    /// A header with one fails the file, an object with one is rejected.
    #[default]
    Reject,
    /// They are left out.
    Ignore,
    /// They go, by their names, into one object in [`RESCUED_COLUMN`].
    Rescue,
}

/// What a file's new columns do to the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Evolve {
    /// Nothing: [`Extra`] says what becomes of them.
    #[default]
    Fail,
    /// They are added to it, their types inferred.
    Add,
}

/// How a text file's characters are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// With or without a byte order mark.
    #[default]
    Utf8,
    /// Which of the two, its byte order mark says.
    Utf16,
    Utf16Le,
    Utf16Be,
    /// ISO 8859-1, in which 0x80 to 0x9F are control characters.
    Latin1,
    /// As Latin-1, with `€`, `“` and others from 0x80 to 0x9F.
    Windows1252,
}

impl Extra {
    /// The words of `pipeline.toml`.
    pub(crate) const WORDS: [(&str, Self); 3] =
        [("reject", Self::Reject), ("ignore", Self::Ignore), ("rescue", Self::Rescue)];
}

impl Evolve {
    /// The words of `pipeline.toml`.
    pub(crate) const WORDS: [(&str, Self); 2] = [("fail", Self::Fail), ("add", Self::Add)];
}

impl Encoding {
    /// The words of `pipeline.toml`.
    pub(crate) const WORDS: [(&str, Self); 6] = [
        ("utf-8", Self::Utf8),
        ("utf-16", Self::Utf16),
        ("utf-16le", Self::Utf16Le),
        ("utf-16be", Self::Utf16Be),
        ("latin-1", Self::Latin1),
        ("windows-1252", Self::Windows1252),
    ];
}

/// How a CSV file is written. Every character is ASCII, no two of them are the same, and none is NUL, CR or LF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CsvOptions {
    /// `None`: a tab in a `.tsv` file, else a comma.
    pub delimiter: Option<u8>,
    /// `None`: nothing is quoted, and a `"` is part of its field.
    pub quote: Option<u8>,
    /// Stands before a quote, or before itself, inside quotes. `None`: a quote inside quotes is doubled.
    pub escape: Option<u8>,
    /// Begins a line that is no record.
    pub comment: Option<u8>,
    /// Without a header the file has the declared columns in their order.
    pub header: bool,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self { delimiter: None, quote: Some(b'"'), escape: None, comment: None, header: true }
    }
}
