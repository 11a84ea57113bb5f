//! Splits SQL into the tokens that are needed to find the ends of statements and the parameters.
//! <https://www.postgresql.org/docs/current/sql-syntax-lexical.html>

/// A part of the text. The tokens together are the whole text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SqlToken<'t> {
    pub(super) kind: SqlTokenKind,
    pub(super) text: &'t str,
    /// The byte offset in the text.
    pub(super) at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SqlTokenKind {
    /// White space or a comment.
    Blank,
    /// A keyword, or a name without quotes.
    Word,
    /// A string, a number or a name in quotes.
    Value,
    /// `:name`
    Parameter,
    /// `(` or `[`
    Open,
    /// `)` or `]`
    Close,
    Semicolon,
    Other,
}

/// An invalid token. The lexer stops there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SqlLexError {
    /// The byte offset in the text.
    pub(super) at: usize,
    pub(super) reason: String,
}

/// Iterates over the tokens of a text.
pub(super) struct SqlLexer<'t> {
    text: &'t str,
    at: usize,
    last: Option<SqlTokenKind>,
}

impl<'t> SqlLexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0, last: None }
    }

    /// Reads a colon. Directly after an operand it is a separator, as in `a[1:n]` and `json_object('k':v)`.
    fn colon(&self, rest: &str) -> (SqlTokenKind, usize) {
        let is_operand = matches!(self.last, Some(SqlTokenKind::Word | SqlTokenKind::Value | SqlTokenKind::Close));
        match rest.as_bytes() {
            [_, b':' | b'=', ..] => (SqlTokenKind::Other, 2),
            [_, first, ..] if !is_operand && is_word_start(*first) => {
                let name = rest.get(1..).unwrap_or_default();
                (SqlTokenKind::Parameter, 1 + count(name, |byte| is_word_start(byte) || byte.is_ascii_digit()))
            }
            _ => (SqlTokenKind::Other, 1),
        }
    }

    fn measure(&self, rest: &str) -> Result<(SqlTokenKind, usize), String> {
        match rest.as_bytes() {
            [b'-', b'-', ..] => Ok((SqlTokenKind::Blank, count(rest, |byte| !is_line_end(byte)))),
            [b'/', b'*', ..] => Ok((SqlTokenKind::Blank, block_comment(rest)?)),
            [b'\'', ..] => Ok((SqlTokenKind::Value, string(rest, 1)?)),
            [b'"', ..] => Ok((SqlTokenKind::Value, quoted(rest, 1, b'"').ok_or("unterminated quoted name")?)),
            [b'$', ..] => dollar(rest),
            [b':', ..] => Ok(self.colon(rest)),
            [b'(' | b'[', ..] => Ok((SqlTokenKind::Open, 1)),
            [b')' | b']', ..] => Ok((SqlTokenKind::Close, 1)),
            [b';', ..] => Ok((SqlTokenKind::Semicolon, 1)),
            [b'\\', ..] => Err("`\\` begins a psql command; only SQL is supported".to_owned()),
            [0, ..] => Err("a NUL character, which PostgreSQL does not accept".to_owned()),
            [first, ..] if is_blank(*first) => Ok((SqlTokenKind::Blank, count(rest, is_blank))),
            [first, ..] if first.is_ascii_digit() => Ok((SqlTokenKind::Value, count(rest, is_of_number))),
            [first, ..] if is_word_start(*first) => word(rest),
            _ => Ok((SqlTokenKind::Other, 1)),
        }
    }
}

impl<'t> Iterator for SqlLexer<'t> {
    type Item = Result<SqlToken<'t>, SqlLexError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let at = self.at;
        match self.measure(rest) {
            Ok((kind, bytes)) => {
                (self.at, self.last) = (at + bytes, Some(kind));
                Some(Ok(SqlToken { kind, text: rest.get(..bytes).unwrap_or(rest), at }))
            }
            Err(reason) => {
                self.at = self.text.len();
                Some(Err(SqlLexError { at, reason }))
            }
        }
    }
}

