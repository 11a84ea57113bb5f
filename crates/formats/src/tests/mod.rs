mod chunks;
mod compression;
mod csv;
mod csv_options;
pub(crate) mod decode;
mod dialects;
mod encodings;
mod extra;
mod header_match;
mod json;
mod limits;
mod parquet;

use pipeline::{Column, ColumnName, ColumnType, CsvOptions, Encoding, Extra, HeaderMatch, ValueFormat};
use protocol::{Compression, Format};

use crate::convert::{convert_parquet_within, convert_within};
use crate::limits::Limits;
use crate::{Counts, FileError, Reject, RowSpec, Sink, SinkClosed};

/// A dataset and limits, to convert test files with.
#[derive(Clone)]
pub(crate) struct TestFile {
    pub(crate) columns: Vec<Column>,
    pub(crate) null_values: Vec<String>,
    pub(crate) format: Format,
    pub(crate) compression: Compression,
    pub(crate) csv: CsvOptions,
    pub(crate) header_match: HeaderMatch,
    pub(crate) json_records: Option<&'static str>,
    pub(crate) encoding: Encoding,
    pub(crate) extra: Extra,
    pub(crate) lineage: Option<i64>,
    pub(crate) limits: Limits,
}

impl TestFile {
    /// Columns as `name type`, such as `id integer not null`.
    pub(crate) fn new(format: Format, columns: &[&str]) -> Self {
        Self {
            columns: columns.iter().map(|text| column(text)).collect(),
            null_values: vec![String::new()],
            format,
            compression: Compression::None,
            csv: CsvOptions::default(),
            header_match: HeaderMatch::default(),
            json_records: None,
            encoding: Encoding::default(),
            extra: Extra::default(),
            lineage: None,
            limits: Limits::DEFAULT,
        }
    }

    pub(crate) fn load(&self, file: &[u8]) -> Result<Conversion, FileError> {
        self.load_from(file)
    }

    pub(crate) fn load_from(&self, mut input: impl std::io::Read) -> Result<Conversion, FileError> {
        let spec = self.spec();
        self.load_as(|collected| convert_within(&self.limits, &spec, &mut input, collected))
    }

    pub(crate) fn load_parquet(&self, file: bytes::Bytes) -> Result<Conversion, FileError> {
        let file: std::sync::Arc<dyn crate::RandomAccess> = std::sync::Arc::new(file);
        self.load_as(|collected| convert_parquet_within(&self.limits, &self.spec(), &file, collected))
    }

    pub(crate) fn spec(&self) -> RowSpec<'_> {
        RowSpec {
            json_records: self.json_records,
            columns: &self.columns,
            null_values: &self.null_values,
            format: self.format,
            compression: self.compression,
            csv: &self.csv,
            header_match: self.header_match,
            encoding: self.encoding,
            extra: self.extra,
            object_values: &[],
            lineage: self.lineage,
        }
    }

    fn load_as(
        &self,
        convert: impl FnOnce(&mut CollectingSink) -> Result<Counts, FileError>,
    ) -> Result<Conversion, FileError> {
        let mut collected = CollectingSink::default();
        let counts = convert(&mut collected)?;
        let kinds_of = |is_in_records: bool| {
            let columns = self.columns.iter().filter(move |column| column.source.is_in_records() == is_in_records);
            columns.map(|column| column.kind)
        };
        let mut kinds: Vec<_> = kinds_of(true).collect();
        kinds.extend((self.extra == Extra::Rescue).then_some(ColumnType::Jsonb));
        kinds.extend(kinds_of(false));
        kinds.extend(self.lineage.map(|_| ColumnType::BigInt));
        let loaded = Conversion {
            rows: decode::tuples(&collected.tuples, &kinds),
            rejects: collected.rejects,
            blocks: collected.blocks,
            counts,
        };
        assert_eq!(counts.rows_loaded, loaded.rows.len() as u64);
        assert_eq!(counts.rows_rejected, loaded.rejects.len() as u64);
        assert_eq!(counts.lines_rejected, loaded.rejects.iter().map(Reject::lines).sum::<u64>());
        assert_eq!(counts.rows_read, counts.rows_loaded + counts.rows_rejected);
        Ok(loaded)
    }

    /// `rows` are fields joined by `|`, with `NULL` for null. `rejects` are `line@byte column: reason`.
    #[track_caller]
    pub(crate) fn check(&self, file: impl AsRef<[u8]>, rows: &[&str], rejects: &[&str]) {
        let loaded = self.load(file.as_ref()).unwrap();
        assert_eq!(loaded.rows, rows);
        let described: Vec<_> = loaded.rejects.iter().map(describe).collect();
        assert_eq!(described, rejects);
    }

    #[track_caller]
    pub(crate) fn check_error(&self, file: impl AsRef<[u8]>, message: &str) {
        assert_eq!(self.load(file.as_ref()).unwrap_err().to_string(), message);
    }
}

