use pipeline::CsvOptions;

/// The bytes that mean something. Known when this is compiled for the common dialect, so that it costs nothing there.
pub(super) trait Dialect: Copy {
    fn delimiter(self) -> u8;
    fn is_quote(self, byte: u8) -> bool;
    /// A quote inside quotes is written twice; else an escape comes before it.
    fn doubles_quotes(self) -> bool;
    /// The quote, or the escape, that comes first.
    fn find_in_quotes(self, bytes: &[u8]) -> Option<usize>;
    /// Whether the byte means something outside of quotes.
    fn is_special(self, byte: u8) -> bool;
    /// The high bit of every byte that [`Dialect::is_special`]. Bytes above the first hit may be wrong, the first
    /// never is.
    fn hits(self, word: u64) -> u64;
    /// Appends what the text of a field means that has doubled quotes or escapes inside.
    fn unescape(self, text: &[u8], out: &mut Vec<u8>);
}

/// Commas, and double quotes that are doubled inside: RFC 4180.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standard;

impl Dialect for Standard {
    #[inline]
    fn delimiter(self) -> u8 {
        b','
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

/// Any other, as the dataset declares it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Declared {
    delimiter: u8,
    quote: Option<u8>,
    escape: Option<u8>,
    /// The delimiter again when there is none.
    quote_or_delimiter: u8,
}

impl Declared {
    pub(super) fn new(delimiter: u8, options: &CsvOptions) -> Self {
        let CsvOptions { quote, escape, .. } = *options;
        let escape = escape.filter(|escape| Some(*escape) != quote);
        Self { delimiter, quote, escape, quote_or_delimiter: quote.unwrap_or(delimiter) }
    }

    pub(super) fn is_standard(self) -> bool {
        matches!(self, Self { delimiter: b',', quote: Some(b'"'), escape: None, .. })
    }
}

impl Dialect for Declared {
    #[inline]
    fn delimiter(self) -> u8 {
        self.delimiter
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

/// Drops every escape that stands before a quote or another escape.
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

/// The high bit of every byte that equals `byte`.
/// <https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord>
#[inline]
fn matches(word: u64, byte: u8) -> u64 {
    const LOW: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let zeroed = word ^ (LOW * u64::from(byte));
    zeroed.wrapping_sub(LOW) & !zeroed & HIGH
}
