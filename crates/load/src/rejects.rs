//! `penstock.reject`: writes rejected records in batches.

use formats::{Counts, Reject};
use pipeline::RejectLimits;
use postgres::Client;
use protocol::{Format, RejectSample};

use crate::error::LoadError;
use crate::integers::signed;
use crate::limits::{REJECT_BATCH_BYTES, REJECTS_KEPT_MAX, REJECTS_SHOWN_MAX};

/// The approximate memory of a reject without its texts.
const REJECT_OVERHEAD_BYTES: usize = 128;

/// Collects the rejects of a load, and applies the limits of the dataset.
#[derive(Debug)]
pub(crate) struct RejectWriter {
    limits: RejectLimits,
    /// False for Parquet: its records have no place in the file.
    has_byte_lengths: bool,
    batch: RejectBatch,
    rejected: u64,
    /// Lines of the rejected rows. The limits count lines, because one stray quote can swallow many.
    lines: u64,
    first: Vec<RejectSample>,
}

/// One array for each column, for `unnest`.
#[derive(Debug, Default)]
struct RejectBatch {
    lines: Vec<i64>,
    last_lines: Vec<i64>,
    byte_offsets: Vec<i64>,
    byte_lengths: Vec<Option<i64>>,
    columns: Vec<Option<String>>,
    reasons: Vec<String>,
    raws: Vec<String>,
    bytes: usize,
}

/// The load has more rejects than the dataset allows.
#[derive(Debug)]
pub(crate) struct TooManyRejects {
    pub(crate) reason: String,
    pub(crate) first: Vec<RejectSample>,
}

impl RejectWriter {
    pub(crate) fn new(limits: RejectLimits, format: Format) -> Self {
        let has_byte_lengths = format != Format::Parquet;
        Self { limits, has_byte_lengths, batch: RejectBatch::default(), rejected: 0, lines: 0, first: Vec::new() }
    }

