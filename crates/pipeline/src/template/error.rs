use crate::limits::KEY_BYTES_MAX;

/// The strftime specifiers that a template may use.
const SPECIFIERS: &str = "%Y %m %d %j %H %M %S %3f %6f %9f %f %F %T %R %%";

/// Why a template cannot be used, or a key cannot be built from it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("the template is empty")]
    Empty,
    #[error("the template has {0} bytes; an S3 key has at most {KEY_BYTES_MAX}")]
    TooLong(usize),
    #[error("`{0}` is not a bucket name; expected 3 to 63 characters of a-z, 0-9, `.` and `-`")]
    Bucket(String),
    #[error("unclosed `{{` at byte {0}")]
    Unclosed(usize),
    #[error("unmatched `}}` at byte {0}; a template cannot match keys with braces")]
    Unopened(usize),
    #[error("`{{{0}}}` is not a placeholder; expected a name of a-z, 0-9 and `_`, with a letter first")]
    Name(String),
    #[error("`{{{0}}}` requires a format, for example {{{0}:%Y-%m-%d}}")]
    FormatMissing(&'static str),
    #[error("`{{{0}}}` has no format")]
    FormatNotAllowed(&'static str),
    #[error("`{{{0}}}` has a format in one place and none in another")]
    TextAndTime(String),
    #[error("the format `{0}` contains `{1}`; expected digits of a fixed width: {SPECIFIERS}")]
    Specifier(String, String),
    #[error("the format `{0}` has a year of two digits, without its century; use %Y")]
    TwoDigitYear(String),
    #[error("the format `{0}` has no part of a time, for example %Y")]
    NoTime(String),
    #[error("the format `{0}` contains `*` or `{{`")]
    FormatText(String),
    #[error("`{{{name}}}` has {part} without {missing}")]
    Incomplete { name: String, part: &'static str, missing: &'static str },
    #[error("`{0}` and `{1}` are adjacent, so a key cannot be split between them; put text between them")]
    Adjacent(String, String),
    #[error("`{{{0}}}` is used twice; in one folder or file name it must be the only part of variable length")]
    NotPinned(String),
    #[error("`{{{0}}}` is used twice; then it must not stand between two parts of variable length")]
    Floating(String),

    // Errors in building a key.
    #[error("a key cannot be built from a template with `*`")]
    Star,
    #[error("`{{{0}}}` has no value")]
    Missing(String),
    #[error("`{{{name}}}` cannot have the value `{text}`")]
    Text { name: String, text: String },
    #[error("`{{{name}}}` cannot have the value {time}; expected a year from 1 to 9999")]
    Year { name: String, time: String },
    #[error("`{{{name}}}` = `{text}` cannot be read back from the key `{key}`")]
    NotReversible { name: String, text: String, key: String },
    #[error("the key has {0} bytes; an S3 key has at most {KEY_BYTES_MAX}")]
    KeyTooLong(usize),
}
