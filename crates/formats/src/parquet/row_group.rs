//! Fetches row groups: small ones in one request, the columns of large ones in blocks.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};

use super::chunk_bytes::{ChunkBytes, read};
use super::column_reader::{self, ReaderOptions};
use super::footer::range_of;
use super::nested::LeafReaders;
use super::pages::Pages;
use crate::error::FileError;
use crate::limits::Limits;
use crate::random_access::RandomAccess;

pub(super) struct RowGroups<'a> {
    pub(super) file: &'a Arc<dyn RandomAccess>,
    pub(super) limits: &'a Limits,
    pub(super) groups: &'a [RowGroupMetaData],
    /// Positions of the columns to read.
    pub(super) columns: &'a [usize],
    pub(super) grown_bytes: &'a Arc<AtomicU64>,
    /// Offset and bytes of the last fetch.
    pub(super) fetched: (u64, Bytes),
}

impl RowGroups<'_> {
    pub(super) fn open(&mut self, index: usize) -> Result<LeafReaders, FileError> {
        self.fetch(index)?;
        let group = &self.groups[index];
        let blocks_bytes = self.limits.parquet_fetch_bytes / self.columns.len().max(1);
        let block_bytes = blocks_bytes.max(self.limits.parquet_block_bytes_min);
        self.columns.iter().map(|column| self.leaf(group, group.column(*column), block_bytes)).collect()
    }

    fn leaf(
        &self,
        group: &RowGroupMetaData,
        column: &ColumnChunkMetaData,
        block_bytes: usize,
    ) -> Result<Box<dyn column_reader::LeafReader>, FileError> {
        let mut range = range_of(column).unwrap_or_default();
        let fetched = self.part(&range);
        range.start += fetched.len() as u64;
        let count = |number: i64| u64::try_from(number).unwrap_or_default();
        let allowance_bytes = if column.column_descr().max_rep_level() > 0 {
            self.limits.parquet_row_bytes_max
        } else {
            // A batch ends with the first page.
            1
        };
        Ok(column_reader::open(ReaderOptions {
            column: column.column_descr_ptr(),
            pages: Pages {
                chunk: ChunkBytes::new(self.file, fetched, range, block_bytes),
                codec: column.compression_codec(),
                column: column.column_descr_ptr(),
                limits: *self.limits,
                has_dictionary: false,
                is_version_2: false,
                allowance: Arc::default(),
                grown_bytes: Arc::clone(self.grown_bytes),
            },
            allowance_bytes,
            rows: count(group.num_rows()),
            values: count(column.num_values()),
        }))
    }

    /// Fetches this row group and as many after it as fit. Does nothing if it was already fetched.
    fn fetch(&mut self, index: usize) -> Result<(), FileError> {
        let room = self.limits.parquet_fetch_bytes as u64;
        let mut wanted = self.range(index);
        if !self.part(&wanted).is_empty() || wanted.end - wanted.start > room {
            return Ok(());
        }
        // Only row groups with rows have a checked range.
        let with_rows = |next: &usize| self.groups[*next].num_rows() > 0;
        for next in (index + 1..self.groups.len()).filter(with_rows) {
            let next = self.range(next);
            if next.start < wanted.end || next.end - wanted.start > room {
                break;
            }
            wanted.end = next.end;
        }
        // Free the old bytes first, because the limit allows one fetch.
        self.fetched = (0, Bytes::new());
        self.fetched = (wanted.start, read(self.file.as_ref(), wanted).map_err(FileError::Read)?);
        Ok(())
    }

    /// Returns the range from the first to the last byte of the columns to read.
    fn range(&self, group: usize) -> Range<u64> {
        let ranges = self.columns.iter().filter_map(|column| range_of(self.groups[group].column(*column)));
        ranges.reduce(|all, one| all.start.min(one.start)..all.end.max(one.end)).unwrap_or_default()
    }

    /// Returns the range's bytes if all of them were fetched, else no bytes.
    fn part(&self, range: &Range<u64>) -> Bytes {
        let (start, bytes) = &self.fetched;
        let position = |at: u64| at.checked_sub(*start).and_then(|at| usize::try_from(at).ok());
        match (position(range.start), position(range.end)) {
            (Some(from), Some(to)) if to <= bytes.len() => bytes.slice(from..to),
            _ => Bytes::new(),
        }
    }
}
