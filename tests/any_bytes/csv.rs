use std::io::Read;

use ::csv::{ByteRecord, ReaderBuilder};
use formats::RowSpec;
use pipeline::{Column, ColumnName, ColumnType, CsvOptions, Delimiter, Encoding, Extra, HeaderMatch};
use protocol::{Compression, Format};

use super::conversion::{Conversion, convert_whole_and_in_pieces, is_compressed};

/// Converts a CSV file of two text columns. The first byte chooses the dialect, the second the size of the pieces.
///
/// The size of the pieces must not change the result. Rejects must have the right position. The csv crate must find
/// each loaded row.
///
/// # Panics
/// If a promise is broken.
pub fn csv(bytes: &[u8]) {
    let [choices, size, file @ ..] = bytes else { return };
    let options = dialect(*choices);
    let columns = ["a", "b"].map(text_column);
    let spec = RowSpec {
        json_records: None,
        columns: &columns,
        null_values: &[],
        format: Format::Csv,
        compression: Compression::None,
        csv: &options,
        header_match: HeaderMatch::Exact,
        encoding: Encoding::Utf8,
        extra: Extra::Reject,
        object_values: &[],
        lineage: None,
    };
    let file = if options.header { [header(&options), file].concat() } else { file.to_vec() };
    let Ok(conversion) = convert_whole_and_in_pieces(&spec, &file, usize::from(*size) + 1) else { return };
    if is_compressed(&file) {
        return;
    }
    conversion.check_rejects(&file);
    check_against_the_csv_crate(&conversion, &file, &options);
}

fn dialect(choices: u8) -> CsvOptions {
    let chosen = |bit: u8| choices & (1 << bit) != 0;
    CsvOptions {
        delimiter: chosen(0).then_some(b';'.into()),
        quote: (!chosen(1)).then_some(if chosen(2) { b'\'' } else { b'"' }),
        escape: (chosen(3) && !chosen(1)).then_some(b'\\'),
        comment: chosen(4).then_some(b'#'),
        header: chosen(5),
        ..CsvOptions::default()
    }
}

fn header(options: &CsvOptions) -> &'static [u8] {
    if options.delimiter.is_some() { b"a;b\n" } else { b"a,b\n" }
}

pub(super) fn text_column(name: &str) -> Column {
    column(name, ColumnType::Text)
}

pub(super) fn column(name: &str, kind: ColumnType) -> Column {
    let parsed = ColumnName::parse(name).unwrap_or_else(|error| panic!("{error}"));
    Column::new(parsed, kind, false)
}

fn check_against_the_csv_crate(conversion: &Conversion, file: &[u8], options: &CsvOptions) {
    // The csv crate differs here: a lone carriage return ends a record, and an escape byte applies to any byte.
    let bare_return = file.iter().zip(file.iter().skip(1).chain([&0])).any(|pair| *pair.0 == b'\r' && *pair.1 != b'\n');
    if bare_return || options.escape.is_some_and(|escape| file.contains(&escape)) {
        return;
    }
    let mut reader = ReaderBuilder::new()
        .delimiter(options.delimiter.and_then(Delimiter::byte).unwrap_or(b','))
        .quoting(options.quote.is_some())
        .quote(options.quote.unwrap_or(b'"'))
        .double_quote(options.escape.is_none())
        .comment(options.comment)
        .has_headers(options.header)
        .flexible(true)
        // For the csv crate, a comment without a line end is a record.
        .from_reader(file.chain(&b"\n"[..]));
    let mut theirs: Vec<ByteRecord> = Vec::new();
    theirs.extend(reader.byte_records().map_while(Result::ok));
    let mut left = theirs.iter();
    for row in conversion.fields() {
        let row: Vec<&[u8]> = row.into_iter().flatten().collect();
        assert!(
            left.any(|record| record.iter().eq(row.iter().copied())),
            "{row:?} is missing or out of order in {theirs:?}"
        );
    }
    if conversion.rejects.is_empty() {
        assert_eq!(conversion.counts.rows_loaded, theirs.len() as u64, "rows of {theirs:?}");
    }
}
