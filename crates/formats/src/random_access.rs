use std::io;

use bytes::Bytes;

/// A file that can be read at any offset.
pub trait RandomAccess: Send + Sync {
    /// File size in bytes.
    fn length(&self) -> u64;
    /// Returns exactly `length` bytes. The range is inside the file.
    fn read_at(&self, offset: u64, length: usize) -> io::Result<Bytes>;
}

/// A file in memory.
impl RandomAccess for Bytes {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, offset: u64, length: usize) -> io::Result<Bytes> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let range = start..start.saturating_add(length);
        if range.end > self.len() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(self.slice(range)) }
    }
}
