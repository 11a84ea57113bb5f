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
    blank_runs: Vec<BlankRun>,
    counts: Counts,
}

/// Blank lines right after one another, all of one length: any number of them takes up no more room than one.
struct BlankRun {
    line: u64,
    byte_offset: u64,
    /// Of each line, its end included.
    line_bytes: u64,
    lines: u64,
}

impl BlankRun {
    /// A comment between two blank lines parts them.
    fn goes_on_at(&self, line: u64, line_bytes: u64) -> bool {
        self.line_bytes == line_bytes && self.line + self.lines == line
    }
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
            blank_runs: Vec::new(),
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
        if !self.blank_runs.is_empty() {
            self.reject_blank_lines()?;
        }
        match self.try_row(encode)? {
            Ok(()) => Ok(()),
            Err(fault) => self.reject(record, &fault),
        }
    }

    /// The same for a record that is only put together when it must be shown: the caller rejects it.
    #[inline]
    pub(crate) fn try_row(
        &mut self,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), RowFault>,
    ) -> Result<Result<(), RowFault>, FileError> {
        let row_start = self.block.len();
        self.block.extend_from_slice(&self.field_count);
        if let Err(fault) = encode(&mut self.block) {
            self.block.truncate(row_start);
            return Ok(Err(fault));
        }
        if let Some(load_id) = self.plan.lineage {
            copy::int8(&mut self.block, load_id);
        }
        self.counts.rows_read += 1;
        self.counts.rows_loaded += 1;
        if self.block.len() >= self.limits.copy_block_bytes {
            self.flush()?;
        }
        Ok(Ok(()))
    }

    /// A blank line. It is rejected once something follows it, for at the end of a file blank lines mean nothing.
    /// `bytes` is its length with its end.
    pub(crate) fn blank_line(&mut self, line: u64, byte_offset: u64, bytes: usize) -> Result<(), FileError> {
        let line_bytes = bytes as u64;
        if let Some(run) = self.blank_runs.last_mut().filter(|run| run.goes_on_at(line, line_bytes)) {
            run.lines += 1;
            return Ok(());
        }
        if self.blank_runs.len() >= self.limits.blank_runs_max {
            self.reject_blank_lines()?;
        }
        self.blank_runs.push(BlankRun { line, byte_offset, line_bytes, lines: 1 });
        Ok(())
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
                let record = Record { line: run.line + index, byte_offset, bytes: &[] };
                self.reject(record, &RowFault::of_row(Reason::BlankLine))?;
            }
        }
        Ok(())
    }

    #[cold]
    pub(crate) fn reject(&mut self, record: Record<'_>, fault: &RowFault) -> Result<(), FileError> {
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
