//! Deterministic rows with ten columns of common types.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// The columns of all tables. The checksum covers them.
pub(crate) const COLUMNS: [(&str, &str); 10] = [
    ("id", "bigint not null"),
    ("customer", "integer not null"),
    ("quantity", "integer not null"),
    ("price", "numeric(10,2) not null"),
    ("weight", "double precision"),
    ("ordered_on", "date not null"),
    ("shipped_at", "timestamp"),
    ("is_gift", "boolean not null"),
    ("country", "text not null"),
    ("note", "text"),
];

const COUNTRIES: [&str; 8] = ["Norway", "Chile", "Japan", "Kenya", "New Zealand", "Portugal", "Viet Nam", "Iceland"];
const WORDS: [&str; 8] = ["leave", "at", "the", "door", "call", "before", "noon", "fragile"];

/// One row in this many has a price with three decimals, which the column refuses.
pub(crate) const ROWS_PER_BAD_ROW: u64 = 1000;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    Csv,
    CsvWithBadRows,
    JsonLines,
}

/// Writes rows `from..to`. Returns the bytes written.
pub(crate) fn write(path: &Path, layout: Layout, from: u64, to: u64) -> io::Result<u64> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut line = if layout == Layout::JsonLines { String::new() } else { csv_header() };
    let mut bytes = 0;
    for id in from..to {
        let row = GeneratedRow::new(id);
        match layout {
            Layout::Csv => row.csv(&mut line, ""),
            Layout::CsvWithBadRows => row.csv(&mut line, if id % ROWS_PER_BAD_ROW == 0 { "5" } else { "" }),
            Layout::JsonLines => row.json(&mut line),
        }
        out.write_all(line.as_bytes())?;
        bytes += line.len() as u64;
        line.clear();
    }
    out.flush()?;
    Ok(bytes)
}

/// Returns the number of rows of a CSV file of about this size.
pub(crate) fn rows_in(bytes: u64) -> u64 {
    const SAMPLE_ROWS: u64 = 10_000;
    bytes * SAMPLE_ROWS / csv(0, SAMPLE_ROWS).len() as u64
}

pub(crate) fn csv_header() -> String {
    COLUMNS.map(|(name, _)| name).join(",") + "\n"
}

/// Returns rows `from..to` without a header.
pub(crate) fn csv(from: u64, to: u64) -> String {
    let mut lines = String::new();
    for id in from..to {
        GeneratedRow::new(id).csv(&mut lines, "");
    }
    lines
}

struct GeneratedRow {
    id: u64,
    bits: u64,
}

impl GeneratedRow {
    fn new(id: u64) -> Self {
        Self { id, bits: scramble(id) }
    }

    /// Returns a number below `limit` that depends on the row and on `which`.
    fn pick(&self, which: u64, limit: u64) -> u64 {
        scramble(self.bits ^ which) % limit
    }

    fn price(&self) -> String {
        format!("{}.{:02}", self.pick(1, 100_000), self.pick(2, 100))
    }

    fn weight(&self) -> String {
        format!("{}.{:03}1", self.pick(3, 100), self.pick(4, 1000))
    }

    fn ordered_on(&self) -> String {
        format!("20{:02}-{:02}-{:02}", 10 + self.pick(5, 16), 1 + self.pick(6, 12), 1 + self.pick(7, 28))
    }

    fn shipped_at(&self) -> Option<String> {
        let is_shipped = self.pick(8, 16) != 0;
        is_shipped.then(|| {
            let (hour, minute, second) = (self.pick(9, 24), self.pick(10, 60), self.pick(11, 60));
            format!("{} {hour:02}:{minute:02}:{second:02}", self.ordered_on())
        })
    }

    fn note(&self) -> Option<String> {
        let words = self.pick(12, 12);
        (words > 0).then(|| {
            let words = (0..words).map(|word| WORDS[self.pick(20 + word, 8) as usize]);
            let separator = if self.pick(13, 8) == 0 { ", " } else { " " };
            words.collect::<Vec<_>>().join(separator)
        })
    }

    fn customer(&self) -> u64 {
        self.pick(14, 1_000_000)
    }

    fn quantity(&self) -> u64 {
        1 + self.pick(15, 40)
    }

    fn is_gift(&self) -> bool {
        self.pick(16, 8) == 0
    }

    fn country(&self) -> &'static str {
        COUNTRIES[self.pick(17, 8) as usize]
    }

    fn csv(&self, line: &mut String, price_suffix: &str) {
        let note = self.note().unwrap_or_default();
        let quote = if note.contains(',') { "\"" } else { "" };
        line.push_str(&format!(
            "{},{},{},{}{price_suffix},{},{},{},{},{},{quote}{note}{quote}\n",
            self.id,
            self.customer(),
            self.quantity(),
            self.price(),
            self.weight(),
            self.ordered_on(),
            self.shipped_at().unwrap_or_default(),
            self.is_gift(),
            self.country(),
        ));
    }

    fn json(&self, line: &mut String) {
        let text = |value: Option<String>| value.map_or("null".to_owned(), |text| format!("\"{text}\""));
        line.push_str(&format!(
            "{{\"id\":{},\"customer\":{},\"quantity\":{},\"price\":{},\"weight\":{},\"ordered_on\":\"{}\",\
             \"shipped_at\":{},\"is_gift\":{},\"country\":\"{}\",\"note\":{}}}\n",
            self.id,
            self.customer(),
            self.quantity(),
            self.price(),
            self.weight(),
            self.ordered_on(),
            text(self.shipped_at()),
            self.is_gift(),
            self.country(),
            text(self.note()),
        ));
    }
}

/// SplitMix64: <https://prng.di.unimi.it/splitmix64.c>
fn scramble(seed: u64) -> u64 {
    let mut bits = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
