//! Holds back the last records of the file, which `csv.skip_footer` declares as no data.

use std::collections::VecDeque;

use crate::error::FileError;
use crate::limits::FOOTER_BYTES_MAX;
use crate::reject::Record;

/// The records that may be the last ones.
#[derive(Debug)]
pub(super) struct Footer {
    records_max: usize,
    held: VecDeque<HeldRecord>,
    /// Records in `held`. Blank lines do not count.
    records: usize,
    bytes: usize,
}

/// A record, or a blank line, in memory.
#[derive(Debug)]
pub(super) struct HeldRecord {
    pub(super) line: u64,
    pub(super) last_line: u64,
    pub(super) byte_offset: u64,
    pub(super) bytes: Vec<u8>,
    /// With the line end.
    pub(super) consumed: usize,
    pub(super) is_text: bool,
    pub(super) is_blank_line: bool,
}

impl HeldRecord {
    pub(super) fn record(&self) -> Record<'_> {
        Record { line: self.line, last_line: self.last_line, byte_offset: self.byte_offset, bytes: &self.bytes }
    }

    fn memory(&self) -> usize {
        size_of::<Self>() + self.bytes.len()
    }
}

impl Footer {
    pub(super) fn new(records_max: u32) -> Self {
        Self { records_max: records_max as usize, held: VecDeque::new(), records: 0, bytes: 0 }
    }

    pub(super) fn hold(&mut self, held: HeldRecord) -> Result<(), FileError> {
        self.bytes += held.memory();
        if self.bytes > FOOTER_BYTES_MAX {
            let reason = format!("the last {} records need more than {FOOTER_BYTES_MAX} bytes", self.records_max);
            return Err(FileError::Malformed { line: held.line, reason });
        }
        self.records += usize::from(!held.is_blank_line);
        self.held.push_back(held);
        Ok(())
    }

    /// Returns the next record that is not one of the last.
    pub(super) fn release(&mut self) -> Option<HeldRecord> {
        let is_blank_line = self.held.front()?.is_blank_line;
        if !is_blank_line && self.records <= self.records_max {
            return None;
        }
        let released = self.held.pop_front()?;
        self.records -= usize::from(!is_blank_line);
        self.bytes -= released.memory();
        Some(released)
    }

    /// Number of lines that are still held.
    pub(super) fn lines(&self) -> u64 {
        self.held.iter().map(|held| held.last_line - held.line + 1).sum()
    }
}
