use std::ops::Range;

use super::dialect::Dialect;
use crate::reject::RejectReason;

/// Position of a field's text, relative to the record's first byte and without the enclosing quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FieldSpan {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) quoting: FieldQuoting,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldQuoting {
    None,
    Plain,
    /// In quotes, with doubled quotes or escape bytes inside.
    Escaped,
    /// In quotes, with text after the closing quote. The span holds the closing quote.
    WithTail,
    /// The record lacks the field.
    Missing,
}

/// Adjusts a record to the header.
#[derive(Clone, Copy, Debug)]
pub(super) struct FieldFit {
    /// The number of fields that the header has.
    pub(super) field_count: usize,
    pub(super) pads: bool,
    pub(super) trims: bool,
    /// Appends one missing field, for the columns that the file lacks.
    pub(super) appends_missing: bool,
}

/// The length of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// Without the line end.
    pub(super) length: usize,
    pub(super) consumed: usize,
    /// Line feeds inside quotes. [`super::records::next_record`] counts them.
    pub(super) line_feeds: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scan {
    Record(Extent),
    /// The record is incomplete. Call again with more bytes.
    More,
    /// The file ends inside a quoted field that begins at `at`.
    OpenQuote {
        at: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ScanState {
    FieldStart,
    Unquoted,
    Quoted,
    /// After a quote that closes the field, unless another quote follows.
    AfterQuote,
}

/// Finds the end and the fields of one record. It scans each byte once, also if the record arrives in parts.
#[derive(Debug)]
pub(super) struct Scanner<D> {
    dialect: D,
    state: ScanState,
    at: usize,
    /// The open field.
    field: FieldSpan,
    fields: Vec<FieldSpan>,
    field_count: usize,
    fields_max: usize,
    has_quotes: bool,
    /// The first error and its field.
    error: Option<(usize, RejectReason)>,
}

const EMPTY_FIELD: FieldSpan = FieldSpan { start: 0, end: 0, quoting: FieldQuoting::None };

impl<D: Dialect> Scanner<D> {
    pub(super) fn new(dialect: D, fields_max: usize) -> Self {
        Self {
            dialect,
            state: ScanState::FieldStart,
            at: 0,
            field: EMPTY_FIELD,
            fields: Vec::new(),
            field_count: 0,
            fields_max,
            has_quotes: false,
            error: None,
        }
    }

    /// Prepares for the next record.
    #[inline]
    pub(super) fn reset(&mut self) {
        self.state = ScanState::FieldStart;
        self.at = 0;
        self.fields.clear();
        self.field_count = 0;
        self.has_quotes = false;
        self.error = None;
    }

    /// The record's fields, up to the limit given to [`Scanner::new`].
    #[inline]
    pub(super) fn fields(&self) -> &[FieldSpan] {
        &self.fields
    }

    /// Pads or trims the record's last fields. `end` is the end of the record.
    pub(super) fn fit(&mut self, fit: FieldFit, end: usize) {
        let missing = FieldSpan { start: end, end, quoting: FieldQuoting::Missing };
        let is_empty = |field: &FieldSpan| field.start == field.end;
        if fit.trims && self.field_count == self.fields.len() {
            while self.fields.len() > fit.field_count && self.fields.last().is_some_and(is_empty) {
                self.fields.pop();
            }
            self.field_count = self.fields.len();
        }
        if fit.pads && self.field_count < fit.field_count {
            self.fields.resize(fit.field_count, missing);
            self.field_count = fit.field_count;
        }
        if fit.appends_missing && self.field_count == fit.field_count {
            self.fields.push(missing);
        }
    }

    /// Appends the text of a field that differs from its bytes in the file.
    pub(super) fn unescape(&self, field: FieldSpan, bytes: &[u8], out: &mut Vec<u8>) {
        let text = &bytes[field.start..field.end];
        match field.quoting {
            FieldQuoting::WithTail => self.dialect.unescape_with_tail(text, out),
            _ => self.dialect.unescape(text, out),
        }
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

    /// Returns the fields that begin with a quote, each from that quote. `end` is the end of a field that is not closed.
    pub(super) fn quoted_fields(&self, end: usize) -> impl Iterator<Item = Range<usize>> {
        let last = FieldSpan { end: if self.state == ScanState::Quoted { end } else { self.field.end }, ..self.field };
        let quoted = self.fields.iter().copied().chain([last]).filter(|field| field.quoting != FieldQuoting::None);
        quoted.map(|field| field.start - 1..field.end)
    }

    #[inline]
    pub(super) fn error(&self) -> Option<(usize, &RejectReason)> {
        self.error.as_ref().map(|(position, reason)| (*position, reason))
    }

    /// Scans a record. `bytes` begin with the record. `ended` says that the file ends after them.
    pub(super) fn scan(&mut self, bytes: &[u8], ended: bool) -> Scan {
        loop {
            let found = match self.state {
                ScanState::FieldStart => self.plain_fields(bytes).or_else(|| self.field_start(bytes, ended)),
                ScanState::Unquoted => self.unquoted(bytes, ended),
                ScanState::Quoted => self.quoted(bytes, ended),
                ScanState::AfterQuote => self.after_quote(bytes, ended),
            };
            if let Some(scan) = found {
                return scan;
            }
        }
    }

    /// The fast path: fields without quotes whose end is in the buffer. Stops at the beginning of any other field.
    #[inline]
    fn plain_fields(&mut self, bytes: &[u8]) -> Option<Scan> {
        let mut start = self.at;
        loop {
            let end = next_special(self.dialect, bytes, start);
            let field = FieldSpan { start, end, quoting: FieldQuoting::None };
            if let Some(length) = self.dialect.delimiter_at(bytes, end) {
                self.add_field(bytes, field);
                start = end + length;
                continue;
            }
            let line_end = match bytes.get(end) {
                Some(b'\n') => 1,
                Some(b'\r') if bytes.get(end + 1) == Some(&b'\n') => 2,
                Some(b'\r') if self.dialect.ends_lines_with_cr() && end + 1 < bytes.len() => 1,
                _ => {
                    self.at = start;
                    return None;
                }
            };
            self.add_field(bytes, field);
            self.at = end;
            return Some(Scan::Record(Extent { length: end, consumed: end + line_end, line_feeds: 0 }));
        }
    }

    #[inline]
    fn field_start(&mut self, bytes: &[u8], ended: bool) -> Option<Scan> {
        self.field = FieldSpan { start: self.at, end: self.at, quoting: FieldQuoting::None };
        let spaces = if self.dialect.trims() { leading_spaces(&bytes[self.at..]) } else { 0 };
        match bytes.get(self.at + spaces) {
            Some(byte) if self.dialect.is_quote(*byte) => {
                self.has_quotes = true;
                self.at += spaces + 1;
                self.field = FieldSpan { start: self.at, end: self.at, quoting: FieldQuoting::Plain };
                self.state = ScanState::Quoted;
                None
            }
            None if !ended => Some(Scan::More),
            _ => {
                self.state = ScanState::Unquoted;
                None
            }
        }
    }

    /// Also scans the rest of a quoted field after its closing quote.
    #[inline]
    fn unquoted(&mut self, bytes: &[u8], ended: bool) -> Option<Scan> {
        self.at = next_special(self.dialect, bytes, self.at);
        if matches!(self.field.quoting, FieldQuoting::None | FieldQuoting::WithTail) {
            self.field.end = self.at;
        }
        if let Some(length) = self.dialect.delimiter_at(bytes, self.at) {
            self.close_field(bytes);
            self.at += length;
            return None;
        }
        match bytes.get(self.at) {
            Some(b'\n') => self.close_record(bytes, 1),
            Some(b'\r') => self.carriage_return(bytes, ended),
            Some(_) if !ended && self.dialect.is_cut_delimiter(&bytes[self.at..]) => Some(Scan::More),
            Some(byte) => {
                if self.dialect.is_quote(*byte) && !self.dialect.is_lenient() {
                    self.note(RejectReason::QuoteInside);
                }
                self.at += 1;
                None
            }
            None if ended => self.close_record(bytes, 0),
            None => Some(Scan::More),
        }
    }

    fn quoted(&mut self, bytes: &[u8], ended: bool) -> Option<Scan> {
        match self.dialect.find_in_quotes(&bytes[self.at..]) {
            Some(found) if self.dialect.is_quote(bytes[self.at + found]) => {
                self.field.end = self.at + found;
                self.at = self.field.end + 1;
                self.state = ScanState::AfterQuote;
                None
            }
            Some(found) if self.at + found + 1 < bytes.len() => {
                self.field.quoting = FieldQuoting::Escaped;
                self.at += found + 2;
                None
            }
            _ if ended => Some(Scan::OpenQuote { at: self.field.start - 1 }),
            // The next byte is escaped and not in the buffer yet.
            found => {
                self.at = found.map_or(bytes.len(), |found| self.at + found);
                Some(Scan::More)
            }
        }
    }

    #[inline]
    fn after_quote(&mut self, bytes: &[u8], ended: bool) -> Option<Scan> {
        if let Some(length) = self.dialect.delimiter_at(bytes, self.at) {
            self.close_field(bytes);
            self.at += length;
            return None;
        }
        let is_next = !self.dialect.trims() || self.at == self.field.end + 1;
        match bytes.get(self.at) {
            Some(byte) if is_next && self.dialect.is_quote(*byte) && self.dialect.doubles_quotes() => {
                self.field.quoting = FieldQuoting::Escaped;
                self.at += 1;
                self.state = ScanState::Quoted;
                return None;
            }
            Some(b' ') if self.dialect.trims() => {
                self.at += 1;
                return None;
            }
            Some(b'\n') => return self.close_record(bytes, 1),
            Some(b'\r') => return self.carriage_return(bytes, ended),
            Some(_) if !ended && self.dialect.is_cut_delimiter(&bytes[self.at..]) => return Some(Scan::More),
            Some(_) if self.dialect.is_lenient() => self.field.quoting = FieldQuoting::WithTail,
            Some(_) => self.note(RejectReason::TextAfterQuote),
            None if ended => return self.close_record(bytes, 0),
            None => return Some(Scan::More),
        }
        self.state = ScanState::Unquoted;
        None
    }

    #[cold]
    fn lone_carriage_return(&mut self) {
        self.note(RejectReason::LoneCarriageReturn);
        self.at += 1;
        self.state = ScanState::Unquoted;
    }

    #[inline]
    fn carriage_return(&mut self, bytes: &[u8], ended: bool) -> Option<Scan> {
        match bytes.get(self.at + 1) {
            Some(b'\n') => self.close_record(bytes, 2),
            None if !ended => Some(Scan::More),
            _ if self.dialect.ends_lines_with_cr() => self.close_record(bytes, 1),
            _ => {
                self.lone_carriage_return();
                None
            }
        }
    }

    #[inline]
    fn close_field(&mut self, bytes: &[u8]) {
        self.add_field(bytes, self.field);
        self.state = ScanState::FieldStart;
    }

    #[inline]
    fn add_field(&mut self, bytes: &[u8], field: FieldSpan) {
        self.field_count += 1;
        if self.field_count <= self.fields_max {
            self.fields.push(if self.dialect.trims() { trim(bytes, field) } else { field });
        }
    }

    #[inline]
    fn close_record(&mut self, bytes: &[u8], line_end: usize) -> Option<Scan> {
        self.close_field(bytes);
        Some(Scan::Record(Extent { length: self.at, consumed: self.at + line_end, line_feeds: 0 }))
    }

    #[cold]
    fn note(&mut self, reason: RejectReason) {
        if self.error.is_none() {
            self.error = Some((self.field_count, reason));
        }
    }
}

fn trim(bytes: &[u8], field: FieldSpan) -> FieldSpan {
    if field.quoting != FieldQuoting::None {
        return field;
    }
    let text = &bytes[field.start..field.end];
    let start = field.start + leading_spaces(text);
    let trailing = text.iter().rev().take_while(|byte| **byte == b' ').count();
    FieldSpan { start, end: start.max(field.end - trailing), ..field }
}

fn leading_spaces(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| **byte == b' ').count()
}

/// Returns the index of the first special byte at or after `from`, or the end.
///
/// Scans 8 bytes at a time. Most fields are short, and for short distances this is faster than a call to vector code.
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
