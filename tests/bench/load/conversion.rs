//! Measures decompressing and parsing without a database, and prepares files for the database alone.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use formats::{COPY_HEADER, COPY_TRAILER, Reject, RowSpec, Sink, SinkClosed};
use pipeline::Dataset;
use protocol::FileKind;

use crate::resources::Resources;

/// Converts a file and discards the rows.
pub(crate) fn convert(dataset: &Dataset, file: &Path) -> Resources {
    let started = Instant::now();
    convert_into(dataset, file, &mut RowWriter(io::sink()));
    Resources { wall_s: started.elapsed().as_secs_f64(), ..Resources::default() }
}

/// Writes the rows as a file for binary COPY.
pub(crate) fn write_binary(dataset: &Dataset, file: &Path, binary: &Path) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(binary)?);
    out.write_all(&COPY_HEADER)?;
    convert_into(dataset, file, &mut RowWriter(&mut out));
    out.write_all(&COPY_TRAILER)?;
    out.flush()
}

fn convert_into(dataset: &Dataset, file: &Path, sink: &mut impl Sink) {
    let Ok(FileKind::Data { format, compression }) = FileKind::of_key(&file.to_string_lossy()) else {
        panic!("{} has no format", file.display())
    };
    let Dataset { columns, null_values, csv, header_match, encoding, extra, .. } = dataset;
    let (header_match, encoding, extra, lineage) = (*header_match, *encoding, *extra, Some(1));
    let spec = RowSpec {
        json_records: None,
        columns,
        null_values,
        format,
        compression,
        csv,
        header_match,
        encoding,
        extra,
        object_values: &[],
        lineage,
    };
    let counts = formats::convert(&spec, File::open(file).expect("open"), sink).expect("convert");
    assert_eq!(counts.rows_rejected, 0);
}

struct RowWriter<W>(W);

impl<W: Write> Sink for RowWriter<W> {
    fn copy(&mut self, binary_copy_tuples: Bytes) -> Result<(), SinkClosed> {
        self.0.write_all(&binary_copy_tuples).map_err(|_| SinkClosed)
    }

    fn reject(&mut self, _: Reject) -> Result<(), SinkClosed> {
        Ok(())
    }
}
