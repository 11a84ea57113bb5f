use std::collections::HashMap;
use std::io::Read;

use bytes::Bytes;
use pipeline::limits::COLUMNS_MAX;
use pipeline::{Column, ColumnName, ColumnSource, ColumnType, Extra, HeaderMatch};
use protocol::Format;

use super::column_names::ColumnNames;
use super::inference::{Inference, too_many_columns};
use super::type_chain::{NO_TYPE, TypeChain, ValueFamily, keeps_text, type_chains};
use crate::column_mapping::header_key;
use crate::convert::convert_as;
use crate::error::{FileError, SinkClosed};
use crate::json::{JsonPointer, pointer_to};
use crate::json_syntax::{JsonKind, JsonLexer, JsonToken, unescape};
use crate::limits::Limits;
use crate::reject::Reject;
use crate::row_encoder::RowEncoder;
use crate::sink::Sink;
use crate::spec::RowSpec;

/// Infers the columns of a CSV or JSON file that `spec` does not declare.
///
/// Reads the whole file, in memory that does not depend on its size. Reading stops after one record if all names are
/// known by then. Rejected rows are not considered.
pub fn infer(spec: &RowSpec<'_>, mut input: impl Read) -> Result<Inference, FileError> {
    let every_column = RowSpec { columns: &[], extra: Extra::Rescue, lineage: None, ..*spec };
    let mut encoder = RowEncoder::new(&every_column);
    encoder.rescues_nulls = true;
    encoder.hidden_positions = spec.columns.iter().filter_map(declared_position).collect();
    let mut survey = TypeSurvey::new(spec);
    match convert_as(&encoder, &Limits::DEFAULT, &every_column, &mut input, &mut survey) {
        Err(FileError::Closed(_)) if survey.found.len() > COLUMNS_MAX => {
            return Err(too_many_columns());
        }
        Ok(_) | Err(FileError::Closed(_)) => {}
        Err(error) => return Err(error),
    }
    Ok(survey.conclude(spec.columns))
}

fn declared_position(column: &Column) -> Option<u32> {
    match column.source {
        ColumnSource::Position(position) => Some(position),
        _ => None,
    }
}

fn is_named(column: &Column) -> bool {
    column.source == ColumnSource::Header
}

/// Surveys the accepted rows. Each row is a JSON object of all its values.
struct TypeSurvey<'a> {
    /// Index in `found` by the file's name of a column.
    positions: HashMap<Vec<u8>, usize>,
    found: Vec<SurveyedColumn>,
    /// The declared columns by [`header_key`]; in JSON by the key that a pointer begins with.
    known: HashMap<String, Vec<&'a ColumnName>>,
    header_match: HeaderMatch,
    type_chains: Vec<TypeChain>,
    /// Values have types. CSV fields have none.
    is_typed: bool,
    /// Every record has the same names.
    is_regular: bool,
    has_new: bool,
    text: Vec<u8>,
    encoded: Vec<u8>,
}

struct SurveyedColumn {
    /// The name in the file.
    key: String,
    is_known: bool,
    /// Per type chain: the index of the narrowest type that accepts every value, or [`NO_TYPE`].
    types: Vec<usize>,
    is_seen: bool,
    is_text: bool,
}

fn known_columns<'a>(spec: &RowSpec<'a>) -> HashMap<String, Vec<&'a ColumnName>> {
    let is_json = matches!(spec.format, Format::Json | Format::Jsonl);
    let mut known: HashMap<String, Vec<&ColumnName>> = HashMap::new();
    for column in spec.columns.iter().filter(|column| is_named(column)) {
        let segments = JsonPointer::parse(&column.header).segments;
        let key = match segments.first() {
            Some(first) if is_json && column.header.starts_with('/') => String::from_utf8_lossy(first).into_owned(),
            _ => header_key(spec.header_match, &column.header).into_owned(),
        };
        known.entry(key).or_default().push(&column.name);
    }
    known
}

impl<'a> TypeSurvey<'a> {
    fn new(spec: &RowSpec<'a>) -> Self {
        Self {
            positions: HashMap::new(),
            found: Vec::new(),
            known: known_columns(spec),
            header_match: spec.header_match,
            type_chains: type_chains(),
            is_typed: !matches!(spec.format, Format::Csv | Format::Tsv),
            is_regular: !matches!(spec.format, Format::Json | Format::Jsonl),
            has_new: false,
            text: Vec::new(),
            encoded: Vec::new(),
        }
    }

