//! Finds the array of records inside a document, by a JSON Pointer.

use super::array::{ElementEnd, line_feeds, malformed, next_token, read_elements};
use super::object::ObjectReader;
use super::pointer::JsonPointer;
use crate::error::FileError;
use crate::json_syntax::unescape;
use crate::row_encoder::RowEncoder;
use crate::row_writer::RowWriter;
use crate::window::Window;

/// Reads the records of each document of the file. Everything else in a document is skipped without being kept.
pub(crate) fn read_records(
    pointer: &str,
    encoder: &RowEncoder<'_>,
    window: &mut Window<'_>,
    writer: &mut RowWriter<'_>,
) -> Result<(), FileError> {
    let segments = JsonPointer::parse(pointer).segments;
    let mut search = RecordSearch { reader: ObjectReader::new(encoder), window, writer, pointer };
    if next_token(search.window)?.is_none() {
        return Err(malformed(search.window.line(), "the file has no JSON document"));
    }
    while next_token(search.window)?.is_some() {
        if !search.read(&segments)? {
            return Err(malformed(
                search.window.line(),
                format!("the document has no array at json.records {pointer:?}"),
            ));
        }
    }
    Ok(())
}

struct RecordSearch<'s, 'w, 'r, 'e> {
    reader: ObjectReader<'e>,
    window: &'s mut Window<'w>,
    writer: &'s mut RowWriter<'r>,
    pointer: &'s str,
}

impl RecordSearch<'_, '_, '_, '_> {
    /// Reads one value. Returns whether the records are in it.
    fn read(&mut self, segments: &[Vec<u8>]) -> Result<bool, FileError> {
        let Some((segment, rest)) = segments.split_first() else {
            if self.peek()? != b'[' {
                let reason = format!("json.records {:?} is no array", self.pointer);
                return Err(malformed(self.window.line(), reason));
            }
            read_elements(self.window, &mut self.reader, self.writer)?;
            return Ok(true);
        };
        match self.peek()? {
            b'{' => self.read_object(segment, rest),
            b'[' => self.read_array(segment, rest),
            _ => self.skip_value().map(|()| false),
        }
    }

    fn read_object(&mut self, segment: &[u8], rest: &[Vec<u8>]) -> Result<bool, FileError> {
        self.window.consume(1, 0);
        let (mut is_first, mut is_found, mut found) = (true, false, false);
        loop {
            match self.peek()? {
                b'}' if is_first => {
                    self.window.consume(1, 0);
                    return Ok(found);
                }
                b'"' => {}
                _ => return self.fail("expected a key in quotes"),
            }
            let is_next = self.key()? == segment;
            if self.peek()? != b':' {
                return self.fail("expected a colon");
            }
            self.window.consume(1, 0);
            self.peek()?;
            if is_next && is_found {
                return self.fail("a key of json.records is repeated");
            }
            if is_next {
                is_found = true;
                found = self.read(rest)?;
            } else {
                self.skip_value()?;
            }
            is_first = false;
            match self.peek()? {
                b'}' => {
                    self.window.consume(1, 0);
                    return Ok(found);
                }
                b',' => self.window.consume(1, 0),
                _ => return self.fail("expected a comma or a closing brace"),
            }
        }
    }

    fn read_array(&mut self, segment: &[u8], rest: &[Vec<u8>]) -> Result<bool, FileError> {
        self.window.consume(1, 0);
        let (mut index, mut found) = (0_u64, false);
        if self.peek()? == b']' {
            self.window.consume(1, 0);
            return Ok(false);
        }
        loop {
            self.peek()?;
            if index.to_string().as_bytes() == segment {
                found = self.read(rest)?;
            } else {
                self.skip_value()?;
            }
            index += 1;
            match self.peek()? {
                b']' => {
                    self.window.consume(1, 0);
                    return Ok(found);
                }
                b',' => self.window.consume(1, 0),
                _ => return self.fail("expected a comma or a closing bracket"),
            }
        }
    }

    fn key(&mut self) -> Result<Vec<u8>, FileError> {
        let mut search = ElementEnd::default();
        let length = loop {
            if let Some(length) = search.find(self.window.unread()) {
                self.window.check_record(length)?;
                break length;
            }
            if self.window.ended() {
                return self.fail("the file ends inside its JSON document");
            }
            self.window.fill()?;
        };
        let mut key = Vec::new();
        let text = &self.window.unread()[1..length - 1];
        if let Err(reason) = unescape(text, &mut key) {
            let reason = reason.to_string();
            return self.fail(&reason);
        }
        self.window.consume(length, line_feeds(&self.window.unread()[..length]));
        Ok(key)
    }

    /// Skips one value by quotes and brackets alone, block by block.
    fn skip_value(&mut self) -> Result<(), FileError> {
        if matches!(self.peek()?, b',' | b']' | b'}' | b':') {
            return self.fail("expected a value");
        }
        let mut search = ElementEnd::default();
        loop {
            let unread = self.window.unread();
            if let Some(length) = search.find(unread) {
                let feeds = line_feeds(&unread[..length]);
                self.window.consume(length, feeds);
                return Ok(());
            }
            if self.window.ended() {
                // A number or word can end the file.
                return self.fail("the file ends inside its JSON document");
            }
            let skipped = search.restart();
            let feeds = line_feeds(&unread[..skipped]);
            self.window.consume(skipped, feeds);
            self.window.fill()?;
        }
    }

    fn peek(&mut self) -> Result<u8, FileError> {
        match next_token(self.window)? {
            Some(byte) => Ok(byte),
            None => self.fail("the file ends inside its JSON document"),
        }
    }

    fn fail<T>(&self, reason: &str) -> Result<T, FileError> {
        Err(malformed(self.window.line(), reason))
    }
}
