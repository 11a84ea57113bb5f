use bytes::Bytes;

use crate::limits::Limits;
use crate::plan::Plan;
use crate::reject::{Reason, Record, RowFault};
use crate::{Counts, FileError, Sink, SinkClosed, copy};

/// Gathers tuples into blocks, and sees to it that a rejected row leaves no bytes behind.
pub(crate) struct Output<'a> {
    plan: &'a Plan<'a>,
    sink: &'a mut dyn Sink,
    limits: &'a Limits,
    block: Vec<u8>,
    field_count: [u8; 2],
    blank_lines: Vec<BlankLine>,
    counts: Counts,
}

struct BlankLine {
    line: u64,
    byte_offset: u64,
}

impl<'a> Output<'a> {
    pub(crate) fn new(plan: &'a Plan<'a>, sink: &'a mut dyn Sink, limits: &'a Limits) -> Self {
        Self {
            plan,
            sink,
            limits,
            block: Vec::new(),
            // A table has at most 1600 columns, and PostgreSQL compares this count with them.
            field_count: i16::try_from(plan.field_count()).unwrap_or(i16::MAX).to_be_bytes(),
            blank_lines: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// One record: `encode` appends its fields, in the table's order, or says what is wrong with it.
    #[inline]
    pub(crate) fn row(
        &mut self,
        record: Record<'_>,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), RowFault>,
    ) -> Result<(), FileError> {
        if !self.blank_lines.is_empty() {
            self.reject_blank_lines()?;
        }
        let row_start = self.block.len();
        self.block.extend_from_slice(&self.field_count);
        if let Err(fault) = encode(&mut self.block) {
            self.block.truncate(row_start);
            return self.reject(record, &fault);
        }
        if let Some(load_id) = self.plan.lineage {
            copy::int8(&mut self.block, load_id);
        }
        self.counts.rows_read += 1;
        self.counts.rows_loaded += 1;
        if self.block.len() >= self.limits.copy_block_bytes { self.flush() } else { Ok(()) }
    }

    /// A blank line. It is rejected once something follows it, for at the end of a file blank lines mean nothing.
    pub(crate) fn blank_line(&mut self, line: u64, byte_offset: u64) -> Result<(), FileError> {
        if self.blank_lines.len() >= self.limits.trailing_blank_lines_max {
            self.reject_blank_lines()?;
        }
        self.blank_lines.push(BlankLine { line, byte_offset });
        Ok(())
    }

    pub(crate) fn finish(mut self, decompressed_bytes: u64) -> Result<Counts, FileError> {
        self.flush()?;
        Ok(Counts { decompressed_bytes, ..self.counts })
    }

    #[cold]
    fn reject_blank_lines(&mut self) -> Result<(), FileError> {
        for BlankLine { line, byte_offset } in std::mem::take(&mut self.blank_lines) {
            let record = Record { line, byte_offset, bytes: &[] };
            self.reject(record, &RowFault::of_row(Reason::BlankLine))?;
        }
        Ok(())
    }

    #[cold]
    fn reject(&mut self, record: Record<'_>, fault: &RowFault) -> Result<(), FileError> {
        self.counts.rows_read += 1;
        self.counts.rows_rejected += 1;
        let column = fault.column.and_then(|column| self.plan.name(column));
        let reject = record.reject(column, &fault.reason, self.limits.reject_raw_bytes_max);
        self.sink.reject(reject).map_err(FileError::from)
    }

    fn flush(&mut self) -> Result<(), FileError> {
        if self.block.is_empty() {
            return Ok(());
        }
        // The last row overshoots the limit: room for it saves growing every block once.
        let room = self.limits.copy_block_bytes + self.limits.copy_block_bytes / 8;
        let full = std::mem::replace(&mut self.block, Vec::with_capacity(room));
        let sent: Result<(), SinkClosed> = self.sink.copy(Bytes::from(full));
        Ok(sent?)
    }
}
