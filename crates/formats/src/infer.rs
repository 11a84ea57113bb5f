//! Columns from a file that nobody has declared. Every row is looked at, not the first ones alone: what is inferred
//! takes all of them.
//!
//! A type holds what its encoder takes, so no row that was looked at is rejected for its values later. Nothing is lost
//! by it either: a number with leading zeros stays text, and a decimal is `numeric`, never a float.

use std::collections::HashMap;
use std::io::Read;

use pipeline::limits::{COLUMNS_MAX, IDENTIFIER_BYTES_MAX};
use pipeline::{Column, ColumnName, ColumnType, Extra, RESCUED_COLUMN};
use protocol::Format;

use crate::json::lexer::{Kind, Lexer, Value};
use crate::json::unescape;
use crate::limits::Limits;
use crate::plan::Plan;
use crate::types::Encoder;
use crate::{FileError, Reject, RowSpec, Sink, SinkClosed, convert_as};

/// What a file shows about its columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inference {
    /// The specification's columns that are in the file.
    pub known: Vec<ColumnName>,
    /// Those beyond them, in the file's order, none of them `not null`: the next file may have no value.
    pub new: Vec<Column>,
}

/// Infers the columns of a file that are not among the specification's.
///
/// The whole file is read at a memory that does not depend on its size. Where one record shows all names, and none of
/// them is new, that record is enough. A rejected row says nothing.
pub fn infer(spec: &RowSpec<'_>, mut input: impl Read) -> Result<Inference, FileError> {
    let every_column = RowSpec { columns: &[], extra: Extra::Rescue, lineage: None, ..*spec };
    let mut plan = Plan::new(&every_column);
    plan.rescues_nulls = true;
    let mut survey = Survey::new(spec);
    match convert_as(&plan, &Limits::DEFAULT, &every_column, &mut input, &mut survey) {
        Err(FileError::Closed(_)) if survey.found.len() > COLUMNS_MAX => {
            let reason = format!("more than {COLUMNS_MAX} columns, the most that a table may have");
            return Err(FileError::Malformed { line: 1, reason });
        }
        Ok(_) | Err(FileError::Closed(_)) => {}
        Err(error) => return Err(error),
    }
    Ok(survey.conclude(spec.columns))
}

/// Looks at the rows that pass, each an object of all its values.
struct Survey<'a> {
    /// By the file's name for it: the place in `found`.
    places: HashMap<Vec<u8>, usize>,
    found: Vec<Found>,
    known: HashMap<&'a str, &'a ColumnName>,
    ladders: Vec<Ladder>,
    /// A CSV field is text that may be anything; a JSON string is a string.
    is_typed: bool,
    /// Every record has every name.
    is_regular: bool,
    has_new: bool,
    text: Vec<u8>,
    encoded: Vec<u8>,
}

struct Found {
    header: String,
    is_known: bool,
    /// By ladder: the lowest rung that took every value, [`FALLEN`] when none did.
    rungs: Vec<usize>,
    is_seen: bool,
    is_text: bool,
}

const FALLEN: usize = usize::MAX;

/// Types of which each takes all that the one before it takes.
struct Ladder {
    rungs: Vec<(ColumnType, Encoder)>,
    of: Family,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Boolean,
    Number,
    Text,
    Nested,
}

/// No value is of two of them but for the first, which wins.
fn ladders() -> Vec<Ladder> {
    let numeric = ColumnType::Numeric { precision_scale: None };
    let ladder = |of, kinds: &[ColumnType]| Ladder { rungs: kinds.iter().map(|kind| rung(*kind)).collect(), of };
    vec![
        ladder(Family::Boolean, &[ColumnType::Boolean]),
        ladder(Family::Number, &[ColumnType::SmallInt, ColumnType::Integer, ColumnType::BigInt, numeric]),
        ladder(Family::Text, &[ColumnType::Date]),
        ladder(Family::Text, &[ColumnType::Time]),
        ladder(Family::Text, &[ColumnType::Timestamp]),
        ladder(Family::Text, &[ColumnType::TimestampTz]),
        ladder(Family::Text, &[ColumnType::Uuid]),
        ladder(Family::Nested, &[ColumnType::Jsonb]),
    ]
}