/// Reads a word, or the string or name that begins with it.
fn word(rest: &str) -> Result<(SqlTokenKind, usize), String> {
    match rest.as_bytes() {
        [b'e' | b'E', b'\'', ..] => Ok((SqlTokenKind::Value, escape_string(rest)?)),
        [b'b' | b'B' | b'x' | b'X' | b'n' | b'N', b'\'', ..] => Ok((SqlTokenKind::Value, string(rest, 2)?)),
        [b'u' | b'U', b'&', b'\'', ..] => Ok((SqlTokenKind::Value, string(rest, 3)?)),
        [b'u' | b'U', b'&', b'"', ..] => {
            Ok((SqlTokenKind::Value, quoted(rest, 3, b'"').ok_or("unterminated quoted name")?))
        }
        _ => Ok((SqlTokenKind::Word, count(rest, |byte| is_word_start(byte) || byte.is_ascii_digit() || byte == b'$'))),
    }
}

fn string(rest: &str, start: usize) -> Result<usize, String> {
    quoted(rest, start, b'\'').ok_or_else(|| "unterminated string".to_owned())
}

/// Returns the length up to the closing quote. A doubled quote does not close. `start` is the length of the opening.
fn quoted(rest: &str, start: usize, quote: u8) -> Option<usize> {
    let mut bytes = rest.bytes().enumerate().skip(start).peekable();
    while let Some((at, byte)) = bytes.next() {
        if byte == quote && bytes.next_if(|(_, next)| *next == quote).is_none() {
            return Some(at + 1);
        }
    }
    None
}

/// Reads `E'…'`, where a backslash escapes a quote. Its continuation after a line break has the same syntax.
fn escape_string(rest: &str) -> Result<usize, String> {
    let mut at = 2;
    loop {
        let mut bytes = rest.bytes().enumerate().skip(at).peekable();
        let end = loop {
            match bytes.next().ok_or("unterminated string")? {
                (_, b'\\') => drop(bytes.next()),
                (end, b'\'') if bytes.next_if(|(_, next)| *next == b'\'').is_none() => break end + 1,
                _ => {}
            }
        };
        match continued(rest.get(end..).unwrap_or_default()) {
            Some(gap) => at = end + gap + 1,
            None => return Ok(end),
        }
    }
}

/// Returns the bytes up to the quote that continues a string: white space and comments with a line break.
fn continued(rest: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        let next = rest.get(at..)?;
        match next.as_bytes() {
            [first, ..] if is_blank(*first) => at += count(next, is_blank),
            [b'-', b'-', ..] => at += count(next, |byte| !is_line_end(byte)),
            [b'\'', ..] => return rest.get(..at)?.bytes().any(is_line_end).then_some(at),
            _ => return None,
        }
    }
}

/// Reads a block comment. Block comments nest.
fn block_comment(rest: &str) -> Result<usize, String> {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        match rest.as_bytes().get(at..) {
            Some([b'/', b'*', ..]) => (depth, at) = (depth + 1, at + 2),
            Some([b'*', b'/', ..]) if depth == 1 => return Ok(at + 2),
            Some([b'*', b'/', ..]) => (depth, at) = (depth - 1, at + 2),
            Some([_, ..]) => at += 1,
            _ => return Err("unterminated comment".to_owned()),
        }
    }
}

/// Reads `$$…$$` or `$tag$…$tag$`.
fn dollar(rest: &str) -> Result<(SqlTokenKind, usize), String> {
    let after = rest.get(1..).unwrap_or_default();
    if after.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("parameters such as `$1` are not supported; expected :run_date or :run_id".to_owned());
    }
    let tag = count(after, |byte| is_word_start(byte) || byte.is_ascii_digit());
    let Some(delimiter) = rest.get(..tag + 2).filter(|delimiter| delimiter.ends_with('$')) else {
        return Ok((SqlTokenKind::Other, 1));
    };
    let body = rest.get(delimiter.len()..).unwrap_or_default();
    let end = body.find(delimiter).ok_or_else(|| format!("unterminated string that begins with `{delimiter}`"))?;
    Ok((SqlTokenKind::Value, end + 2 * delimiter.len()))
}

fn count(text: &str, belongs: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|byte| belongs(*byte)).count()
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0b' | b'\x0c')
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// PostgreSQL treats every character beyond ASCII as a letter.
fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii()
}

fn is_of_number(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.'
}
