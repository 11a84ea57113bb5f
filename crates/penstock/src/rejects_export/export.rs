use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use protocol::{Compression, FileKind, Format, ObjectRef};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::history::{History, LoadRow, RejectRow};
use crate::output::{grouped, print_line};
use crate::rejects_export::repair_file::{LeftOut, RepairFile};

/// Maximum number of omitted records in the output. The file of reasons has all of them.
const LEFT_OUT_SHOWN_MAX: usize = 10;

/// The result of an export.
#[derive(Debug, Serialize)]
pub(crate) struct RejectsExport {
    load_id: i64,
    file: PathBuf,
    reasons: PathBuf,
    records: u64,
    /// Number of omitted records, because the ledger does not have their complete text.
    left_out: u64,
    first_left_out: Vec<OmittedRecord>,
    /// The file that has these records completely.
    source: ObjectRef,
}

#[derive(Debug, Serialize)]
struct OmittedRecord {
    line: i64,
    last_line: i64,
    why: &'static str,
    /// The bytes of the decompressed file that are the whole record.
    range: Option<String>,
}

/// Writes all rejects of a load to a new file. The default name contains the number of the load.
pub(crate) async fn export_rejects(history: &History, load_id: i64, file: Option<&Path>) -> Result<RejectsExport> {
    let load = history.load(load_id).await?;
    if load.rows_rejected == 0 {
        return Err(Error::NoRejects(load_id));
    }
    let source = ObjectRef { version_id: load.version_id.clone(), ..ObjectRef::new(&*load.bucket, &*load.key) };
    let header = history.repair_inputs(load_id).await?.header;
    let format = format_of(&load.key, header.is_some());
    let header = match (format, header) {
        (Format::Csv | Format::Tsv, None) => return Err(Error::NoHeader { load_id, file: address(&source) }),
        (_, header) => header.unwrap_or_default(),
    };
    let file = match file {
        Some(file) => named(file, format)?,
        None => PathBuf::from(default_name(&load, format)),
    };
    let mut reasons = file.clone().into_os_string();
    reasons.push(".reasons.csv");
    let reasons = PathBuf::from(reasons);

    let mut export =
        RejectsExport { load_id, file, reasons, records: 0, left_out: 0, first_left_out: Vec::new(), source };
    let out = create(&export.file)?;
    let mut reasons_out = create(&export.reasons)?;
    let (file, reasons) = (export.file.clone(), export.reasons.clone());
    let mut repair = RepairFile::begin(out, format, &header).map_err(cannot_write(&file))?;
    reasons_out.write_all(REASONS_HEADER.as_bytes()).map_err(cannot_write(&reasons))?;
    let take = |reject: &RejectRow| {
        let added = repair.add(&reject.raw).map_err(cannot_write(&file))?;
        export.count(reject, added);
        reasons_out.write_all(reason_line(reject, added).as_bytes()).map_err(cannot_write(&reasons))
    };
    history.each_reject(load_id, take).await?;
    repair.finish().map_err(cannot_write(&file))?;
    reasons_out.flush().map_err(cannot_write(&reasons))?;
    Ok(export)
}

impl RejectsExport {
    fn count(&mut self, reject: &RejectRow, added: Result<u64, LeftOut>) {
        match added {
            Ok(_) => self.records += 1,
            Err(LeftOut::Blank) => {}
            Err(left_out) => {
                self.left_out += 1;
                if self.first_left_out.len() < LEFT_OUT_SHOWN_MAX {
                    self.first_left_out.push(OmittedRecord {
                        line: reject.line,
                        last_line: reject.last_line,
                        why: left_out.words(),
                        range: reject.cut_range(),
                    });
                }
            }
        }
    }

    pub(crate) fn print(&self) {
        let Self { load_id, file, reasons, records, left_out, first_left_out, source } = self;
        let (file, reasons) = (file.display(), reasons.display());
        print_line(&format!(
            "wrote {} rejects of load {load_id} to {file}, and their reasons to {reasons}",
            grouped(*records)
        ));
        if *left_out > 0 {
            let from = address(source);
            print_line(&format!("{} more are not stored completely; take them from {from}", grouped(*left_out)));
            for omitted in first_left_out {
                let range = omitted.range.as_ref().map(|range| format!("; the whole record is {range}"));
                let range = range.unwrap_or_default();
                print_line(&format!("  lines {} to {}: {}{range}", omitted.line, omitted.last_line, omitted.why));
            }
            let more = left_out.saturating_sub(first_left_out.len() as u64);
            if more > 0 {
                print_line(&format!("  and {} more, listed in {reasons}", grouped(more)));
            }
        }
        print_line(&format!(
            "correct the records, delete those that must not be loaded, then run: penstock repair {load_id} {file}"
        ));
    }
}

