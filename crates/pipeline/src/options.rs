//! Options of a dataset about its files and its table.

use protocol::{Compression, Format};

use crate::nearest::did_you_mean;

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
    /// Another encoding of the WHATWG Encoding Standard.
    Other(&'static encoding_rs::Encoding),
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
    /// The words of `pipeline.toml` that differ from the labels of the WHATWG Encoding Standard, or have a shorter home.
    const WORDS: [(&str, Self); 6] = [
        ("utf-8", Self::Utf8),
        ("utf-16", Self::Utf16),
        ("utf-16le", Self::Utf16Le),
        ("utf-16be", Self::Utf16Be),
        ("latin-1", Self::Latin1),
        ("windows-1252", Self::Windows1252),
    ];

    /// Parses a word of [`Encoding::WORDS`], or any label of the WHATWG Encoding Standard. `iso-8859-1` and `ascii` are
    /// labels of windows-1252 there. <https://encoding.spec.whatwg.org/#names-and-labels>
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if let Some((_, encoding)) = Self::WORDS.iter().find(|(word, _)| *word == text) {
            return Ok(*encoding);
        }
        let Some(found) = encoding_rs::Encoding::for_label_no_replacement(text.as_bytes()) else {
            let words = Self::WORDS.iter().map(|(word, _)| *word);
            return Err(format!("unknown encoding `{text}`{}", did_you_mean(text, words.chain(COMMON_ENCODINGS))));
        };
        Ok(match found.name() {
            "UTF-8" => Self::Utf8,
            "UTF-16LE" => Self::Utf16Le,
            "UTF-16BE" => Self::Utf16Be,
            "windows-1252" => Self::Windows1252,
            _ => Self::Other(found),
        })
    }

    /// Returns the text of `pipeline.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf16 => "utf-16",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
            Self::Latin1 => "latin-1",
            Self::Windows1252 => "windows-1252",
            Self::Other(encoding) => encoding.name(),
        }
    }
}

/// Labels for the hint after a mistyped encoding.
const COMMON_ENCODINGS: [&str; 10] = [
    "iso-8859-2",
    "iso-8859-15",
    "windows-1250",
    "windows-1251",
    "koi8-r",
    "shift_jis",
    "euc-jp",
    "gb18030",
    "big5",
    "euc-kr",
];

/// The words of `format`.
pub(crate) const FORMATS: [(&str, Format); 5] = [
    ("csv", Format::Csv),
    ("tsv", Format::Tsv),
    ("json", Format::Json),
    ("jsonl", Format::Jsonl),
    ("parquet", Format::Parquet),
];

/// Parses a word of `format`.
pub fn parse_format(text: &str) -> Result<Format, String> {
    word(text, "format", &FORMATS)
}

fn word<T: Copy>(text: &str, what: &str, words: &[(&'static str, T)]) -> Result<T, String> {
    let found = words.iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        format!("unknown {what} `{text}`, expected one of {}", known.join(", "))
    })
}

/// The compression of a file, where the dataset declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeclaredCompression {
    None,
    Gzip,
    Zstd,
    Bzip2,
    /// An archive with one member.
    Zip,
}

impl DeclaredCompression {
    /// The words of `pipeline.toml`.
    pub(crate) const WORDS: [(&str, Self); 5] =
        [("none", Self::None), ("gzip", Self::Gzip), ("zstd", Self::Zstd), ("bzip2", Self::Bzip2), ("zip", Self::Zip)];

    /// Parses a word of `compression`.
    pub fn parse(text: &str) -> Result<Self, String> {
        word(text, "compression", &Self::WORDS)
    }

    /// Returns the compression by which the file is read.
    pub(crate) fn compression(self) -> Compression {
        match self {
            Self::None => Compression::None,
            Self::Gzip => Compression::Gzip,
            Self::Zstd => Compression::Zstd,
            Self::Bzip2 => Compression::Bzip2,
            Self::Zip => Compression::Zip,
        }
    }
}

/// The way to find the declared columns in the header of a CSV file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HeaderMatch {
    /// The names are equal.
    #[default]
    Exact,
    /// The names are equal without letter case and outer spaces, with space, `-` and `_` equal to each other.
    Fold,
    /// The columns are in the declared order, or at [`crate::ColumnSource::Position`]. The header is skipped.
    Position,
}

impl HeaderMatch {
    /// The words of `pipeline.toml`.
    pub(crate) const WORDS: [(&str, Self); 3] =
        [("exact", Self::Exact), ("fold", Self::Fold), ("position", Self::Position)];
}
