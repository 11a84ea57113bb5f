use bytes::Bytes;

use crate::error::{FileError, SinkClosed};
use crate::limits::Limits;
use crate::object_fields::ObjectFields;
use crate::reject::{Record, RejectReason, RowError};
use crate::row_encoder::RowEncoder;
use crate::sink::{Counts, Sink};

/// Collects tuples into blocks. Removes the bytes of a rejected row.
pub(crate) struct RowWriter<'a> {
    encoder: &'a RowEncoder<'a>,
    object_fields: ObjectFields,
    sink: &'a mut dyn Sink,
    limits: &'a Limits,
    block: Vec<u8>,
    field_count: [u8; 2],
    blank_runs: Vec<BlankRun>,
    counts: Counts,
}

/// Consecutive blank lines of equal length. A run needs the same memory for any number of lines.
struct BlankRun {
    line: u64,
    byte_offset: u64,
    /// Length of one line with its line end.
    line_bytes: u64,
    lines: u64,
}

impl BlankRun {
    /// Returns whether a blank line continues this run. A comment between two blank lines ends a run.
    fn continues_at(&self, line: u64, line_bytes: u64) -> bool {
        self.line_bytes == line_bytes && self.line + self.lines == line
    }
}

impl<'a> RowWriter<'a> {
    pub(crate) fn new(
        encoder: &'a RowEncoder<'a>,
        object_fields: ObjectFields,
        sink: &'a mut dyn Sink,
        limits: &'a Limits,
    ) -> Self {
        let field_count = encoder.field_count() + object_fields.count;
        Self {
            encoder,
            object_fields,
            sink,
            limits,
            block: Vec::new(),
            // A table has at most 1600 columns, and PostgreSQL checks the count.
            field_count: i16::try_from(field_count).unwrap_or(i16::MAX).to_be_bytes(),
            blank_runs: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// Writes one record. `encode` appends its fields in the table's order, or returns the reject reason.
    #[inline]
    pub(crate) fn row(
        &mut self,
        record: Record<'_>,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), RowError>,
    ) -> Result<(), FileError> {
        if !self.blank_runs.is_empty() {
            self.reject_blank_lines()?;
        }
        match self.try_row(record.line, encode)? {
            Ok(()) => Ok(()),
            Err(error) => self.reject(record, &error),
        }
    }

    /// Writes one record. On a reject reason, the caller calls [`RowWriter::reject`] with the record's text.
    #[inline]
    pub(crate) fn try_row(
        &mut self,
        line: u64,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), RowError>,
    ) -> Result<Result<(), RowError>, FileError> {
        let row_start = self.block.len();
        self.block.extend_from_slice(&self.field_count);
        if let Err(error) = encode(&mut self.block) {
            self.block.truncate(row_start);
            return Ok(Err(error));
        }
        self.object_fields.append(line, &mut self.block);
        self.counts.rows_read += 1;
        self.counts.rows_loaded += 1;
        if self.block.len() >= self.limits.copy_block_bytes {
            self.flush()?;
        }
        Ok(Ok(()))
    }

    /// Notes a blank line of `bytes` bytes, with its line end. It is rejected when a record follows, because blank
    /// lines at the end of a file are ignored.
    pub(crate) fn blank_line(&mut self, line: u64, byte_offset: u64, bytes: usize) -> Result<(), FileError> {
        let line_bytes = bytes as u64;
        if let Some(run) = self.blank_runs.last_mut().filter(|run| run.continues_at(line, line_bytes)) {
            run.lines += 1;
            return Ok(());
        }
        if self.blank_runs.len() >= self.limits.blank_runs_max {
            self.reject_blank_lines()?;
        }
        self.blank_runs.push(BlankRun { line, byte_offset, line_bytes, lines: 1 });
        Ok(())
    }

    /// Counts lines that are no data.
    pub(crate) fn skip_lines(&mut self, lines: u64) {
        self.counts.lines_skipped += lines;
    }

    pub(crate) fn header(&mut self, raw: &[u8]) {
        self.sink.header(raw);
    }

    pub(crate) fn finish(mut self, decompressed_bytes: u64) -> Result<Counts, FileError> {
        self.flush()?;
        Ok(Counts { decompressed_bytes, ..self.counts })
    }

    #[cold]
    fn reject_blank_lines(&mut self) -> Result<(), FileError> {
        for run in std::mem::take(&mut self.blank_runs) {
            for index in 0..run.lines {
                let byte_offset = run.byte_offset + index * run.line_bytes;
                let line = run.line + index;
                let record = Record { line, last_line: line, byte_offset, bytes: &[] };
                self.reject(record, &RowError::of_row(RejectReason::BlankLine))?;
            }
        }
        Ok(())
    }

    #[cold]
    pub(crate) fn reject(&mut self, record: Record<'_>, error: &RowError) -> Result<(), FileError> {
        self.counts.rows_read += 1;
        self.counts.rows_rejected += 1;
        let column = error.column.and_then(|column| self.encoder.name(column));
        let reject = record.reject(column, &error.reason, self.limits.reject_raw_bytes_max);
        self.counts.lines_rejected += reject.lines();
        self.sink.reject(reject).map_err(FileError::from)
    }

    fn flush(&mut self) -> Result<(), FileError> {
        if self.block.is_empty() {
            return Ok(());
        }
        // The last row exceeds the limit. This capacity avoids one reallocation per block.
        let room = self.limits.copy_block_bytes + self.limits.copy_block_bytes / 8;
        let full = std::mem::replace(&mut self.block, Vec::with_capacity(room));
        let sent: Result<(), SinkClosed> = self.sink.copy(Bytes::from(full));
        Ok(sent?)
    }
}