fn rung(kind: ColumnType) -> (ColumnType, Encoder) {
    (kind, Encoder::plain(kind))
}

impl<'a> Survey<'a> {
    fn new(spec: &RowSpec<'a>) -> Self {
        Self {
            places: HashMap::new(),
            found: Vec::new(),
            known: spec.columns.iter().map(|column| (column.header.as_str(), &column.name)).collect(),
            ladders: ladders(),
            is_typed: !matches!(spec.format, Format::Csv | Format::Tsv),
            is_regular: !matches!(spec.format, Format::Json | Format::Jsonl),
            has_new: false,
            text: Vec::new(),
            encoded: Vec::new(),
        }
    }

    /// One row's object.
    fn row(&mut self, object: &[u8]) -> Result<(), SinkClosed> {
        let mut outcome = Ok(());
        let parsed = Lexer::new(object).record(&mut |key, value| {
            if outcome.is_ok() {
                outcome = self.member(object, key, value);
            }
        });
        // Validated before it came here.
        debug_assert!(parsed.is_ok());
        outcome?;
        if self.is_regular && !self.has_new { Err(SinkClosed) } else { Ok(()) }
    }

    fn member(&mut self, object: &[u8], key: Value, value: Value) -> Result<(), SinkClosed> {
        // Taken out, so that it can be read while the rest is written.
        let mut unescaped = std::mem::take(&mut self.text);
        let place = self.place(text_of(object, key, &mut unescaped));
        if let Ok(place) = place
            && !self.found[place].is_known
            && value.kind != Kind::Null
        {
            self.look(place, value.kind, text_of(object, value, &mut unescaped));
        }
        self.text = unescaped;
        place.map(|_| ())
    }

    fn place(&mut self, header: &[u8]) -> Result<usize, SinkClosed> {
        if let Some(place) = self.places.get(header) {
            return Ok(*place);
        }
        let place = self.found.len();
        self.places.insert(header.to_vec(), place);
        let header = String::from_utf8_lossy(header).into_owned();
        let is_known = self.known.contains_key(header.as_str());
        self.has_new |= !is_known;
        let rungs = vec![0; self.ladders.len()];
        self.found.push(Found { header, is_known, rungs, is_seen: false, is_text: true });
        if self.found.len() > COLUMNS_MAX { Err(SinkClosed) } else { Ok(place) }
    }

    fn look(&mut self, place: usize, kind: Kind, text: &[u8]) {
        let family = self.family(kind);
        let found = &mut self.found[place];
        found.is_seen = true;
        found.is_text &= matches!(kind, Kind::String { .. });
        for (ladder, at) in self.ladders.iter().zip(&mut found.rungs) {
            if family.is_some_and(|family| family != ladder.of) {
                *at = FALLEN;
            }
            while let Some((kind, encoder)) = ladder.rungs.get(*at) {
                self.encoded.clear();
                if keeps(*kind, text) && encoder.encode(text, &mut self.encoded).is_ok() {
                    break;
                }
                *at += 1;
            }
        }
    }

    /// Of a value that says its own; `None` for a CSV field.
    fn family(&self, kind: Kind) -> Option<Family> {
        match kind {
            Kind::String { .. } | Kind::Null => self.is_typed.then_some(Family::Text),
            Kind::Boolean => Some(Family::Boolean),
            Kind::Number => Some(Family::Number),
            Kind::Array | Kind::Object => Some(Family::Nested),
        }
    }

    fn conclude(self, known: &[Column]) -> Inference {
        let mut names = Names::new(known);
        let mut inference = Inference::default();
        for (index, found) in self.found.iter().enumerate() {
            match self.known.get(found.header.as_str()) {
                Some(name) => inference.known.push((*name).clone()),
                None => inference.new.push(Column {
                    name: names.name(&found.header, index + 1),
                    header: found.header.clone(),
                    kind: self.kind(found),
                    not_null: false,
                    format: None,
                }),
            }
        }
        inference
    }

