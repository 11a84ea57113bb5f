//! A strict lexer for RFC 8259. Numbers remain text, and strings keep their escapes.

use crate::limits::JSON_DEPTH_MAX;
use crate::reject::RejectReason;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonKind {
    Null,
    Boolean,
    Number,
    String { escaped: bool },
    Array,
    Object,
}

impl JsonKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::String { .. } => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

/// A value and its position in the text. A string includes its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JsonToken {
    pub(crate) kind: JsonKind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl JsonToken {
    pub(crate) fn text<'a>(&self, document: &'a [u8]) -> &'a [u8] {
        match self.kind {
            JsonKind::String { .. } => &document[self.start + 1..self.end - 1],
            _ => &document[self.start..self.end],
        }
    }
}

/// Lexes a text that is completely in memory. It accepts any bytes above ASCII in strings: the caller checks UTF-8.
pub(crate) struct JsonLexer<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> JsonLexer<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    /// Lexes exactly one value. Calls `visit` with every scalar and key. Strings come without their quotes.
    pub(crate) fn document(&mut self, visit: &mut impl FnMut(JsonKind, &[u8])) -> Result<(), RejectReason> {
        self.skip_space();
        self.value(visit)?;
        self.expect_end()
    }

    /// Lexes exactly one object. Calls `member` with each key and value.
    pub(crate) fn record(&mut self, member: &mut impl FnMut(JsonToken, JsonToken)) -> Result<(), RejectReason> {
        self.skip_space();
        if self.peek() != Some(b'{') {
            self.value(&mut |_, _| {})?;
            self.expect_end()?;
            return Err(RejectReason::NotAnObject);
        }
        self.object(&mut |_, _| {}, member)?;
        self.expect_end()
    }

    /// Lexes one value at the beginning of the text, and returns its end.
    pub(crate) fn value_end(&mut self) -> Result<usize, RejectReason> {
        self.value(&mut |_, _| {}).map(|value| value.end)
    }

    /// Lexes exactly one array. Calls `element` with each element.
    pub(crate) fn elements(&mut self, element: &mut impl FnMut(JsonToken)) -> Result<(), RejectReason> {
        self.array(&mut |_, _| {}, element)?;
        self.expect_end()
    }

    fn value<F: FnMut(JsonKind, &[u8])>(&mut self, visit: &mut F) -> Result<JsonToken, RejectReason> {
        let start = self.at;
        let kind = match self.peek() {
            Some(b'"') => self.string()?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b'{') => self.object(visit, &mut |_, _| {})?,
            Some(b'[') => self.array(visit, &mut |_| {})?,
            Some(b't') => self.word(b"true", JsonKind::Boolean)?,
            Some(b'f') => self.word(b"false", JsonKind::Boolean)?,
            Some(b'n') => self.word(b"null", JsonKind::Null)?,
            _ => return self.fail("expected a value"),
        };
        let value = JsonToken { kind, start, end: self.at };
        if !matches!(kind, JsonKind::Array | JsonKind::Object) {
            visit(kind, value.text(self.text));
        }
        Ok(value)
    }

    fn object<F, M>(&mut self, visit: &mut F, member: &mut M) -> Result<JsonKind, RejectReason>
    where
        F: FnMut(JsonKind, &[u8]),
        M: FnMut(JsonToken, JsonToken),
    {
        self.enter()?;
        if self.take(b'}') {
            return Ok(self.leave(JsonKind::Object));
        }
        loop {
            if self.peek() != Some(b'"') {
                return self.fail("expected a key in quotes");
            }
            let key = self.value(visit)?;
            self.skip_space();
            if !self.take(b':') {
                return self.fail("expected a colon");
            }
            self.skip_space();
            let value = self.value(visit)?;
            member(key, value);
            self.skip_space();
            if self.take(b'}') {
                return Ok(self.leave(JsonKind::Object));
            }
            if !self.take(b',') {
                return self.fail("expected a comma or a closing brace");
            }
            self.skip_space();
        }
    }

    fn array<F, E>(&mut self, visit: &mut F, element: &mut E) -> Result<JsonKind, RejectReason>
    where
        F: FnMut(JsonKind, &[u8]),
        E: FnMut(JsonToken),
    {
        self.enter()?;
        if self.take(b']') {
            return Ok(self.leave(JsonKind::Array));
        }
        loop {
            element(self.value(visit)?);
            self.skip_space();
            if self.take(b']') {
                return Ok(self.leave(JsonKind::Array));
            }
            if !self.take(b',') {
                return self.fail("expected a comma or a closing bracket");
            }
            self.skip_space();
        }
    }

    fn enter(&mut self) -> Result<(), RejectReason> {
        self.depth += 1;
        if self.depth > JSON_DEPTH_MAX {
            return Err(RejectReason::JsonTooDeep);
        }
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    fn leave(&mut self, kind: JsonKind) -> JsonKind {
        self.depth -= 1;
        kind
    }

    fn string(&mut self) -> Result<JsonKind, RejectReason> {
        self.at += 1;
        let mut escaped = false;
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len());
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(JsonKind::String { escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.at += 1;
                    self.escape()?;
                }
                Some(_) => return self.fail("a control character inside a string"),
                None => return self.fail("a string is not closed"),
            }
        }
    }

    fn escape(&mut self) -> Result<(), RejectReason> {
        match self.text[self.at..] {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => self.at += 1,
            [b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(u8::is_ascii_hexdigit) => self.at += 5,
            _ => return self.fail("unknown escape"),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<JsonKind, RejectReason> {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(JsonKind::Number)
    }

    fn digits(&mut self) -> Result<(), RejectReason> {
        let rest = &self.text[self.at..];
        let count = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        if count == 0 {
            return self.fail("expected a digit");
        }
        self.at += count;
        Ok(())
    }

    fn word(&mut self, word: &[u8], kind: JsonKind) -> Result<JsonKind, RejectReason> {
        if !self.text[self.at..].starts_with(word) {
            return self.fail("expected a value");
        }
        self.at += word.len();
        Ok(kind)
    }

    fn expect_end(&mut self) -> Result<(), RejectReason> {
        self.skip_space();
        if self.at == self.text.len() { Ok(()) } else { self.fail("text after the value") }
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    #[inline]
    fn take(&mut self, byte: u8) -> bool {
        let taken = self.peek() == Some(byte);
        self.at += usize::from(taken);
        taken
    }

    #[cold]
    fn fail<T>(&self, what: &'static str) -> Result<T, RejectReason> {
        Err(RejectReason::InvalidJson { at: self.at, what })
    }
}

/// White space by RFC 8259.
#[inline]
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
