//! A file that is generated while it is sent, so that it may be larger than the disk.

use std::io::{self, Write};

use crate::generated_rows::{csv, csv_header};

const ROWS_A_BLOCK: u64 = 10_000;
const NAME_END: &str = "-mb-streamed.csv";

/// Repeats the same block of rows. The row count shows whether all arrived.
pub(crate) struct StreamedFile {
    header: String,
    block: String,
    blocks: u64,
}

impl StreamedFile {
    /// Creates a file of about this size in MB.
    pub(crate) fn new(mb: u64) -> Self {
        let block = csv(0, ROWS_A_BLOCK);
        Self { header: csv_header(), blocks: (mb * 1_000_000).div_ceil(block.len() as u64), block }
    }

    pub(crate) fn name(mb: u64) -> String {
        format!("{mb}{NAME_END}")
    }

    pub(crate) fn by_name(name: &str) -> Option<Self> {
        name.strip_suffix(NAME_END).and_then(|mb| mb.parse().ok()).map(Self::new)
    }

    pub(crate) fn rows(&self) -> u64 {
        self.blocks * ROWS_A_BLOCK
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.header.len() as u64 + self.blocks * self.block.len() as u64
    }

    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(self.header.as_bytes())?;
        (0..self.blocks).try_for_each(|_| out.write_all(self.block.as_bytes()))
    }
}
