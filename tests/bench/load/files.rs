//! The input files. They are written before the measurement.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::generated_rows::{Layout, rows_in, write};

const MB: u64 = 1_000_000;
pub(crate) const PARTS: usize = 1000;
const PART_BYTES: u64 = 10_000;

pub(crate) struct BenchFiles {
    pub(crate) folder: PathBuf,
    pub(crate) large_mb: u64,
}

/// Creates each file at its first use. Drop deletes all.
impl BenchFiles {
    pub(crate) fn new(folder: &Path, large_mb: u64) -> Self {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).expect("create the folder of files");
        Self { folder: folder.to_owned(), large_mb }
    }

    pub(crate) fn small_mb(&self) -> u64 {
        self.large_mb.div_ceil(10)
    }

    /// Size for slow tools.
    pub(crate) fn tiny_mb(&self) -> u64 {
        self.small_mb().div_ceil(5)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Returns the name of a file with the rows of `mb` MB of CSV, in this layout.
    pub(crate) fn rows(&self, mb: u64, layout: Layout) -> String {
        let name = match layout {
            Layout::Csv => format!("{mb}-mb.csv"),
            Layout::CsvWithBadRows => format!("{mb}-mb-bad.csv"),
            Layout::JsonLines => format!("{mb}-mb.jsonl"),
        };
        self.make(name, |path| write(path, layout, 0, rows_in(mb * MB)).map(drop))
    }

    pub(crate) fn gzip(&self, mb: u64) -> String {
        let plain = self.path(&self.rows(mb, Layout::Csv));
        self.make(format!("{mb}-mb.csv.gz"), |path| {
            let mut out = GzEncoder::new(BufWriter::new(File::create(path)?), Compression::default());
            io::copy(&mut BufReader::with_capacity(1 << 20, File::open(plain)?), &mut out)?;
            out.finish()?.flush()
        })
    }

    /// Returns the names of many small files, and of one file with all their rows.
    pub(crate) fn parts(&self) -> (Vec<String>, String) {
        let rows = rows_in(PART_BYTES);
        let part = |number: usize| {
            let from = number as u64 * rows;
            self.make(format!("part-{number:04}.csv"), |path| write(path, Layout::Csv, from, from + rows).map(drop))
        };
        let parts = (0..PARTS).map(part).collect();
        let whole =
            self.make("whole.csv".to_owned(), |path| write(path, Layout::Csv, 0, rows * PARTS as u64).map(drop));
        (parts, whole)
    }

    fn make(&self, name: String, make: impl FnOnce(&Path) -> io::Result<()>) -> String {
        let path = self.path(&name);
        if !path.exists() {
            make(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
        name
    }
}

impl Drop for BenchFiles {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
