use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use pipeline::Extra;

use super::pointer::{self, JsonPointer};
use crate::error::quoted;
use crate::json_syntax::{JsonKind, JsonLexer, JsonToken, unescape};
use crate::reject::{RejectReason, RowError};
use crate::rescued::RescuedObject;
use crate::row_encoder::RowEncoder;
use crate::types::{AcceptedJson, check_jsonb};

/// Finds the columns' values in an object. Reuses its memory for all objects.
pub(super) struct ObjectReader<'a> {
    encoder: &'a RowEncoder<'a>,
    /// By key: the column, or after all columns a position in `pointed`.
    columns: HashMap<Cow<'a, [u8]>, usize>,
    pointed: Vec<PointedMember>,
    /// Per member of the last object: its column. Most objects of a file have the same order.
    order: Vec<usize>,
    values: Vec<Option<JsonToken>>,
    /// Members without a column, if `extra` is `rescue`.
    extras: Vec<(JsonToken, JsonToken)>,
    extra_keys: HashSet<Vec<u8>>,
    text: Vec<u8>,
}

/// A member of the record that columns point into.
struct PointedMember {
    /// The column that has the whole value.
    column: Option<usize>,
    /// Columns, each with the rest of its JSON Pointer.
    inner: Vec<(usize, Vec<Vec<u8>>)>,
    is_seen: bool,
}

/// In [`ObjectReader::order`]: a member without a column.
const NO_COLUMN: usize = usize::MAX;

impl<'a> ObjectReader<'a> {
    pub(super) fn new(encoder: &'a RowEncoder<'a>) -> Self {
        let mut columns: HashMap<Cow<'a, [u8]>, usize> = HashMap::new();
        let mut pointed: Vec<PointedMember> = Vec::new();
        let headers = || encoder.columns.iter().map(|it| it.column.header.as_str()).enumerate();
        columns.extend(
            headers()
                .filter(|(_, header)| !is_pointer(header))
                .map(|(index, it)| (Cow::Borrowed(it.as_bytes()), index)),
        );
        for (column, header) in headers().filter(|(_, header)| is_pointer(header)) {
            let mut segments = JsonPointer::parse(header).segments.into_iter();
            let key = segments.next().unwrap_or_default();
            let found = columns.get(key.as_slice()).copied();
            let position = match found.and_then(|found| found.checked_sub(encoder.columns.len())) {
                Some(position) => position,
                None => {
                    pointed.push(PointedMember { column: found, inner: Vec::new(), is_seen: false });
                    columns.insert(Cow::Owned(key), encoder.columns.len() + pointed.len() - 1);
                    pointed.len() - 1
                }
            };
            pointed[position].inner.push((column, segments.collect()));
        }
        Self {
            encoder,
            columns,
            pointed,
            order: Vec::new(),
            values: vec![None; encoder.columns.len()],
            extras: Vec::new(),
            extra_keys: HashSet::new(),
            text: Vec::new(),
        }
    }

    /// Parses an object. [`RejectReason::InvalidJson`] takes precedence over all other reasons.
    pub(super) fn parse(&mut self, record: &[u8]) -> Result<(), RowError> {
        self.values.fill(None);
        self.extras.clear();
        self.extra_keys.clear();
        self.pointed.iter_mut().for_each(|member| member.is_seen = false);
        let mut first_error = None;
        let mut index = 0;
        let parsed = JsonLexer::new(record).record(&mut |key, value| {
            if let Err(error) = self.member(record, index, key, value) {
                first_error.get_or_insert(error);
            }
            index += 1;
        });
        parsed.map_err(RowError::of_row)?;
        first_error.map_or(Ok(()), Err)
    }

    /// Appends the fields of the last parsed object.
    pub(super) fn encode(&mut self, record: &[u8], is_text: bool, out: &mut Vec<u8>) -> Result<(), RowError> {
        for column in 0..self.values.len() {
            match self.values[column] {
                None | Some(JsonToken { kind: JsonKind::Null, .. }) => self.encoder.encode_null(column, out)?,
                Some(value) => self.encode_value(column, record, value, is_text, out)?,
            }
        }
        match self.encoder.rescued_column() {
            None => Ok(()),
            Some(column) => self.rescue(record, is_text, out).map_err(|reason| RowError::of_column(column, reason)),
        }
    }

    fn rescue(&self, record: &[u8], is_text: bool, out: &mut Vec<u8>) -> Result<(), RejectReason> {
        let mut object = RescuedObject::begin(out);
        let is_kept = |value: &JsonToken| self.encoder.rescues_nulls || value.kind != JsonKind::Null;
        for (key, value) in self.extras.iter().filter(|(_, value)| is_kept(value)) {
            object.add_json(&record[key.start..key.end], &record[value.start..value.end]);
        }
        let text = object.end();
        if !is_text && simdutf8::basic::from_utf8(text).is_err() {
            return Err(RejectReason::InvalidUtf8);
        }
        if text.is_empty() { Ok(()) } else { check_jsonb(text) }
    }