    /// Surveys the object of one row.
    fn row(&mut self, object: &[u8]) -> Result<(), SinkClosed> {
        let mut outcome = Ok(());
        let parsed = JsonLexer::new(object).record(&mut |key, value| {
            if outcome.is_ok() {
                outcome = self.member(object, key, value);
            }
        });
        // The conversion has validated the object.
        debug_assert!(parsed.is_ok());
        outcome?;
        if self.is_regular && !self.has_new { Err(SinkClosed) } else { Ok(()) }
    }

    fn member(&mut self, object: &[u8], key: JsonToken, value: JsonToken) -> Result<(), SinkClosed> {
        // Taken out of `self`, because `self` is borrowed again below.
        let mut unescaped = std::mem::take(&mut self.text);
        let position = self.position(text_of(object, key, &mut unescaped));
        if let Ok(position) = position
            && !self.found[position].is_known
            && value.kind != JsonKind::Null
        {
            self.look(position, value.kind, text_of(object, value, &mut unescaped));
        }
        self.text = unescaped;
        position.map(|_| ())
    }

    fn position(&mut self, header: &[u8]) -> Result<usize, SinkClosed> {
        if let Some(position) = self.positions.get(header) {
            return Ok(*position);
        }
        let position = self.found.len();
        self.positions.insert(header.to_vec(), position);
        let key = String::from_utf8_lossy(header).into_owned();
        let is_known = self.known.contains_key(&*header_key(self.header_match, &key));
        self.has_new |= !is_known;
        let types = vec![0; self.type_chains.len()];
        self.found.push(SurveyedColumn { key, is_known, types, is_seen: false, is_text: true });
        if self.found.len() > COLUMNS_MAX { Err(SinkClosed) } else { Ok(position) }
    }

    fn look(&mut self, position: usize, kind: JsonKind, text: &[u8]) {
        // An empty text is NULL in every type but text, also in quotes.
        if text.is_empty() {
            return;
        }
        let family = self.family(kind);
        let found = &mut self.found[position];
        found.is_seen = true;
        found.is_text &= matches!(kind, JsonKind::String { .. });
        for (chain, at) in self.type_chains.iter().zip(&mut found.types) {
            if family.is_some_and(|family| family != chain.of) {
                *at = NO_TYPE;
            }
            while let Some((kind, encoder)) = chain.types.get(*at) {
                self.encoded.clear();
                if keeps_text(*kind, text) && encoder.encode(text, &mut self.encoded).is_ok() {
                    break;
                }
                *at += 1;
            }
        }
    }

    /// Returns the family of a typed value, or `None` for a CSV field.
    fn family(&self, kind: JsonKind) -> Option<ValueFamily> {
        match kind {
            JsonKind::String { .. } | JsonKind::Null => self.is_typed.then_some(ValueFamily::Text),
            JsonKind::Boolean => Some(ValueFamily::Boolean),
            JsonKind::Number => Some(ValueFamily::Number),
            JsonKind::Array | JsonKind::Object => Some(ValueFamily::Nested),
        }
    }

    fn conclude(self, known: &[Column]) -> Inference {
        let mut names = ColumnNames::new(known);
        let mut inference = Inference::default();
        let unnamed = known.iter().filter(|column| !is_named(column));
        inference.known.extend(unnamed.map(|column| column.name.clone()));
        for (index, found) in self.found.iter().enumerate() {
            match self.known.get(&*header_key(self.header_match, &found.key)) {
                Some(columns) => inference.known.extend(columns.iter().map(|name| (*name).clone())),
                None => {
                    let name = names.name(&found.key, index + 1);
                    let is_like_pointer = !self.is_regular && found.key.starts_with('/');
                    let header = if is_like_pointer { pointer_to(&found.key) } else { found.key.clone() };
                    inference.new.push(Column { header, ..Column::new(name, self.kind(found), false) });
                }
            }
        }
        inference
    }

    /// Returns the narrowest type that accepts every value. `text` accepts any text, and `jsonb` any JSON.
    fn kind(&self, found: &SurveyedColumn) -> ColumnType {
        let narrowest = || {
            let types = self.type_chains.iter().zip(&found.types);
            types.filter_map(|(chain, at)| chain.types.get(*at)).map(|(kind, _)| *kind).next()
        };
        let widest = if found.is_text { ColumnType::Text } else { ColumnType::Jsonb };
        found.is_seen.then(narrowest).flatten().unwrap_or(widest)
    }
}

