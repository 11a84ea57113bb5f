use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::random_access::RandomAccess;

/// The bytes of a column chunk in order, fetched in blocks.
pub(super) struct ChunkBytes {
    file: Arc<dyn RandomAccess>,
    /// Fetched bytes that were not taken yet.
    block: Bytes,
    /// The range that was not fetched yet.
    rest: Range<u64>,
    block_bytes: usize,
}

impl ChunkBytes {
    /// `fetched` is the beginning of the chunk.
    pub(super) fn new(file: &Arc<dyn RandomAccess>, fetched: Bytes, rest: Range<u64>, block_bytes: usize) -> Self {
        Self { file: Arc::clone(file), block: fetched, rest, block_bytes }
    }

    pub(super) fn remaining(&self) -> u64 {
        self.block.len() as u64 + (self.rest.end - self.rest.start)
    }

    /// Returns the next bytes without taking them. Returns fewer at the chunk's end.
    pub(super) fn peek(&mut self, bytes: usize) -> io::Result<&[u8]> {
        while self.block.len() < bytes && !self.rest.is_empty() {
            let wanted = self.block_bytes.max(bytes - self.block.len()) as u64;
            let range = self.rest.start..self.rest.end.min(self.rest.start + wanted);
            self.rest.start = range.end;
            let fetched = read(self.file.as_ref(), range)?;
            self.block = if self.block.is_empty() { fetched } else { joined(&self.block, &fetched) };
        }
        Ok(&self.block[..self.block.len().min(bytes)])
    }

    /// Takes the next bytes. Returns fewer at the chunk's end.
    pub(super) fn take(&mut self, bytes: usize) -> io::Result<Bytes> {
        let found = self.peek(bytes)?.len();
        Ok(self.block.split_to(found))
    }
}

fn joined(first: &[u8], second: &[u8]) -> Bytes {
    let mut both = BytesMut::with_capacity(first.len() + second.len());
    both.extend_from_slice(first);
    both.extend_from_slice(second);
    both.freeze()
}

/// Reads a range that is inside the file.
pub(super) fn read(file: &dyn RandomAccess, range: Range<u64>) -> io::Result<Bytes> {
    let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
    let bytes = file.read_at(range.start, length)?;
    if bytes.len() == length { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
