//! What a load refused, as a file to correct, and a second one that says what is wrong.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use protocol::{Compression, FileKind, Format, ObjectRef};
use serde::Serialize;

use super::file::{LeftOut, RepairFile};
use crate::history::{History, Load, Reject};
use crate::numbers::grouped;
use crate::table::say;
use crate::{Error, Result};

/// Records left out that are named one by one; the file of reasons has all of them.
const LEFT_OUT_SHOWN_MAX: usize = 10;

/// What was written, and what was not.
#[derive(Debug, Serialize)]
pub(crate) struct Export {
    load_id: i64,
    file: PathBuf,
    reasons: PathBuf,
    records: u64,
    /// Records that cannot be corrected from what is kept of them.
    left_out: u64,
    first_left_out: Vec<Missing>,
    /// Where these are whole.
    source: ObjectRef,
}

#[derive(Debug, Serialize)]
struct Missing {
    line: i64,
    why: &'static str,
}

/// Writes all that a load refused into a new file, named by the load unless `file` names it.
pub(crate) async fn export(history: &History, load_id: i64, file: Option<&Path>) -> Result<Export> {
    let load = history.load(load_id).await?;
    if load.rows_rejected == 0 {
        return Err(Error::NothingRefused(load_id));
    }
    let source = ObjectRef { version_id: load.version_id.clone(), ..ObjectRef::new(&*load.bucket, &*load.key) };
    let format = format_of(&load.key);
    let header = match (format, history.repair_basis(load_id).await?.header) {
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

    let mut export = Export { load_id, file, reasons, records: 0, left_out: 0, first_left_out: Vec::new(), source };
    let out = create(&export.file)?;
    let mut told = create(&export.reasons)?;
    let (file, reasons) = (export.file.clone(), export.reasons.clone());
    let mut repair = RepairFile::begin(out, format, &header).map_err(cannot(&file))?;
    told.write_all(REASONS_HEADER.as_bytes()).map_err(cannot(&reasons))?;
    let take = |reject: &Reject| {
        let added = repair.add(&reject.raw).map_err(cannot(&file))?;
        export.count(reject, added);
        told.write_all(reason_line(reject, added).as_bytes()).map_err(cannot(&reasons))
    };
    history.each_reject(load_id, take).await?;
    repair.finish().map_err(cannot(&file))?;
    told.flush().map_err(cannot(&reasons))?;
    Ok(export)
}

impl Export {
    fn count(&mut self, reject: &Reject, added: Result<u64, LeftOut>) {
        match added {
            Ok(_) => self.records += 1,
            Err(LeftOut::Blank) => {}
            Err(left_out) => {
                self.left_out += 1;
                if self.first_left_out.len() < LEFT_OUT_SHOWN_MAX {
                    self.first_left_out.push(Missing { line: reject.line, why: left_out.words() });
                }
            }
        }
    }

    pub(crate) fn print(&self) {
        let Self { load_id, file, reasons, records, left_out, first_left_out, source } = self;
        let (file, reasons) = (file.display(), reasons.display());
        say(&format!(
            "{} refused records of load {load_id} are in {file}, the reasons in {reasons}",
            grouped(*records)
        ));
        if *left_out > 0 {
            let from = address(source);
            say(&format!("{} cannot be corrected from what is kept: take them from {from}", grouped(*left_out)));
            first_left_out.iter().for_each(|missing| say(&format!("  line {}: {}", missing.line, missing.why)));
            let more = left_out.saturating_sub(first_left_out.len() as u64);
            if more > 0 {
                say(&format!("  and {} more, which {reasons} names", grouped(more)));
            }
        }
        say(&format!("correct the file, take out what is not to be loaded, then: penstock repair {load_id} {file}"));
    }
}

fn cannot(path: &Path) -> impl FnOnce(io::Error) -> Error {
    Error::file("write", path)
}

/// A repair that somebody is working on is never written over.
fn create(path: &Path) -> Result<BufWriter<File>> {
    File::create_new(path).map(BufWriter::new).map_err(Error::file("create", path))
}

/// What cannot be told was never loaded.
fn format_of(key: &str) -> Format {
    match FileKind::of_key(key) {
        Ok(FileKind::Data { format, .. }) => format,
        Ok(FileKind::Trigger {} | FileKind::Ignored { .. }) | Err(_) => Format::Csv,
    }
}

/// The ending of a file to correct, which says how it is read again. A Parquet file's records are kept as JSON.
fn ending(format: Format) -> &'static str {
    match format {
        Format::Csv => "csv",
        Format::Tsv => "tsv",
        Format::Json | Format::Jsonl | Format::Parquet => "jsonl",
    }
}

fn default_name(load: &Load, format: Format) -> String {
    let name = load.key.rsplit('/').next().unwrap_or_default();
    let stem = name.split('.').next().filter(|stem| !stem.is_empty()).unwrap_or("records");
    format!("{stem}-load-{}.{}", load.load_id, ending(format))
}

/// Only a name that says what is in the file.
fn named(file: &Path, format: Format) -> Result<PathBuf> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let kind = FileKind::of_key(&name);
    let needed = format_of(&format!("x.{}", ending(format)));
    if matches!(kind, Ok(FileKind::Data { format, compression: Compression::None }) if format == needed) {
        return Ok(file.to_owned());
    }
    let reason = format!("the records are written as .{}", ending(format));
    Err(Error::NotARepair { file: file.display().to_string(), reason })
}

fn address(source: &ObjectRef) -> String {
    source.version_id.as_ref().map_or_else(|| source.to_string(), |version| format!("{source}, version {version}"))
}

const REASONS_HEADER: &str = "file_line,line,column,reason,left_out,raw\n";

/// `file_line` is where the record begins in the file to correct, `line` where it began in the file that was loaded.
fn reason_line(reject: &Reject, added: Result<u64, LeftOut>) -> String {
    let (file_line, left_out) = match added {
        Ok(line) => (line.to_string(), ""),
        Err(left_out) => (String::new(), left_out.words()),
    };
    let column = quoted(reject.column.as_deref().unwrap_or_default());
    let (reason, left_out, raw) = (quoted(&reject.reason), quoted(left_out), quoted(&reject.raw));
    format!("{file_line},{},{column},{reason},{left_out},{raw}\n", reject.line)
}

fn quoted(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_is_named_by_what_is_in_it() {
        let check = |file: &str, key: &str, expected: bool| {
            assert_eq!(named(Path::new(file), format_of(key)).is_ok(), expected, "{file} of {key}");
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
    fn a_reason_is_one_record_of_its_file() {
        let reject = Reject {
            line: 7,
            byte_offset: 90,
            column: Some("price".to_owned()),
            reason: "not a number".to_owned(),
            raw: "1,\"a\nb\",x".to_owned(),
        };
        assert_eq!(reason_line(&reject, Ok(2)), "2,7,\"price\",\"not a number\",,\"1,\"\"a\nb\"\",x\"\n");
        let of_row = Reject { column: None, ..reject };
        assert!(reason_line(&of_row, Err(LeftOut::Cut)).starts_with(",7,,\"not a number\",\"only its first 8 KiB"));
    }
}
