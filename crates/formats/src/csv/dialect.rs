use pipeline::CsvOptions;

/// The special bytes of a CSV dialect. Generic, so that the standard dialect uses constants and costs nothing.
pub(super) trait Dialect: Copy {
    /// Returns the length of the delimiter at `at`, or `None` if there is none.
    fn delimiter_at(self, bytes: &[u8], at: usize) -> Option<usize>;
    fn is_quote(self, byte: u8) -> bool;
    /// Returns whether a quote inside quotes is written twice. If not, the escape byte precedes it.
    fn doubles_quotes(self) -> bool;
    /// Finds the first quote or escape byte.
    fn find_in_quotes(self, bytes: &[u8]) -> Option<usize>;
    /// Returns whether the byte has a meaning outside quotes.
    fn is_special(self, byte: u8) -> bool;
    /// Sets the high bit of every byte in `word` that [`Dialect::is_special`]. Only the first such bit is reliable.
    fn hits(self, word: u64) -> u64;
    /// Appends the text of a field that contains doubled quotes or escapes.
    fn unescape(self, text: &[u8], out: &mut Vec<u8>);

    /// Returns whether `rest` is only the beginning of a delimiter.
    #[inline]
    fn is_cut_delimiter(self, _rest: &[u8]) -> bool {
        false
    }

    /// Returns whether misplaced quotes are data.
    #[inline]
    fn is_lenient(self) -> bool {
        false
    }

    /// Returns whether spaces around unquoted fields, and outside the quotes of quoted fields, are removed.
    #[inline]
    fn trims(self) -> bool {
        false
    }

    /// Returns whether a lone carriage return ends a line.
    #[inline]
    fn ends_lines_with_cr(self) -> bool {
        false
    }

    /// Appends a quoted field with text after its closing quote. Only a lenient dialect has such fields.
    fn unescape_with_tail(self, text: &[u8], out: &mut Vec<u8>) {
        self.unescape(text, out);
    }
}

/// The dialect of RFC 4180: commas, and double quotes that are doubled inside.
#[derive(Clone, Copy, Debug)]
pub(super) struct StandardDialect;

impl Dialect for StandardDialect {
    #[inline]
    fn delimiter_at(self, bytes: &[u8], at: usize) -> Option<usize> {
        (bytes.get(at) == Some(&b',')).then_some(1)
    }

    #[inline]
    fn is_quote(self, byte: u8) -> bool {
        byte == b'"'
    }

    #[inline]
    fn doubles_quotes(self) -> bool {
        true
    }

    #[inline]
    fn find_in_quotes(self, bytes: &[u8]) -> Option<usize> {
        memchr::memchr(b'"', bytes)
    }

    #[inline]
    fn is_special(self, byte: u8) -> bool {
        matches!(byte, b',' | b'\n' | b'"' | b'\r')
    }

    #[inline]
    fn hits(self, word: u64) -> u64 {
        matches(word, b',') | matches(word, b'\n') | matches(word, b'"') | matches(word, b'\r')
    }

    fn unescape(self, text: &[u8], out: &mut Vec<u8>) {
        unescape(b'"', b'"', text, out);
    }
}

/// A dialect that the dataset declares.
#[derive(Clone, Copy, Debug)]
pub(super) struct CustomDialect {
    delimiter: u8,
    quote: Option<u8>,
    escape: Option<u8>,
    /// The quote, or the delimiter again if there is no quote.
    quote_or_delimiter: u8,
}

impl CustomDialect {
    pub(super) fn new(delimiter: u8, options: &CsvOptions) -> Self {
        let CsvOptions { quote, escape, .. } = *options;
        let escape = escape.filter(|escape| Some(*escape) != quote);
        Self { delimiter, quote, escape, quote_or_delimiter: quote.unwrap_or(delimiter) }
    }

    pub(super) fn is_standard(self) -> bool {
        matches!(self, Self { delimiter: b',', quote: Some(b'"'), escape: None, .. })
    }
}

impl Dialect for CustomDialect {
    #[inline]
    fn delimiter_at(self, bytes: &[u8], at: usize) -> Option<usize> {
        (bytes.get(at) == Some(&self.delimiter)).then_some(1)
    }

    #[inline]
    fn is_quote(self, byte: u8) -> bool {
        self.quote == Some(byte)
    }

    #[inline]
    fn doubles_quotes(self) -> bool {
        self.escape.is_none()
    }

    #[inline]
    fn find_in_quotes(self, bytes: &[u8]) -> Option<usize> {
        match (self.quote, self.escape) {
            (Some(quote), Some(escape)) => memchr::memchr2(quote, escape, bytes),
            (Some(quote), None) => memchr::memchr(quote, bytes),
            (None, _) => None,
        }
    }

    #[inline]
    fn is_special(self, byte: u8) -> bool {
        byte == self.delimiter || byte == self.quote_or_delimiter || matches!(byte, b'\n' | b'\r')
    }

    #[inline]
    fn hits(self, word: u64) -> u64 {
        let (delimiter, quote) = (matches(word, self.delimiter), matches(word, self.quote_or_delimiter));
        delimiter | matches(word, b'\n') | quote | matches(word, b'\r')
    }

    fn unescape(self, text: &[u8], out: &mut Vec<u8>) {
        match (self.escape, self.quote) {
            (Some(escape), Some(quote)) => unescape(escape, quote, text, out),
            (None, Some(quote)) => unescape(quote, quote, text, out),
            (_, None) => out.extend_from_slice(text),
        }
    }
}

/// Drops each escape byte before a quote or another escape byte.
fn unescape(escape: u8, quote: u8, text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(found) = memchr::memchr(escape, rest) {
        let (before, from) = rest.split_at(found);
        out.extend_from_slice(before);
        match from.get(1) {
            Some(next) if *next == escape || *next == quote => out.push(*next),
            _ => out.extend_from_slice(&from[..from.len().min(2)]),
        }
        rest = from.get(2..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

/// Sets the high bit of every byte in `word` that equals `byte`.
/// <https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord>
#[inline]
fn matches(word: u64, byte: u8) -> u64 {
    const LOW: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let zeroed = word ^ (LOW * u64::from(byte));
    zeroed.wrapping_sub(LOW) & !zeroed & HIGH
}
