//! Writes the column `_rescued`: the values of undeclared columns, as one jsonb object.

use crate::copy;
use crate::json_syntax::append_quoted;

/// Version byte of the format of `jsonb_recv`. JSON text follows it.
const JSONB_VERSION: u8 = 1;

/// Writes the object as a field of a tuple. An object without members becomes NULL.
pub(crate) struct RescuedObject<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> RescuedObject<'a> {
    pub(crate) fn begin(out: &'a mut Vec<u8>) -> Self {
        let start = out.len();
        Self { out, start }
    }

    /// Adds a string. Both arguments are valid UTF-8 without NUL.
    pub(crate) fn add_text(&mut self, key: &[u8], text: &[u8]) {
        self.next_member();
        append_quoted(key, self.out);
        self.out.push(b':');
        append_quoted(text, self.out);
    }

    pub(crate) fn add_null(&mut self, key: &[u8]) {
        self.next_member();
        append_quoted(key, self.out);
        self.out.extend_from_slice(b":null");
    }

    /// Adds a JSON value. Both arguments are JSON, and `key` has its quotes.
    pub(crate) fn add_json(&mut self, key: &[u8], value: &[u8]) {
        self.next_member();
        self.out.extend_from_slice(key);
        self.out.push(b':');
        self.out.extend_from_slice(value);
    }

    /// Ends the field and returns the object's text. The text is empty for NULL.
    pub(crate) fn end(self) -> &'a [u8] {
        if self.out.len() == self.start {
            self.out.extend_from_slice(&copy::NULL);
            return &[];
        }
        self.out.push(b'}');
        let length = copy::length(self.out.len() - self.start - copy::NULL.len());
        self.out[self.start..][..length.len()].copy_from_slice(&length);
        &self.out[self.start + length.len() + 1..]
    }

    fn next_member(&mut self) {
        if self.out.len() > self.start {
            self.out.push(b',');
        } else {
            // `end` overwrites these bytes with the length, which is as wide as NULL.
            self.out.extend_from_slice(&copy::NULL);
            self.out.extend_from_slice(&[JSONB_VERSION, b'{']);
        }
    }
}
