use std::borrow::Cow;
use std::io::{self, Write};

use formats::limits::REJECT_RAW_BYTES_MAX;
use protocol::Format;

/// Why a record is omitted: `penstock.reject` does not have its complete text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeftOut {
    /// The record has no text.
    Blank,
    Cut,
    Escaped,
}

impl LeftOut {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Blank => "a blank line",
            Self::Cut => "only its first 8 KiB are stored",
            Self::Escaped => "it contains \\xNN, which is how bytes that are not text are stored",
        }
    }
}

/// Writes the file to correct: CSV in the dialect of the dataset, or JSON Lines.
pub(super) struct RepairFile<W> {
    out: W,
    format: Format,
    /// The physical line of the next record, from 1.
    line: u64,
}

impl<W: Write> RepairFile<W> {
    /// Starts the file. `format` is that of the loaded file. A `header` that is not empty becomes the first line.
    pub(super) fn begin(mut out: W, format: Format, header: &str) -> io::Result<Self> {
        if !header.is_empty() {
            writeln!(out, "{header}")?;
        }
        let line = 1 + lines(header);
        Ok(Self { out, format, line })
    }

    /// Adds a record and returns its first line.
    pub(super) fn add(&mut self, raw: &str) -> io::Result<Result<u64, LeftOut>> {
        let record = match whole(self.format, raw) {
            Ok(record) => record,
            Err(left_out) => return Ok(Err(left_out)),
        };
        // A final carriage return belongs to the record. A second one keeps it out of the line end.
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

/// Returns the number of lines of a text. An empty text has none.
fn lines(text: &str) -> u64 {
    if text.is_empty() { 0 } else { 1 + text.matches('\n').count() as u64 }
}

/// Returns the record as the file to correct has it.
fn whole(format: Format, raw: &str) -> Result<Cow<'_, str>, LeftOut> {
    let is_json = matches!(format, Format::Json | Format::Jsonl | Format::Parquet);
    if raw.is_empty() || is_json && raw.trim().is_empty() {
        return Err(LeftOut::Blank);
    }
    // A record of exactly this length may be complete, but nothing proves it.
    if raw.len() >= REJECT_RAW_BYTES_MAX {
        return Err(LeftOut::Cut);
    }
    // These mark Parquet values that JSON cannot represent.
    let is_shown_only = format == Format::Parquet && (raw.contains('\u{fffd}') || raw.contains("\"…\""));
    if is_shown_only || has_escape(raw) {
        return Err(LeftOut::Escaped);
    }
    // A line end in JSON is always white space, because strings cannot contain one.
    let is_many_lines = matches!(format, Format::Json | Format::Jsonl | Format::Parquet) && raw.contains(['\n', '\r']);
    Ok(if is_many_lines { raw.replace(['\n', '\r'], " ").into() } else { raw.into() })
}

/// Returns true if the text contains a `\xNN` that the loader may have written for a NUL or for invalid UTF-8.
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
    fn records_are_written_unchanged() {
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
    fn incomplete_record_is_omitted() {
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
