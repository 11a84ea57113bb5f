//! Rows written to a file and loaded are equal to PostgreSQL's own reading of their texts.

use std::io::Write;

use flate2::write::GzEncoder;
use formats::RowSpec;
use penstock_tests::any_bytes::convert;
use pipeline::{Column, ColumnType, CsvOptions, Delimiter, Encoding, Extra, HeaderMatch};
use proptest::prelude::*;
use proptest::sample::select;
use protocol::{Compression, Format};

use crate::check_property;
use crate::postgresql::{Session, TextRow};
use crate::rows::{columns, rows};

/// Properties of a CSV file that no option declares.
#[derive(Clone, Debug)]
struct WriterStyle {
    line_end: &'static str,
    always_quotes: bool,
    has_mark: bool,
}

#[test]
fn csv_rows_round_trip_in_any_dialect() {
    let session = Session::open();
    let values = (rows(), dialect(), style(), compression(), 1_usize..200);
    check_property(values, |(rows, dialect, style, compression, size)| {
        let rows: Vec<TextRow> =
            rows.into_iter().map(|row| row.into_iter().map(|text| writable(text, &dialect)).collect()).collect();
        let file = write_csv(&rows, &dialect, &style);
        check(&session, &rows, &file, Format::Csv, &dialect, (compression, size));
    });
}

#[test]
fn json_rows_round_trip() {
    let session = Session::open();
    let values = (rows(), select(vec![Format::Json, Format::Jsonl]), compression(), 1_usize..200);
    check_property(values, |(mut rows, format, compression, size)| {
        // In JSON, a text `null` in a jsonb column would be NULL.
        rows.iter_mut().flatten().filter(|text| text.as_deref() == Some("null")).for_each(|text| *text = None);
        let objects: Vec<String> = rows.iter().map(object).collect();
        let file = match format {
            Format::Json => format!("[{}]", objects.join(",")),
            _ => objects.join("\n"),
        };
        check(&session, &rows, &file, format, &CsvOptions::default(), (compression, size));
    });
}

fn check(
    session: &Session,
    rows: &[TextRow],
    file: &str,
    format: Format,
    csv: &CsvOptions,
    (compression, size): (Compression, usize),
) {
    // A file without bytes is an error.
    if file.is_empty() {
        return;
    }
    let columns = columns();
    let spec = RowSpec {
        json_records: None,
        columns: &columns,
        null_values: &[String::new()],
        format,
        compression,
        csv,
        header_match: HeaderMatch::Exact,
        encoding: Encoding::Utf8,
        extra: Extra::Reject,
        object_values: &[],
        lineage: None,
    };
    let conversion = convert(&spec, &compress(file.as_bytes(), compression), &[size]).unwrap();
    assert!(conversion.rejects.is_empty(), "{:?}", conversion.rejects);
    assert_eq!(session.store(&columns, &conversion.tuples), session.read(&columns, rows));
}

fn dialect() -> impl Strategy<Value = CsvOptions> {
    let quote = select(vec![Some(b'"'), Some(b'"'), Some(b'\''), None]);
    let delimiter = select(vec![None, Some(b';'), Some(b'\t'), Some(b'|')]);
    (delimiter, quote, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(delimiter, quote, escapes, comments, header)| CsvOptions {
            delimiter: delimiter.map(Delimiter::from),
            quote,
            escape: (escapes && quote.is_some()).then_some(b'\\'),
            comment: comments.then_some(b'#'),
            header,
            ..CsvOptions::default()
        },
    )
}

fn style() -> impl Strategy<Value = WriterStyle> {
    (select(vec!["\n", "\r\n"]), any::<bool>(), any::<bool>())
        .prop_map(|(line_end, always_quotes, has_mark)| WriterStyle { line_end, always_quotes, has_mark })
}

fn compression() -> impl Strategy<Value = Compression> {
    select(vec![Compression::None, Compression::Gzip, Compression::Zstd])
}

fn compress(file: &[u8], compression: Compression) -> Vec<u8> {
    match compression {
        Compression::None => file.to_vec(),
        Compression::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(file).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Zstd => zstd::encode_all(file, 1).unwrap(),
        Compression::Bzip2 | Compression::Zip => unreachable!("not selected"),
    }
}

fn delimiter(dialect: &CsvOptions) -> char {
    char::from(dialect.delimiter.and_then(Delimiter::byte).unwrap_or(b','))
}

/// Without quotes, a text must not be empty or contain delimiters and line ends.
fn writable(text: Option<String>, dialect: &CsvOptions) -> Option<String> {
    let text = text?;
    if dialect.quote.is_some() {
        return Some(text);
    }
    let kept: String = text.chars().filter(|c| !['\r', '\n', delimiter(dialect)].contains(c)).collect();
    // JSON may have lost a comma between two values.
    let is_broken_json = text.starts_with(['{', '[', '"']) && kept != text;
    if kept.is_empty() || is_broken_json { None } else { Some(kept) }
}

fn write_csv(rows: &[TextRow], dialect: &CsvOptions, style: &WriterStyle) -> String {
    let header: TextRow = columns().into_iter().map(|column| Some(column.header)).collect();
    let records = dialect.header.then_some(&header).into_iter().chain(rows);
    let line = |row: &TextRow| {
        let fields: Vec<String> = row.iter().map(|text| field(text.as_deref(), dialect, style)).collect();
        fields.join(&delimiter(dialect).to_string()) + style.line_end
    };
    let text: String = records.map(line).collect();
    let comment = if dialect.comment.is_some() { format!("# \"{}", style.line_end) } else { String::new() };
    let mark = if style.has_mark && !text.is_empty() { "\u{feff}" } else { "" };
    if text.is_empty() { text } else { format!("{mark}{comment}{text}") }
}

fn field(text: Option<&str>, dialect: &CsvOptions, style: &WriterStyle) -> String {
    let Some(text) = text else { return String::new() };
    let Some(quote) = dialect.quote.map(char::from) else { return text.to_owned() };
    let special = [quote, delimiter(dialect), '\r', '\n'];
    // The first field of a file may begin like a byte order mark or a comment.
    let is_odd = text.is_empty() || text.contains(special) || text.starts_with(['#', '\u{feff}']);
    if !style.always_quotes && !is_odd {
        return text.to_owned();
    }
    let inner = match dialect.escape.map(char::from) {
        Some(escape) => text.replace(escape, &format!("{escape}{escape}")).replace(quote, &format!("{escape}{quote}")),
        None => text.replace(quote, &format!("{quote}{quote}")),
    };
    format!("{quote}{inner}{quote}")
}

/// A NULL is a missing key or a `null`, in turn.
fn object(row: &TextRow) -> String {
    let member = |(place, (text, column)): (usize, (&Option<String>, &Column))| match text {
        Some(text) => Some(format!("{:?}:{}", column.header, in_json(text, column.kind))),
        None => (place % 2 == 0).then(|| format!("{:?}:null", column.header)),
    };
    let members: Vec<String> = row.iter().zip(&columns()).enumerate().filter_map(member).collect();
    format!("{{{}}}", members.join(","))
}

fn in_json(text: &str, kind: ColumnType) -> String {
    match kind.declared().as_str() {
        "date" | "time" | "timestamp" | "timestamptz" | "text" | "varchar(8)" | "uuid" => {
            serde_json::Value::from(text).to_string()
        }
        _ => text.to_owned(),
    }
}
