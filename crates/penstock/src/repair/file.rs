//! Refused records as a file that can be corrected, and loaded as it is.

use std::borrow::Cow;
use std::io::{self, Write};

use formats::limits::REJECT_RAW_BYTES_MAX;
use protocol::Format;

/// Why a record cannot be taken from what `penstock.reject` keeps of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeftOut {
    /// There is nothing to correct in it.
    Blank,
    Cut,
    Escaped,
}

impl LeftOut {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Blank => "a blank line",
            Self::Cut => "only its first 8 KiB are kept",
            Self::Escaped => "it has, or seems to have, bytes that are no text, which are kept as \\xNN",
        }
    }
}

/// The file as far as it is written: CSV in the dataset's own dialect, or JSON Lines.
pub(super) struct RepairFile<W> {
    out: W,
    format: Format,
    /// The physical line at which the next record begins, from 1.
    line: u64,
}

impl<W: Write> RepairFile<W> {
    /// `format` is the one in which the records came; `header` goes before those of a CSV file, unless it is empty.
    pub(super) fn begin(mut out: W, format: Format, header: &str) -> io::Result<Self> {
        if !header.is_empty() {
            writeln!(out, "{header}")?;
        }
        let line = 1 + lines(header);
        Ok(Self { out, format, line })
    }

    /// Adds a record, and gives the line where it begins.
    pub(super) fn add(&mut self, raw: &str) -> io::Result<Result<u64, LeftOut>> {
        let record = match whole(self.format, raw) {
            Ok(record) => record,
            Err(left_out) => return Ok(Err(left_out)),
        };
        // A carriage return at the end is part of the record, and must not become part of the line's end.
        let line_end = if record.ends_with('\r') { "\r\n" } else { "\n" };
        write!(self.out, "{record}{line_end}")?;
        let line = self.line;
        self.line += lines(&record);
        Ok(Ok(line))
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// How many a text is that a line end will follow; none where there is no text.
fn lines(text: &str) -> u64 {
    if text.is_empty() { 0 } else { 1 + text.matches('\n').count() as u64 }
}

/// The record as it stands in the file to correct.
fn whole(format: Format, raw: &str) -> Result<Cow<'_, str>, LeftOut> {
    let is_json = matches!(format, Format::Json | Format::Jsonl | Format::Parquet);
    if raw.is_empty() || is_json && raw.trim().is_empty() {
        return Err(LeftOut::Blank);
    }
    // One that is just as long as the limit may be whole; nothing tells.
    if raw.len() >= REJECT_RAW_BYTES_MAX {
        return Err(LeftOut::Cut);
    }
    // What a Parquet file has that JSON has no form for is shown so.
    let is_shown_only = format == Format::Parquet && (raw.contains('\u{fffd}') || raw.contains("\"…\""));
    if is_shown_only || has_escape(raw) {
        return Err(LeftOut::Escaped);
    }
    // A line end in JSON is white space, for inside a string there is none.
    let is_many_lines = matches!(format, Format::Json | Format::Parquet) && raw.contains(['\n', '\r']);
    Ok(if is_many_lines { raw.replace(['\n', '\r'], " ").into() } else { raw.into() })
}

/// Whether there is a `\xNN` as the loader writes it: of a NUL, or of a byte that is no UTF-8.
fn has_escape(raw: &str) -> bool {
    raw.match_indices("\\x").any(|(at, _)| {
        let digits = raw.get(at + 2..at + 4).filter(|digits| !digits.contains(|c: char| c.is_ascii_lowercase()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        byte.is_some_and(|byte| byte == 0 || byte >= 0x80)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: Format, header: &str, raws: &[&str]) -> (String, Vec<Result<u64, LeftOut>>) {
        let mut bytes = Vec::new();
        let mut file = RepairFile::begin(&mut bytes, format, header).unwrap();
        let lines = raws.iter().map(|raw| file.add(raw).unwrap()).collect();
        file.finish().unwrap();
        (String::from_utf8(bytes).unwrap(), lines)
    }

    #[test]
    fn records_stand_as_they_came() {
        let (file, lines) = written(Format::Csv, "id,\"a\nb\"", &["x,1", "y,\"1\n2\"", "z,1\r", "", "w,2"]);
        assert_eq!(file, "id,\"a\nb\"\nx,1\ny,\"1\n2\"\nz,1\r\r\nw,2\n");
        assert_eq!(lines, [Ok(3), Ok(4), Ok(6), Err(LeftOut::Blank), Ok(7)]);
        let (file, lines) = written(Format::Tsv, "", &["x\t1"]);
        assert_eq!((file.as_str(), lines), ("x\t1\n", vec![Ok(1)]));
        let (file, _) = written(Format::Jsonl, "", &["{\"id\":", " "]);
        assert_eq!(file, "{\"id\":\n");
        for format in [Format::Json, Format::Parquet] {
            let (file, lines) = written(format, "", &["{\r\n  \"id\": \"x\\n\"\n}", "{}"]);
            assert_eq!((file.as_str(), lines), ("{    \"id\": \"x\\n\" }\n{}\n", vec![Ok(1), Ok(2)]));
        }
    }

    #[test]
    fn what_is_not_kept_whole_is_left_out() {
        let check = |format: Format, raw: &str, expected: Option<LeftOut>| {
            assert_eq!(whole(format, raw).err(), expected, "{raw:.40}");
        };
        check(Format::Csv, &"x".repeat(REJECT_RAW_BYTES_MAX), Some(LeftOut::Cut));
        check(Format::Csv, &"x".repeat(REJECT_RAW_BYTES_MAX - 1), None);
        check(Format::Csv, "caf\\xE9,1", Some(LeftOut::Escaped));
        check(Format::Csv, "a\\x00", Some(LeftOut::Escaped));
        check(Format::Csv, "a\\x41,\\xe9,\\x,é\\xé", None);
        check(Format::Parquet, "{\"a\":\"caf\u{fffd}\"}", Some(LeftOut::Escaped));
        check(Format::Parquet, "{\"a\":\"…\"}", Some(LeftOut::Escaped));
        check(Format::Jsonl, "{\"a\":\"…\"}", None);
        check(Format::Csv, " ", None);
    }
}
