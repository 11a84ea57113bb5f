//! `_rescued`: what a record has beyond the dataset's columns, as one jsonb object.

use crate::copy;

/// The version of the format that `jsonb_recv` reads; the JSON text follows it.
const JSONB_VERSION: u8 = 1;

/// An object in the making, as a field of a tuple. Without a member it becomes NULL.
pub(crate) struct Rescued<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> Rescued<'a> {
    pub(crate) fn begin(out: &'a mut Vec<u8>) -> Self {
        let start = out.len();
        Self { out, start }
    }

    /// Both are valid UTF-8 without NUL.
    pub(crate) fn add_text(&mut self, key: &[u8], text: &[u8]) {
        self.next_member();
        append_string(key, self.out);
        self.out.push(b':');
        append_string(text, self.out);
    }

    pub(crate) fn add_null(&mut self, key: &[u8]) {
        self.next_member();
        append_string(key, self.out);
        self.out.extend_from_slice(b":null");
    }

    /// Both are JSON, the key in its quotes.
    pub(crate) fn add_json(&mut self, key: &[u8], value: &[u8]) {
        self.next_member();
        self.out.extend_from_slice(key);
        self.out.push(b':');
        self.out.extend_from_slice(value);
    }

    /// Gives the object's text, empty for NULL.
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
            // The length comes last, and takes as many bytes as NULL.
            self.out.extend_from_slice(&copy::NULL);
            self.out.extend_from_slice(&[JSONB_VERSION, b'{']);
        }
    }
}

/// As a JSON string, in its quotes.
pub(crate) fn append_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) {
        out.extend_from_slice(&rest[..at]);
        match rest[at] {
            byte @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => out.extend_from_slice(format!("\\u{control:04x}").as_bytes()),
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}
