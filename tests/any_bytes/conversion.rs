use std::io::Read;
use std::iter::Cycle;
use std::slice::Iter;

use bytes::Bytes;
use formats::{Counts, FileError, Reject, RowSpec, Sink, SinkClosed};

/// The result of a conversion.
#[derive(Debug, Default, PartialEq)]
pub struct Conversion {
    /// Tuples in binary COPY format, without header and trailer.
    pub tuples: Vec<u8>,
    pub rejects: Vec<Reject>,
    pub counts: Counts,
}

impl Sink for Conversion {
    fn copy(&mut self, binary_copy_tuples: Bytes) -> Result<(), SinkClosed> {
        self.tuples.extend_from_slice(&binary_copy_tuples);
        Ok(())
    }

    fn reject(&mut self, reject: Reject) -> Result<(), SinkClosed> {
        self.rejects.push(reject);
        Ok(())
    }
}

/// Converts a file that arrives in pieces of these sizes, in a cycle. An error is returned as its message.
///
/// # Panics
/// If the counts differ from the rows and rejects.
pub fn convert(spec: &RowSpec<'_>, file: &[u8], sizes: &[usize]) -> Result<Conversion, String> {
    let mut conversion = Conversion::default();
    let pieces = PiecewiseReader { bytes: file, sizes: sizes.iter().cycle() };
    let counts = formats::convert(spec, pieces, &mut conversion).map_err(|error: FileError| error.to_string())?;
    conversion.counts = counts;
    let (loaded, rejected) = (conversion.fields().len() as u64, conversion.rejects.len() as u64);
    let counted = (counts.rows_read, counts.rows_loaded, counts.rows_rejected);
    assert_eq!(counted, (loaded + rejected, loaded, rejected), "counts (read, loaded, rejected) of the result");
    Ok(conversion)
}

/// Converts the file twice, whole and in pieces, and compares the results.
pub(super) fn convert_whole_and_in_pieces(spec: &RowSpec<'_>, file: &[u8], size: usize) -> Result<Conversion, String> {
    // The amount of text before an error in a damaged stream may differ.
    let message = |error: String| if is_compressed(file) { String::new() } else { error };
    let read = |size: usize| convert(spec, file, &[size]).map_err(message);
    let whole = read(usize::MAX);
    assert_eq!(read(size), whole, "in pieces of {size} bytes, and as a whole");
    whole
}

/// Returns whether the file begins as gzip or zstd. Such a file is decompressed, whatever its name is.
pub(super) fn is_compressed(file: &[u8]) -> bool {
    file.starts_with(b"\x1f\x8b") || file.starts_with(b"\x28\xb5\x2f\xfd")
}

impl Conversion {
    /// Returns the fields of every tuple.
    ///
    /// # Panics
    /// If a tuple or field is incomplete.
    pub fn fields(&self) -> Vec<Vec<Option<&[u8]>>> {
        let mut rest = self.tuples.as_slice();
        let mut tuples = Vec::new();
        while !rest.is_empty() {
            let count = i16::from_be_bytes(take(&mut rest));
            tuples.push((0..count).map(|_| field(&mut rest)).collect());
        }
        tuples
    }

    /// Checks line, byte offset and raw record of each reject against the file.
    pub(super) fn check_rejects(&self, file: &[u8]) {
        for reject in &self.rejects {
            let at = usize::try_from(reject.byte_offset).unwrap_or(usize::MAX);
            let (before, from) = file.split_at_checked(at).unwrap_or((file, &[]));
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count() as u64;
            assert_eq!(reject.line, line, "the line of {reject:?}");
            let line_feeds = reject.raw.iter().filter(|byte| **byte == b'\n').count() as u64;
            assert_eq!(reject.last_line, line + line_feeds, "the last line of {reject:?}");
            assert!(from.starts_with(&reject.raw), "{reject:?} is not at its offset");
        }
    }
}

fn field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    // -1 is NULL.
    let length = usize::try_from(i32::from_be_bytes(take(rest))).ok()?;
    let (field, after) = rest.split_at_checked(length).unwrap_or_else(|| panic!("a field that is not whole"));
    *rest = after;
    Some(field)
}

fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let (taken, after) = rest.split_first_chunk().unwrap_or_else(|| panic!("a tuple that is not whole"));
    *rest = after;
    *taken
}

struct PiecewiseReader<'a> {
    bytes: &'a [u8],
    sizes: Cycle<Iter<'a, usize>>,
}

impl Read for PiecewiseReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let size = self.sizes.next().copied().unwrap_or(1).clamp(1, buffer.len());
        let (piece, _) = buffer.split_at_mut(size);
        self.bytes.read(piece)
    }
}