    /// The narrowest type that took every value; `text` takes all text, and `jsonb` all JSON.
    fn kind(&self, found: &Found) -> ColumnType {
        let standing = || {
            let rungs = self.ladders.iter().zip(&found.rungs);
            rungs.filter_map(|(ladder, at)| ladder.rungs.get(*at)).map(|(kind, _)| *kind).next()
        };
        let widest = if found.is_text { ColumnType::Text } else { ColumnType::Jsonb };
        found.is_seen.then(standing).flatten().unwrap_or(widest)
    }
}

impl Sink for Survey<'_> {
    fn copy(&mut self, tuples: bytes::Bytes) -> Result<(), SinkClosed> {
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

/// The JSON text of a tuple of one jsonb field: a count, a length, a version, and the text.
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

fn text_of<'t>(object: &'t [u8], value: Value, unescaped: &'t mut Vec<u8>) -> &'t [u8] {
    if value.kind == (Kind::String { escaped: true }) {
        unescaped.clear();
        if unescape::append(value.text(object), unescaped).is_ok() {
            return unescaped;
        }
    }
    value.text(object)
}

/// Whether a value of this type shows all that the text does, beside being one.
fn keeps(kind: ColumnType, text: &[u8]) -> bool {
    match kind {
        // `t` and `1` are more often codes.
        ColumnType::Boolean => text.len() >= 4,
        ColumnType::SmallInt | ColumnType::Integer | ColumnType::BigInt | ColumnType::Numeric { .. } => {
            let digits = text.strip_prefix(b"-").unwrap_or(text);
            let is_padded = digits.len() > 1 && digits[0] == b'0' && digits[1].is_ascii_digit();
            !is_padded && digits.first().is_some_and(u8::is_ascii_digit)
        }
        // 32 digits in a row are more often a hash, which would get hyphens.
        ColumnType::Uuid => text.len() == 36,
        ColumnType::Jsonb => matches!(text.first(), Some(b'{' | b'[')),
        _ => true,
    }
}

/// Column names of one table, each given once.
pub(crate) struct Names {
    taken: Vec<String>,
}

impl Names {
    pub(crate) fn new(known: &[Column]) -> Self {
        Self { taken: known.iter().map(|column| column.name.as_str().to_owned()).collect() }
    }

    /// What the file says, as it is, unless PostgreSQL or Penstock has no room for it.
    pub(crate) fn name(&mut self, header: &str, place: usize) -> ColumnName {
        let spelled = spelled(header, place);
        let numbered = (1_usize..).map(|number| match number {
            1 => shortened(&spelled, ""),
            _ => shortened(&spelled, &format!("_{number}")),
        });
        let free = numbered.filter(|name| name != RESCUED_COLUMN && !self.taken.contains(name));
        // A name that is spelled so, or with a number after it, is valid.
        let mut valid = free.filter_map(|name| ColumnName::parse(&name).ok());
        loop {
            if let Some(name) = valid.next() {
                self.taken.push(name.as_str().to_owned());
                return name;
            }
        }
    }
}

fn spelled(header: &str, place: usize) -> String {
    let printable: String = header.chars().map(|c| if c.is_control() { '_' } else { c }).collect();
    if printable.is_empty() {
        format!("column_{place}")
    } else if ColumnName::parse(&shortened(&printable, "")).is_err() {
        format!("column_{printable}")
    } else {
        printable
    }
}

fn shortened(name: &str, ending: &str) -> String {
    let mut end = name.len().min(IDENTIFIER_BYTES_MAX - ending.len());
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{ending}", &name[..end])
}

#[cfg(test)]
mod tests {
    use pipeline::{CsvOptions, Encoding};
    use protocol::Compression;

    use super::*;

    fn infer_as(format: Format, known: &[Column], file: &str) -> Result<Inference, FileError> {
        let spec = RowSpec {
            columns: known,
            null_values: &[String::new()],
            format,
            compression: Compression::None,
            csv: &CsvOptions::default(),
            encoding: Encoding::default(),
            extra: Extra::default(),
            lineage: None,
        };
        infer(&spec, file.as_bytes())
    }

    fn told(inference: &Inference) -> String {
        let column = |column: &Column| format!("{} {}", column.name, column.kind.declared());
        inference.new.iter().map(column).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn the_narrowest_type_that_takes_every_value() {
        let check = |values: &[&str], expected: &str| {
            let file = format!("c,d\n{}", values.iter().map(|value| format!("{value},x\n")).collect::<String>());
            let found = infer_as(Format::Csv, &[], &file).unwrap();
            assert_eq!(told(&found), format!("c {expected}, d text"), "{values:?}");
        };
        check(&["1", "-32768", "0"], "smallint");
        check(&["1", "32768"], "integer");
        check(&["2147483648", "1"], "bigint");
        check(&["1", "9223372036854775808"], "numeric");
        check(&["1", "1.10"], "numeric");
        check(&["1.5", "1e300"], "numeric");
        check(&["1", "NaN"], "text");
        check(&["1", "x"], "text");
        check(&["1", "", "2"], "smallint");
        check(&["", ""], "text");
        check(&["1", "\"\""], "text");
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
    fn a_value_at_the_very_end_widens() {
        let file = format!("c\n{}40000\n", "1\n".repeat(500_000));
        assert_eq!(told(&infer_as(Format::Csv, &[], &file).unwrap()), "c integer");
    }

    #[test]
    fn json_says_its_types() {
        let check = |values: &[&str], expected: &str| {
            let file = values.iter().map(|value| format!("{{\"c\": {value}, \"d\": null}}\n")).collect::<String>();
            assert_eq!(told(&infer_as(Format::Jsonl, &[], &file).unwrap()), format!("c {expected}, d text"));
            let array = values.iter().map(|value| format!("{{\"c\": {value}, \"d\": null}}")).collect::<Vec<_>>();
            let array = format!("[{}]", array.join(","));
            assert_eq!(told(&infer_as(Format::Json, &[], &array).unwrap()), format!("c {expected}, d text"));
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
    fn a_key_that_comes_late_is_a_column_too() {
        let found = infer_as(Format::Jsonl, &[], "{\"a\": 1}\n{\"b\": true, \"a\": 2}\n").unwrap();
        assert_eq!(told(&found), "a smallint, b boolean");
    }

    #[test]
    fn names_are_kept_where_they_are_valid() {
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
    fn known_columns_are_told_apart_from_new_ones() {
        let known = [crate::tests::column("a integer"), crate::tests::column("z integer")];
        let check = |format: Format, file: &str, names: &[&str], new: &str| {
            let found = infer_as(format, &known, file).unwrap();
            assert_eq!(found.known.iter().map(ColumnName::as_str).collect::<Vec<_>>(), names, "{file}");
            assert_eq!(told(&found), new, "{file}");
        };
        check(Format::Csv, "a,b\n1,2\n", &["a"], "b smallint");
        check(Format::Csv, "z,a\nx,2\n", &["z", "a"], "");
        check(Format::Csv, "a,b\n", &[], "");
        check(Format::Jsonl, "{\"a\": 1}\n{\"z\": 1, \"b\": 2}\n", &["a", "z"], "b smallint");
    }

    #[test]
    fn a_table_has_room_for_so_many_columns() {
        let file = |columns: usize| (0..columns).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",");
        let rows = |columns: usize| format!("{}\n{}\n", file(columns), vec!["1"; columns].join(","));
        assert_eq!(infer_as(Format::Csv, &[], &rows(COLUMNS_MAX)).unwrap().new.len(), COLUMNS_MAX);
        let error = infer_as(Format::Csv, &[], &rows(COLUMNS_MAX + 1)).unwrap_err();
        assert_eq!(error.to_string(), "line 1: more than 1500 columns, the most that a table may have");
    }
}
