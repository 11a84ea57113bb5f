//! Options of a dataset: CSV dialect, encoding, undeclared columns.

/// The `jsonb` column of [`Extra::Rescue`], after all declared columns and before `_load_id`.
pub const RESCUED_COLUMN: &str = "_rescued";

/// The handling of columns, or keys of a JSON object, that the dataset does not declare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Extra {
    /// A header with an undeclared column fails the file; a JSON object with an undeclared key is rejected.
    #[default]
    Reject,
    /// They are not loaded.
    Ignore,
    /// They are stored by name in one object in [`RESCUED_COLUMN`].
    Rescue,
}

/// The effect of a file's undeclared columns on the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Evolve {
    /// None: [`Extra`] applies.
    #[default]
    Fail,
    /// They are added to the table with inferred types.
    Add,
}

/// The character encoding of a text file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// With or without a byte order mark.
    #[default]
    Utf8,
    /// UTF-16 with a byte order mark.
    Utf16,
    Utf16Le,
    Utf16Be,
    /// ISO 8859-1: 0x80 to 0x9F are control characters.
    Latin1,
    /// Latin-1 with printable characters, such as `€` and `“`, from 0x80 to 0x9F.
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

/// The dialect of a CSV file. The characters are ASCII and different from each other; none is NUL, CR or LF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CsvOptions {
    /// `None`: a tab in a `.tsv` file, otherwise a comma.
    pub delimiter: Option<u8>,
    /// `None`: fields are not quoted, and `"` is data.
    pub quote: Option<u8>,
    /// Precedes a quote, or itself, inside quotes. `None`: a quote inside quotes is doubled.
    pub escape: Option<u8>,
    /// Begins a comment line.
    pub comment: Option<u8>,
    /// `false`: the file has the declared columns in their order.
    pub header: bool,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self { delimiter: None, quote: Some(b'"'), escape: None, comment: None, header: true }
    }
}