impl Sink for TypeSurvey<'_> {
    fn copy(&mut self, tuples: Bytes) -> Result<(), SinkClosed> {
        let mut rest = &tuples[..];
        while let Some((object, after)) = split_tuple(rest) {
            self.row(object)?;
            rest = after;
        }
        Ok(())
    }

    fn reject(&mut self, _: Reject) -> Result<(), SinkClosed> {
        Ok(())
    }
}

/// Splits off the JSON text of the first tuple, which has one jsonb field: count, length, version, text.
fn split_tuple(tuples: &[u8]) -> Option<(&[u8], &[u8])> {
    const NO_MEMBERS: &[u8] = b"{}";
    let (_count, rest) = tuples.split_first_chunk::<2>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    match usize::try_from(i32::from_be_bytes(*length)) {
        Ok(length) => rest.split_at_checked(length).map(|(field, after)| (&field[1..], after)),
        // NULL
        Err(_) => Some((NO_MEMBERS, rest)),
    }
}

fn text_of<'t>(object: &'t [u8], value: JsonToken, unescaped: &'t mut Vec<u8>) -> &'t [u8] {
    if value.kind == (JsonKind::String { escaped: true }) {
        unescaped.clear();
        if unescape(value.text(object), unescaped).is_ok() {
            return unescaped;
        }
    }
    value.text(object)
}

#[cfg(test)]
mod tests {
    use pipeline::{CsvOptions, Encoding};
    use protocol::Compression;

    use super::*;

    fn infer_as(format: Format, known: &[Column], file: &str) -> Result<Inference, FileError> {
        let spec = RowSpec {
            json_records: None,
            columns: known,
            null_values: &[String::new()],
            format,
            compression: Compression::None,
            csv: &CsvOptions::default(),
            header_match: HeaderMatch::default(),
            encoding: Encoding::default(),
            extra: Extra::default(),
            object_values: &[],
            lineage: None,
        };
        infer(&spec, file.as_bytes())
    }

