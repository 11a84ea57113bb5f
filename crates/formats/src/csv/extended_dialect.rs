use pipeline::{CsvOptions, Delimiter, LineEnd, Quoting};

use super::dialect::{CustomDialect, Dialect};

/// A dialect with a delimiter of several bytes, lenient quotes, trimmed fields or lines that end in a carriage return.
/// The other dialects do not pay for these options.
#[derive(Clone, Copy, Debug)]
pub(super) struct ExtendedDialect {
    /// Its delimiter is the first byte of `delimiter`.
    base: CustomDialect,
    delimiter: Delimiter,
    is_lenient: bool,
    trims: bool,
    ends_lines_with_cr: bool,
}

impl ExtendedDialect {
    pub(super) fn new(delimiter: Delimiter, options: &CsvOptions) -> Self {
        let first = delimiter.as_bytes().first().copied().unwrap_or(b',');
        Self {
            base: CustomDialect::new(first, options),
            delimiter,
            is_lenient: options.quoting == Quoting::Lenient,
            trims: options.trim,
            ends_lines_with_cr: options.line_end == LineEnd::Cr,
        }
    }

    /// Returns the dialect without the extensions if none of them is used.
    pub(super) fn without_extensions(self) -> Option<CustomDialect> {
        let is_extended = self.is_lenient || self.trims || self.ends_lines_with_cr || self.delimiter.byte().is_none();
        (!is_extended).then_some(self.base)
    }
}

impl Dialect for ExtendedDialect {
    #[inline]
    fn delimiter_at(self, bytes: &[u8], at: usize) -> Option<usize> {
        let delimiter = self.delimiter.as_bytes();
        bytes.get(at..)?.starts_with(delimiter).then_some(delimiter.len())
    }

    #[inline]
    fn is_quote(self, byte: u8) -> bool {
        self.base.is_quote(byte)
    }

    #[inline]
    fn doubles_quotes(self) -> bool {
        self.base.doubles_quotes()
    }

    #[inline]
    fn find_in_quotes(self, bytes: &[u8]) -> Option<usize> {
        self.base.find_in_quotes(bytes)
    }

    #[inline]
    fn is_special(self, byte: u8) -> bool {
        self.base.is_special(byte)
    }

    #[inline]
    fn hits(self, word: u64) -> u64 {
        self.base.hits(word)
    }

    fn unescape(self, text: &[u8], out: &mut Vec<u8>) {
        self.base.unescape(text, out);
    }

    #[inline]
    fn is_cut_delimiter(self, rest: &[u8]) -> bool {
        let delimiter = self.delimiter.as_bytes();
        rest.len() < delimiter.len() && delimiter.starts_with(rest)
    }

    #[inline]
    fn is_lenient(self) -> bool {
        self.is_lenient
    }

    #[inline]
    fn trims(self) -> bool {
        self.trims
    }

    #[inline]
    fn ends_lines_with_cr(self) -> bool {
        self.ends_lines_with_cr
    }

    fn unescape_with_tail(self, text: &[u8], out: &mut Vec<u8>) {
        let mut at = 0;
        while let Some(found) = self.find_in_quotes(&text[at..]) {
            let (here, next) = (at + found, text.get(at + found + 1));
            let is_doubled = self.doubles_quotes() && next.is_some_and(|byte| self.is_quote(*byte));
            if self.is_quote(text[here]) && !is_doubled {
                self.unescape(&text[..here], out);
                out.extend_from_slice(&text[here + 1..]);
                return;
            }
            at = text.len().min(here + 2);
        }
        self.unescape(text, out);
    }
}