fn cannot_write(path: &Path) -> impl FnOnce(io::Error) -> Error {
    Error::file("write", path)
}

/// Creates a new file. Fails if it exists, so a file under correction is never overwritten.
fn create(path: &Path) -> Result<BufWriter<File>> {
    File::create_new(path).map(BufWriter::new).map_err(Error::file("create", path))
}

/// Returns the format of a loaded file by its ending. Of a key with another ending, whose dataset declares the format,
/// the ledger has a header only if it is CSV.
fn format_of(key: &str, has_header: bool) -> Format {
    let unknown = if has_header { Format::Csv } else { Format::Jsonl };
    Format::of_key(key).map_or(unknown, |(format, _)| format)
}

/// Returns the extension of the file to correct, which selects its format. The ledger keeps Parquet records as JSON.
fn ending(format: Format) -> &'static str {
    match format {
        Format::Csv => "csv",
        Format::Tsv => "tsv",
        Format::Json | Format::Jsonl | Format::Parquet => "jsonl",
    }
}

fn default_name(load: &LoadRow, format: Format) -> String {
    let name = load.key.rsplit('/').next().unwrap_or_default();
    let stem = name.split('.').next().filter(|stem| !stem.is_empty()).unwrap_or("records");
    format!("{stem}-load-{}.{}", load.load_id, ending(format))
}

/// Checks that the extension of the file name fits the format of the records.
fn named(file: &Path, format: Format) -> Result<PathBuf> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let needed = format_of(&format!("x.{}", ending(format)), true);
    let is_ignored = matches!(FileKind::of_key(&name), Ok(FileKind::Ignored { .. }));
    if !is_ignored && Format::of_key(&name) == Ok((needed, Compression::None)) {
        return Ok(file.to_owned());
    }
    let reason = format!("the records have the format .{}", ending(format));
    Err(Error::NotARepair { file: file.display().to_string(), reason })
}

fn address(source: &ObjectRef) -> String {
    source.version_id.as_ref().map_or_else(|| source.to_string(), |version| format!("{source}, version {version}"))
}

const REASONS_HEADER: &str = "file_line,line,last_line,column,reason,left_out,raw\n";

/// Formats one line of the reasons. `file_line` is the first line of the record in the file to correct, `line` that in
/// the loaded file.
fn reason_line(reject: &RejectRow, added: Result<u64, LeftOut>) -> String {
    let (file_line, left_out) = match added {
        Ok(line) => (line.to_string(), ""),
        Err(left_out) => (String::new(), left_out.words()),
    };
    let column = quoted(reject.column.as_deref().unwrap_or_default());
    let (reason, left_out, raw) = (quoted(&reject.reason), quoted(left_out), quoted(&reject.raw));
    format!("{file_line},{},{},{column},{reason},{left_out},{raw}\n", reject.line, reject.last_line)
}

fn quoted(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn export_name_must_fit_the_format() {
        let check = |file: &str, key: &str, expected: bool| {
            assert_eq!(named(Path::new(file), format_of(key, true)).is_ok(), expected, "{file} of {key}");
        };
        check("out/mine.csv", "raw/orders.csv.gz", true);
        check("mine.txt", "raw/orders.csv", true);
        check("mine.tsv", "raw/orders.csv", false);
        check("mine.csv.gz", "raw/orders.csv", false);
        check("mine.jsonl", "raw/orders.parquet", true);
        check("mine.json", "raw/orders.json", false);
        check("mine", "raw/orders.csv", false);
    }

    #[test]
    fn reason_is_one_csv_record() {
        let reject = RejectRow {
            line: 7,
            last_line: 8,
            byte_offset: 90,
            byte_length: Some(10),
            column: Some("price".to_owned()),
            reason: "not a number".to_owned(),
            raw: "1,\"a\nb\",x".to_owned(),
        };
        assert_eq!(reason_line(&reject, Ok(2)), "2,7,8,\"price\",\"not a number\",,\"1,\"\"a\nb\"\",x\"\n");
        let of_row = RejectRow { column: None, ..reject };
        assert!(reason_line(&of_row, Err(LeftOut::Cut)).starts_with(",7,8,,\"not a number\",\"only its first 8 KiB"));
    }
}