    fn describe(inference: &Inference) -> String {
        let column = |column: &Column| format!("{} {}", column.name, column.kind.declared());
        inference.new.iter().map(column).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn inferred_type_is_narrowest_for_all_values() {
        let check = |values: &[&str], expected: &str| {
            let file = format!("c,d\n{}", values.iter().map(|value| format!("{value},x\n")).collect::<String>());
            let found = infer_as(Format::Csv, &[], &file).unwrap();
            assert_eq!(describe(&found), format!("c {expected}, d text"), "{values:?}");
        };
        check(&["1", "-32768", "0"], "smallint");
        check(&["1", "32768"], "integer");
        check(&["2147483648", "1"], "bigint");
        check(&["1", "9223372036854775808"], "numeric");
        check(&["1", "1.10"], "numeric");
        check(&["1.5", "1e300"], "numeric");
        check(&["2.0", "3"], "numeric");
        check(&["1", "NaN"], "text");
        check(&["1", "x"], "text");
        check(&["1", "", "2"], "smallint");
        check(&["", ""], "text");
        check(&["1", "\"\""], "smallint");
        check(&["\"\"", "\"\""], "text");
        check(&["007", "1"], "text");
        check(&["0", "0.5", "-0.5"], "numeric");
        check(&["00.5"], "text");
        check(&["+1"], "text");
        check(&["1", "0"], "smallint");
        check(&["true", "FALSE"], "boolean");
        check(&["t", "f"], "text");
        check(&["true", "1"], "text");
        check(&["2024-02-29"], "date");
        check(&["2023-02-29"], "text");
        check(&["10:15", "10:15:59.5"], "time");
        check(&["2024-02-29 10:00:00", "2024-03-01T10:00"], "timestamp");
        check(&["2024-02-29T10:00:00Z", "2024-02-29T10:00:00+02"], "timestamptz");
        check(&["2024-02-29", "2024-02-29 10:00:00"], "text");
        check(&["2024-02-29 10:00:00", "2024-02-29T10:00:00Z"], "text");
        check(&["67e55044-10b1-426f-9247-bb680e5fe0c8"], "uuid");
        check(&["67e5504410b1426f9247bb680e5fe0c8"], "text");
        check(&["\"{\"\"a\"\": [1]}\"", "[]"], "jsonb");
        check(&["\"{\"\"a\"\": [1]\""], "text");
    }

    #[test]
    fn last_value_widens_inferred_type() {
        let file = format!("c\n{}40000\n", "1\n".repeat(500_000));
        assert_eq!(describe(&infer_as(Format::Csv, &[], &file).unwrap()), "c integer");
    }

    #[test]
    fn inference_uses_json_types() {
        let check = |values: &[&str], expected: &str| {
            let file = values.iter().map(|value| format!("{{\"c\": {value}, \"d\": null}}\n")).collect::<String>();
            assert_eq!(describe(&infer_as(Format::Jsonl, &[], &file).unwrap()), format!("c {expected}, d text"));
            let array = values.iter().map(|value| format!("{{\"c\": {value}, \"d\": null}}")).collect::<Vec<_>>();
            let array = format!("[{}]", array.join(","));
            assert_eq!(describe(&infer_as(Format::Json, &[], &array).unwrap()), format!("c {expected}, d text"));
        };
        check(&["1", "null", "70000"], "integer");
        check(&["1.5"], "numeric");
        check(&["true"], "boolean");
        check(&["\"1\""], "text");
        check(&["\"true\""], "text");
        check(&["\"2024-02-29\""], "date");
        check(&["\"2024-02\\u002d29\""], "date");
        check(&["\"x\""], "text");
        check(&["{}"], "jsonb");
        check(&["1", "\"x\""], "jsonb");
        check(&["1", "[2]"], "jsonb");
    }

    #[test]
    fn late_json_key_becomes_column() {
        let found = infer_as(Format::Jsonl, &[], "{\"a\": 1}\n{\"b\": true, \"a\": 2}\n").unwrap();
        assert_eq!(describe(&found), "a smallint, b boolean");
    }

    #[test]
    fn inferred_name_is_header_if_valid() {
        let check = |header: &str, expected: &str| {
            let file = format!("{header}\n{}\n", vec!["x"; header.split(',').count()].join(","));
            let found = infer_as(Format::Csv, &[], &file).unwrap();
            let names: Vec<_> = found.new.iter().map(|column| column.name.as_str()).collect();
            assert_eq!(names.join(","), expected);
            assert_eq!(found.new.iter().map(|column| column.header.as_str()).collect::<Vec<_>>().join(","), header);
        };
        check("Order ID,größe,select", "Order ID,größe,select");
        check("a,,b", "a,column_2,b");
        check("a\tb,a_b", "a_b,a_b_2");
        check("ctid,_load_id,_rescued", "column_ctid,column__load_id,_rescued_2");
        check(&"é".repeat(40), &"é".repeat(31));
        check(
            &["x".repeat(63) + "1", "x".repeat(63) + "2"].join(","),
            &["x".repeat(63), "x".repeat(61) + "_2"].join(","),
        );
    }

    #[test]
    fn inference_separates_known_and_new_columns() {
        let known = [crate::tests::column("a integer"), crate::tests::column("z integer")];
        let check = |format: Format, file: &str, names: &[&str], new: &str| {
            let found = infer_as(format, &known, file).unwrap();
            assert_eq!(found.known.iter().map(ColumnName::as_str).collect::<Vec<_>>(), names, "{file}");
            assert_eq!(describe(&found), new, "{file}");
        };
        check(Format::Csv, "a,b\n1,2\n", &["a"], "b smallint");
        check(Format::Csv, "z,a\nx,2\n", &["z", "a"], "");
        check(Format::Csv, "a,b\n", &[], "");
        check(Format::Jsonl, "{\"a\": 1}\n{\"z\": 1, \"b\": 2}\n", &["a", "z"], "b smallint");
    }

    #[test]
    fn inference_names_errors_of_the_file() {
        let check = |file: &str, message: &str| {
            assert_eq!(infer_as(Format::Csv, &[], file).unwrap_err().to_string(), message);
        };
        check("a,b\0c\n1,2\n", "line 1: in the header: a NUL byte, which PostgreSQL cannot store in text");
        check(
            "PK\u{3}\u{4}\n\0x\n1\n",
            "line 1: the file is a ZIP archive: upload the files in it, or declare compression = \"zip\" for an archive with one file",
        );
        check("a,b\r1,2\r", "line 1: lines end in a carriage return alone, expected LF or CRLF");
    }

    #[test]
    fn too_many_inferred_columns_fail() {
        let file = |columns: usize| (0..columns).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",");
        let rows = |columns: usize| format!("{}\n{}\n", file(columns), vec!["1"; columns].join(","));
        assert_eq!(infer_as(Format::Csv, &[], &rows(COLUMNS_MAX)).unwrap().new.len(), COLUMNS_MAX);
        let error = infer_as(Format::Csv, &[], &rows(COLUMNS_MAX + 1)).unwrap_err();
        assert_eq!(error.to_string(), "line 1: more than 1500 columns, the limit of a table");
    }
}