    /// Adds a reject. Fails at the first reject above the limit, so that the rest of the file need not be read.
    pub(crate) fn push(&mut self, reject: Reject) -> Result<(), TooManyRejects> {
        self.rejected += 1;
        self.lines += reject.lines();
        if self.first.len() < REJECTS_SHOWN_MAX {
            self.first.push(sample(&reject));
        }
        self.batch.push(reject, self.has_byte_lengths);
        match self.limits.max_rows {
            Some(max_rows) if self.lines > max_rows => {
                Err(self.too_many(format!("more than {max_rows} rejected lines, the limit in `rejects.max_rows`")))
            }
            _ if self.rejected > REJECTS_KEPT_MAX => {
                Err(self.too_many(format!("more than {REJECTS_KEPT_MAX} rejects, the limit of one load")))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn batch_is_full(&self) -> bool {
        self.batch.bytes >= REJECT_BATCH_BYTES
    }

    /// Writes the batch to the database.
    pub(crate) async fn write(&mut self, client: &Client, load_id: i64) -> Result<(), LoadError> {
        let batch = std::mem::take(&mut self.batch);
        if batch.lines.is_empty() {
            return Ok(());
        }
        client
            .execute(
                r#"insert into penstock.reject
                       (load_id, line, last_line, byte_offset, byte_length, "column", reason, raw)
                   select $1, r.* from unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],
                                              $6::text[], $7::text[], $8::text[]) as r"#,
                &[
                    &load_id,
                    &batch.lines,
                    &batch.last_lines,
                    &batch.byte_offsets,
                    &batch.byte_lengths,
                    &batch.columns,
                    &batch.reasons,
                    &batch.raws,
                ],
            )
            .await?;
        Ok(())
    }

    /// Checks the rejects after all rows are counted. A file of which every row is rejected fails with any limits.
    pub(crate) fn check(&self, counts: &Counts) -> Result<(), TooManyRejects> {
        if counts.rows_read > 0 && counts.rows_loaded == 0 {
            return Err(self.too_many(match counts.rows_read {
                1 => "the only row was rejected".to_owned(),
                rows => format!("all {rows} rows were rejected"),
            }));
        }
        let Some(max_ratio) = self.limits.max_ratio else { return Ok(()) };
        let Counts { rows_loaded, lines_rejected, .. } = *counts;
        // The conversion is exact up to 2^53 rows.
        #[allow(clippy::cast_precision_loss)]
        let is_over = lines_rejected as f64 > max_ratio * (rows_loaded + lines_rejected) as f64;
        if is_over {
            let reason = format!(
                "{lines_rejected} rejected lines and {rows_loaded} loaded rows, the limit is `rejects.max_ratio = {max_ratio}`"
            );
            return Err(self.too_many(reason));
        }
        Ok(())
    }

    pub(crate) fn into_first(self) -> Vec<RejectSample> {
        self.first
    }

    fn too_many(&self, reason: String) -> TooManyRejects {
        TooManyRejects { reason, first: self.first.clone() }
    }
}

fn sample(reject: &Reject) -> RejectSample {
    let Reject { line, last_line, column, reason, .. } = reject;
    let last_line = Some(*last_line).filter(|last_line| last_line != line);
    RejectSample { line: *line, last_line, column: column.clone(), reason: reason.clone() }
}

impl RejectBatch {
    fn push(&mut self, reject: Reject, has_byte_length: bool) {
        let Reject { line, last_line, byte_offset, byte_length, column, reason, raw } = reject;
        let raw = as_text(&raw);
        self.bytes += raw.len() + reason.len() + REJECT_OVERHEAD_BYTES;
        self.lines.push(signed(line));
        self.last_lines.push(signed(last_line));
        self.byte_offsets.push(signed(byte_offset));
        self.byte_lengths.push(has_byte_length.then_some(signed(byte_length)));
        self.columns.push(column);
        self.reasons.push(reason);
        self.raws.push(raw);
    }
}

/// Converts a record to a value of type `text`: NUL and invalid UTF-8 become `\xNN`.
pub(crate) fn as_text(raw: &[u8]) -> String {
    let mut text = String::with_capacity(raw.len());
    for chunk in raw.utf8_chunks() {
        for (index, part) in chunk.valid().split('\0').enumerate() {
            text.push_str(if index == 0 { "" } else { "\\x00" });
            text.push_str(part);
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_bytes_are_escaped() {
        let check = |raw: &[u8], expected: &str| assert_eq!(as_text(raw), expected);
        check(b"", "");
        check("1,café,\u{202e}".as_bytes(), "1,café,\u{202e}");
        check(b"a\0b", "a\\x00b");
        check(b"\0\0", "\\x00\\x00");
        check(b"caf\xE9,2", "caf\\xE9,2");
        check(b"\xFF\xFEx\xC3", "\\xFF\\xFEx\\xC3");
    }

    fn reject(last_line: u64) -> Reject {
        Reject {
            line: 2,
            last_line,
            byte_offset: 9,
            byte_length: 5,
            column: None,
            reason: "r".to_owned(),
            raw: Vec::new(),
        }
    }

    #[test]
    fn reject_limits_are_inclusive() {
        let reject = || reject(2);
        let mut rejects = RejectWriter::new(RejectLimits { max_rows: Some(1), max_ratio: Some(0.25) }, Format::Csv);
        assert!(rejects.push(reject()).is_ok());
        let counts = |rows_loaded, lines_rejected| Counts {
            rows_read: rows_loaded + lines_rejected,
            rows_loaded,
            rows_rejected: lines_rejected,
            lines_rejected,
            ..Counts::default()
        };
        assert!(rejects.check(&counts(3, 1)).is_ok());
        assert!(rejects.check(&counts(0, 0)).is_ok());
        assert!(rejects.check(&counts(2, 1)).is_err());
        assert!(rejects.push(reject()).is_err());
        let unlimited = RejectWriter::new(RejectLimits { max_rows: None, max_ratio: None }, Format::Csv);
        assert_eq!(unlimited.check(&counts(0, 2)).unwrap_err().reason, "all 2 rows were rejected");
        assert!(unlimited.check(&counts(1, 200)).is_ok());
    }

    #[test]
    fn limit_counts_lines_of_rejects() {
        let mut rejects = RejectWriter::new(RejectLimits { max_rows: Some(9), max_ratio: None }, Format::Csv);
        assert!(rejects.push(reject(10)).is_ok());
        assert!(rejects.push(reject(2)).is_err());
        let mut rejects = RejectWriter::new(RejectLimits { max_rows: Some(9), max_ratio: None }, Format::Csv);
        assert!(rejects.push(reject(11)).is_err());
    }

    #[test]
    fn more_rejects_than_the_maximum_fail() {
        let reject = || reject(2);
        for max_rows in [None, Some(u64::MAX)] {
            let mut rejects = RejectWriter::new(RejectLimits { max_rows, max_ratio: None }, Format::Csv);
            rejects.rejected = REJECTS_KEPT_MAX - 1;
            assert!(rejects.push(reject()).is_ok());
            let too_many = rejects.push(reject()).unwrap_err();
            assert_eq!(too_many.reason, "more than 1000000 rejects, the limit of one load");
        }
    }
}