pub(crate) fn column(text: &str) -> Column {
    let (name, kind) = text.split_once(' ').unwrap();
    let (kind, format) = kind.split_once(" as ").map_or((kind, None), |(kind, format)| (kind, Some(format.to_owned())));
    let (kind, not_null) = ColumnType::parse(kind).unwrap();
    let mut column = Column::new(ColumnName::parse(name).unwrap(), kind, not_null);
    column.values.formats.extend(format.map(ValueFormat::Strftime));
    column
}

fn describe(reject: &Reject) -> String {
    let column = reject.column.as_ref().map(|column| format!(" {column}")).unwrap_or_default();
    format!("{}@{}{column}: {}", reject.line, reject.byte_offset, reject.reason)
}

#[derive(Debug, PartialEq)]
pub(crate) struct Conversion {
    pub(crate) rows: Vec<String>,
    pub(crate) rejects: Vec<Reject>,
    pub(crate) blocks: usize,
    pub(crate) counts: Counts,
}

#[derive(Default)]
struct CollectingSink {
    tuples: Vec<u8>,
    rejects: Vec<Reject>,
    blocks: usize,
}

impl Sink for CollectingSink {
    fn copy(&mut self, binary_copy_tuples: bytes::Bytes) -> Result<(), SinkClosed> {
        self.tuples.extend_from_slice(&binary_copy_tuples);
        self.blocks += 1;
        Ok(())
    }

    fn reject(&mut self, reject: Reject) -> Result<(), SinkClosed> {
        self.rejects.push(reject);
        Ok(())
    }
}

#[test]
fn closed_sink_stops_conversion() {
    struct Closed;
    impl Sink for Closed {
        fn copy(&mut self, _: bytes::Bytes) -> Result<(), SinkClosed> {
            Err(SinkClosed)
        }
        fn reject(&mut self, _: Reject) -> Result<(), SinkClosed> {
            Err(SinkClosed)
        }
    }
    let columns = [column("a integer")];
    let spec = RowSpec {
        json_records: None,
        columns: &columns,
        null_values: &[],
        format: Format::Csv,
        compression: Compression::None,
        csv: &CsvOptions::default(),
        header_match: HeaderMatch::default(),
        encoding: Encoding::default(),
        extra: Extra::default(),
        object_values: &[],
        lineage: None,
    };
    for file in ["a\n1\n", "a\nx\n"] {
        assert!(matches!(crate::convert(&spec, file.as_bytes(), &mut Closed), Err(FileError::Closed(_))));
    }
}

#[test]
fn copy_header_and_trailer_match_postgresql() {
    assert_eq!(&crate::COPY_HEADER[..11], b"PGCOPY\n\xff\r\n\0");
    assert_eq!(crate::COPY_HEADER[11..], [0; 8]);
    assert_eq!(crate::COPY_TRAILER, [0xff, 0xff]);
}