    fn member(&mut self, record: &[u8], index: usize, key: JsonToken, value: JsonToken) -> Result<(), RowError> {
        let whole_key = key;
        let key = match key_text(record, key, &mut self.text) {
            // A key that cannot be a column's name is ignored.
            Err(_) if self.encoder.extra == Extra::Ignore => return Ok(()),
            key => key?,
        };
        let guess = self.order.get(index).copied();
        let column = match guess {
            Some(column)
                if self.encoder.columns.get(column).is_some_and(|guess| guess.column.header.as_bytes() == key) =>
            {
                column
            }
            _ => {
                let column = self.columns.get(key).copied().unwrap_or(NO_COLUMN);
                self.order.truncate(index);
                self.order.push(column);
                column
            }
        };
        if column >= self.values.len() && column != NO_COLUMN {
            let key = readable(key);
            return self.pointed_member(record, column - self.values.len(), &key, (whole_key, value));
        }
        if column == NO_COLUMN {
            return match self.encoder.extra {
                Extra::Reject => Err(RowError::of_row(RejectReason::UnknownKey { key: readable(key) })),
                Extra::Ignore => Ok(()),
                Extra::Rescue if !self.extra_keys.insert(key.to_vec()) => {
                    Err(RowError::of_row(RejectReason::DuplicateKey { key: readable(key) }))
                }
                Extra::Rescue => {
                    self.extras.push((whole_key, value));
                    Ok(())
                }
            };
        }
        if self.values[column].is_some() {
            return Err(RowError::of_column(column, RejectReason::DuplicateKey { key: readable(key) }));
        }
        self.values[column] = Some(value);
        Ok(())
    }

    /// Takes the values of the columns that point into a member.
    fn pointed_member(
        &mut self,
        record: &[u8],
        position: usize,
        key: &str,
        (whole_key, value): (JsonToken, JsonToken),
    ) -> Result<(), RowError> {
        let member = &mut self.pointed[position];
        if std::mem::replace(&mut member.is_seen, true) {
            return Err(RowError::of_row(RejectReason::DuplicateKey { key: key.to_owned() }));
        }
        match member.column {
            Some(column) => self.values[column] = Some(value),
            // The member may have values that no column takes.
            None if self.encoder.extra == Extra::Rescue => self.extras.push((whole_key, value)),
            None => {}
        }
        for (column, segments) in &member.inner {
            let found = pointer::find(record, value, segments);
            self.values[*column] = found.map_err(|reason| RowError::of_column(*column, reason))?;
        }
        Ok(())
    }

    fn encode_value(
        &mut self,
        column: usize,
        record: &[u8],
        value: JsonToken,
        is_text: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        let whole = &record[value.start..value.end];
        if !is_text && simdutf8::basic::from_utf8(whole).is_err() {
            return Err(RowError::of_column(column, RejectReason::InvalidUtf8));
        }
        let family = self.encoder.columns[column].type_encoder.accepted_json();
        let is_string = matches!(value.kind, JsonKind::String { .. });
        if is_string && self.encoder.is_null_text(value.text(record)) {
            return self.encoder.encode_null(column, out);
        }
        let text = match (family, value.kind) {
            (AcceptedJson::Any, _) => whole,
            (AcceptedJson::Boolean | AcceptedJson::Scalar, JsonKind::Boolean)
            | (AcceptedJson::Number | AcceptedJson::Scalar, JsonKind::Number) => {
                return self.encoder.encode_typed(column, whole, out);
            }
            (
                AcceptedJson::String | AcceptedJson::Number | AcceptedJson::Scalar,
                JsonKind::String { escaped: false },
            ) => value.text(record),
            // An empty text is NULL, as in CSV.
            (AcceptedJson::Boolean, JsonKind::String { escaped: false }) if whole == b"\"\"" => {
                return self.encoder.encode_null(column, out);
            }
            (
                AcceptedJson::String | AcceptedJson::Number | AcceptedJson::Scalar,
                JsonKind::String { escaped: true },
            ) => {
                self.text.clear();
                unescape(value.text(record), &mut self.text).map_err(|reason| RowError::of_column(column, reason))?;
                if self.encoder.is_null_text(&self.text) {
                    return self.encoder.encode_null(column, out);
                }
                &self.text
            }
            (_, found) => {
                let reason = RejectReason::JsonType { expected: family.name(), found: found.name() };
                return Err(RowError::of_column(column, reason));
            }
        };
        self.encoder.encode(column, text, out)
    }
}

fn key_text<'t>(record: &'t [u8], key: JsonToken, scratch: &'t mut Vec<u8>) -> Result<&'t [u8], RowError> {
    if key.kind == (JsonKind::String { escaped: true }) {
        scratch.clear();
        unescape(key.text(record), scratch).map_err(RowError::of_row)?;
        return Ok(scratch);
    }
    Ok(key.text(record))
}

/// Returns whether the name of a column is a JSON Pointer.
fn is_pointer(header: &str) -> bool {
    header.starts_with('/')
}

fn readable(key: &[u8]) -> String {
    quoted(&String::from_utf8_lossy(key))
}
