use super::dialect::Dialect;
use crate::reject::Reason;

/// Where one field's text stands, seen from the record's first byte; without the quotes around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) quoting: Quoting,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quoting {
    None,
    Plain,
    /// In quotes, with doubled quotes or escapes inside.
    Escaped,
}

/// How long a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// Without its line end.
    pub(super) length: usize,
    pub(super) consumed: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scan {
    Record(Extent),
    /// The record does not end here: show it again with more after it.
    More,
    /// The file ends inside the quotes that open here.
    OpenQuote {
        at: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    FieldStart,
    Unquoted,
    Quoted,
    /// Behind a quote that closes the field, unless another one follows.
    AfterQuote,
}

/// Finds one record's end and fields, each byte looked at once however the record arrives.
#[derive(Debug)]
pub(super) struct Scanner<D> {
    dialect: D,
    state: State,
    at: usize,
    /// The open field's text so far.
    field: Field,
    fields: Vec<Field>,
    field_count: usize,
    fields_max: usize,
    has_quotes: bool,
    /// The first thing wrong, and in which field.
    fault: Option<(usize, Reason)>,
}

const NO_FIELD: Field = Field { start: 0, end: 0, quoting: Quoting::None };

impl<D: Dialect> Scanner<D> {
    pub(super) fn new(dialect: D, fields_max: usize) -> Self {
        Self {
            dialect,
            state: State::FieldStart,
            at: 0,
            field: NO_FIELD,
            fields: Vec::new(),
            field_count: 0,
            fields_max,
            has_quotes: false,
            fault: None,
        }
    }

    /// To be called between two records.
    #[inline]
    pub(super) fn reset(&mut self) {
        self.state = State::FieldStart;
        self.at = 0;
        self.fields.clear();
        self.field_count = 0;
        self.has_quotes = false;
        self.fault = None;
    }

    /// The first fields, up to the limit that [`Scanner::new`] was given.
    #[inline]
    pub(super) fn fields(&self) -> &[Field] {
        &self.fields
    }

    #[inline]
    pub(super) fn field_count(&self) -> usize {
        self.field_count
    }

    #[inline]
    pub(super) fn dialect(&self) -> D {
        self.dialect
    }

    #[inline]
    pub(super) fn has_quotes(&self) -> bool {
        self.has_quotes
    }

    #[inline]
    pub(super) fn fault(&self) -> Option<(usize, &Reason)> {
        self.fault.as_ref().map(|(place, reason)| (*place, reason))
    }

    /// `bytes` begin with the record; `ended` tells that nothing comes after them.
    pub(super) fn scan(&mut self, bytes: &[u8], ended: bool) -> Scan {
        loop {
            let found = match self.state {
                State::FieldStart => self.plain_fields(bytes).or_else(|| self.field_start(bytes, ended)),
                State::Unquoted => self.unquoted(bytes, ended),
                State::Quoted => self.quoted(bytes, ended),
                State::AfterQuote => self.after_quote(bytes, ended),
            };
            if let Some(scan) = found {
                return scan;
            }
        }
    }

    /// The short way through most of a file: fields without quotes, whose end is in sight. Stops at the beginning of
    /// any other field.
    #[inline]
    fn plain_fields(&mut self, bytes: &[u8]) -> Option<Scan> {
        let mut start = self.at;
        loop {
            let end = next_special(self.dialect, bytes, start);
            let line_end = match bytes.get(end) {
                Some(byte) if *byte == self.dialect.delimiter() => 0,
                Some(b'\n') => 1,
                Some(b'\r') if bytes.get(end + 1) == Some(&b'\n') => 2,
                _ => {
                    self.at = start;
                    return None;
                }
            };
            self.add_field(Field { start, end, quoting: Quoting::None });
            if line_end > 0 {
                self.at = end;
                return Some(Scan::Record(Extent { length: end, consumed: end + line_end }));
            }
            start = end + 1;
        }
    }

    #[inline]
    fn field_start(&mut self, bytes: &[u8], ended: bool) -> Option<Scan> {
        self.field = Field { start: self.at, end: self.at, quoting: Quoting::None };
        match bytes.get(self.at) {
            Some(byte) if self.dialect.is_quote(*byte) => {
                self.has_quotes = true;
                self.at += 1;
                self.field = Field { start: self.at, end: self.at, quoting: Quoting::Plain };
                self.state = State::Quoted;
                None
            }
            None if !ended => Some(Scan::More),
            _ => {
                self.state = State::Unquoted;
                None
            }
        }
    }

    /// Also the rest of a quoted field that goes on after its closing quote: its fault is noted already.
    #[inline]
    fn unquoted(&mut self, bytes: &[u8], ended: bool) -> Option<Scan> {
        self.at = next_special(self.dialect, bytes, self.at);
        if self.field.quoting == Quoting::None {
            self.field.end = self.at;
        }
        match bytes.get(self.at) {
            Some(byte) if *byte == self.dialect.delimiter() => {
                self.close_field();
                self.at += 1;
                None
            }
            Some(b'\n') => self.close_record(1),
            Some(b'\r') => self.carriage_return(bytes, ended),
            Some(_) => {
                self.note(Reason::QuoteInside);
                self.at += 1;
                None
            }
            None if ended => self.close_record(0),
            None => Some(Scan::More),
        }
    }

    fn quoted(&mut self, bytes: &[u8], ended: bool) -> Option<Scan> {
        match self.dialect.find_in_quotes(&bytes[self.at..]) {
            Some(found) if self.dialect.is_quote(bytes[self.at + found]) => {
                self.field.end = self.at + found;
                self.at = self.field.end + 1;
                self.state = State::AfterQuote;
                None
            }
            Some(found) if self.at + found + 1 < bytes.len() => {
                self.field.quoting = Quoting::Escaped;
                self.at += found + 2;
                None
            }
            _ if ended => Some(Scan::OpenQuote { at: self.field.start - 1 }),
            // The escaped byte decides what comes after: wait for it.
            found => {
                self.at = found.map_or(bytes.len(), |found| self.at + found);
                Some(Scan::More)
            }
        }
    }

    #[inline]
    fn after_quote(&mut self, bytes: &[u8], ended: bool) -> Option<Scan> {
        match bytes.get(self.at) {
            Some(byte) if self.dialect.is_quote(*byte) && self.dialect.doubles_quotes() => {
                self.field.quoting = Quoting::Escaped;
                self.at += 1;
                self.state = State::Quoted;
                return None;
            }
            Some(byte) if *byte == self.dialect.delimiter() => {
                self.close_field();
                self.at += 1;
                return None;
            }
            Some(b'\n') => return self.close_record(1),
            Some(b'\r') => return self.carriage_return(bytes, ended),
            Some(_) => self.note(Reason::TextAfterQuote),
            None if ended => return self.close_record(0),
            None => return Some(Scan::More),
        }
        self.state = State::Unquoted;
        None
    }

    #[cold]
    fn carriage_return_alone(&mut self) {
        self.note(Reason::LoneCarriageReturn);
        self.at += 1;
        self.state = State::Unquoted;
    }

    #[inline]
    fn carriage_return(&mut self, bytes: &[u8], ended: bool) -> Option<Scan> {
        match bytes.get(self.at + 1) {
            Some(b'\n') => self.close_record(2),
            None if !ended => Some(Scan::More),
            _ => {
                self.carriage_return_alone();
                None
            }
        }
    }

    #[inline]
    fn close_field(&mut self) {
        self.add_field(self.field);
        self.state = State::FieldStart;
    }

    #[inline]
    fn add_field(&mut self, field: Field) {
        self.field_count += 1;
        if self.field_count <= self.fields_max {
            self.fields.push(field);
        }
    }

    #[inline]
    fn close_record(&mut self, line_end: usize) -> Option<Scan> {
        self.close_field();
        Some(Scan::Record(Extent { length: self.at, consumed: self.at + line_end }))
    }

    #[cold]
    fn note(&mut self, reason: Reason) {
        if self.fault.is_none() {
            self.fault = Some((self.field_count, reason));
        }
    }
}

/// The first byte at or after `from` that means something outside of quotes; the end when there is none.
///
/// Eight bytes at a time: fields are short, and for short distances this beats the calls that vector code needs.
#[inline]
fn next_special<D: Dialect>(dialect: D, bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let hits = dialect.hits(u64::from_le_bytes(*chunk));
        if hits != 0 {
            return at + (hits.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| dialect.is_special(*byte)).unwrap_or(rest.len())
}
