use crate::error::FileError;
use crate::limits::Limits;
use crate::transcode::TextSource;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const LINE_END_BYTES_MAX: usize = b"\r\n".len();

/// The part of the decompressed UTF-8 file that is in memory: one read block, or one record if that is longer.
///
/// Tracks line and offset, and how far the bytes are known to be valid text.
pub(crate) struct Window<'a> {
    source: TextSource<'a>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// From `start` to this index, all bytes are valid UTF-8 without NUL.
    text_to: usize,
    ended: bool,
    line: u64,
    byte_offset: u64,
    record_bytes_max: usize,
}

impl<'a> Window<'a> {
    /// Reads the first block and skips a byte order mark.
    pub(crate) fn open(source: TextSource<'a>, limits: &Limits) -> Result<Self, FileError> {
        let mut window = Self {
            source,
            buffer: vec![0; limits.read_block_bytes],
            start: 0,
            end: 0,
            text_to: 0,
            ended: false,
            line: 1,
            byte_offset: 0,
            record_bytes_max: limits.record_bytes_max,
        };
        while !window.ended && window.unread().len() < BYTE_ORDER_MARK.len() {
            window.fill()?;
        }
        if window.unread().starts_with(BYTE_ORDER_MARK) {
            window.consume(BYTE_ORDER_MARK.len(), 0);
            if window.unread().is_empty() && !window.ended {
                window.fill()?;
            }
        }
        if window.unread().is_empty() { Err(FileError::Empty) } else { Ok(window) }
    }

    pub(crate) fn unread(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Returns whether [`Window::unread`] holds the rest of the file.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// Line of the first unread byte, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    pub(crate) fn record_bytes_max(&self) -> usize {
        self.record_bytes_max
    }

    pub(crate) fn byte_offset(&self) -> u64 {
        self.byte_offset
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        self.byte_offset + (self.end - self.start) as u64
    }

    #[inline]
    pub(crate) fn consume(&mut self, bytes: usize, line_feeds: usize) {
        self.start += bytes;
        self.byte_offset += bytes as u64;
        self.line += line_feeds as u64;
    }

    /// Reads until the buffer is full. [`Window::unread`] still begins with the same bytes.
    ///
    /// The unread bytes must be the beginning of one record. Their number is checked against the record limit.
    pub(crate) fn fill(&mut self) -> Result<(), FileError> {
        self.check_record((self.end - self.start).saturating_sub(LINE_END_BYTES_MAX))?;
        self.make_room();
        while self.end < self.buffer.len() && !self.ended {
            match self.source.read(&mut self.buffer[self.end..], self.line)? {
                0 => self.ended = true,
                bytes => self.end += bytes,
            }
        }
        self.find_text();
        Ok(())
    }

    /// Checks the size of the record at the first unread byte, without its line end.
    #[inline]
    pub(crate) fn check_record(&self, bytes: usize) -> Result<(), FileError> {
        if bytes > self.record_bytes_max {
            return Err(FileError::RecordTooLarge { line: self.line, limit: self.record_bytes_max });
        }
        Ok(())
    }

    /// Returns whether the next bytes are valid UTF-8 without NUL. After `false`, the caller checks each field.
    #[inline]
    pub(crate) fn is_text(&mut self, bytes: usize) -> bool {
        if self.start > self.text_to {
            self.find_text();
        }
        self.start + bytes <= self.text_to
    }

    /// Checks whole blocks instead of fields, which costs almost nothing.
    fn find_text(&mut self) {
        let from = self.text_to.max(self.start);
        let block = &self.buffer[from..self.end];
        let block = &block[..memchr::memchr(0, block).unwrap_or(block.len())];
        let valid = match simdutf8::compat::from_utf8(block) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        self.text_to = from + valid;
    }

    fn make_room(&mut self) {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.text_to = self.text_to.saturating_sub(self.start);
        self.start = 0;
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
    }
}
