use crate::limits::KEY_BYTES_MAX;

/// The strftime specifiers that a template may use.
const SPECIFIERS: &str = "%Y %m %d %j %H %M %S %3f %6f %9f %f %F %T %R %%";

/// Why a template, or a key to be built from it, cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("the template is empty")]
    Empty,
    #[error("the template has {0} bytes, a key has at most {KEY_BYTES_MAX}")]
    TooLong(usize),
    #[error("`{0}` is not a bucket's name (3 to 63 of a-z, 0-9, `.` and `-`)")]
    Bucket(String),
    #[error("`{{` at byte {0} never closes")]
    Unclosed(usize),
    #[error("`}}` at byte {0} closes nothing; a key with braces in it cannot be written as a template")]
    Unopened(usize),
    #[error("`{{{0}}}`: a name is a-z, 0-9 and `_`, beginning with a letter")]
    Name(String),
    #[error("`{{{0}}}` needs a format, as {{{0}:%Y-%m-%d}}")]
    FormatMissing(&'static str),
    #[error("`{{{0}}}` takes no format")]
    FormatNotAllowed(&'static str),
    #[error("`{{{0}}}` has a format in one place and none in another")]
    TextAndTime(String),
    #[error("`{0}` has `{1}` in it, of which a key can have digits in more than one way; use {SPECIFIERS}")]
    Specifier(String, String),
    #[error("`{0}`: a year of two digits does not tell its century; use %Y")]
    TwoDigitYear(String),
    #[error("`{0}` has no %Y, %m or other part of a time in it")]
    NoTime(String),
    #[error("`{0}` has `*` or `{{` in its format")]
    FormatText(String),
    #[error("`{{{name}}}` has {part} without {missing}")]
    Incomplete { name: String, part: &'static str, missing: &'static str },
    #[error("nothing stands between `{0}` and `{1}`, so a key cannot tell where one ends")]
    Adjacent(String, String),
    #[error("`{{{0}}}` is used twice, and no folder or file name has it as its only changing part to be read from")]
    NotPinned(String),
    #[error("`{{{0}}}` is used twice, once between two parts that can be anything")]
    Floating(String),
    #[error("`{{date}}` and `{{scheduled}}` both say the logical time; use one of them")]
    TwoLogicalTimes,

    // Of one key that is built.
    #[error("a key cannot be built from a template with `*`")]
    Star,
    #[error("nothing is known for `{{{0}}}`")]
    Missing(String),
    #[error("`{{{name}}}` cannot stand for `{text}`")]
    Text { name: String, text: String },
    #[error("`{{{name}}}` cannot stand for {time}: its year is not one of 1 to 9999")]
    Year { name: String, time: String },
    #[error("`{{{name}}}` = `{text}` would be read back differently from `{key}`")]
    NotReversible { name: String, text: String, key: String },
    #[error("the key has {0} bytes, S3 allows {KEY_BYTES_MAX}")]
    KeyTooLong(usize),
}
