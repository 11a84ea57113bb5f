//! Parquet: <https://parquet.apache.org/docs/file-format/>. Row groups are read one after the other, and in each the
//! columns side by side, page by page: what is in memory is a page of each, and what was fetched of them.
//!
//! - Columns are found by name, as in a CSV header; the schema's types must fit the table's, and each value must.
//! - A line is a row, counted from 1.
//! - Nested columns are jsonb: lists are arrays, structures and maps are objects.

mod chunk;
mod codec;
mod footer;
mod group;
mod header;
mod infer;
mod kind;
mod leaf;
mod nested;
mod pages;
mod rows;
mod schema;
mod thrift;
mod value;

use std::io;

use bytes::Bytes;

pub(crate) use infer::infer;
pub(crate) use rows::read;

/// A file that is read from its end, and then here and there.
pub trait RandomAccess: Send + Sync {
    /// Of the whole file, in bytes.
    fn length(&self) -> u64;
    /// These bytes, all of them; they lie inside the file.
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
