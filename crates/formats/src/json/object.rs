use std::collections::{HashMap, HashSet};

use pipeline::Extra;

use super::lexer::{Kind, Lexer, Value};
use super::unescape;
use crate::error::quoted;
use crate::plan::Plan;
use crate::reject::{Reason, RowFault};
use crate::rescued::Rescued;
use crate::types::{JsonFamily, check_jsonb};

/// Finds the columns' values in one object after another. Its memory serves all of them.
pub(super) struct ObjectReader<'a> {
    plan: &'a Plan<'a>,
    columns: HashMap<&'a [u8], usize>,
    /// The column of each member of the last object: objects of one file are mostly alike.
    order: Vec<usize>,
    values: Vec<Option<Value>>,
    /// Keys and values of no column, where they are rescued.
    extras: Vec<(Value, Value)>,
    extra_keys: HashSet<Vec<u8>>,
    text: Vec<u8>,
}

/// In [`ObjectReader::order`]: a member that is no column.
const NO_COLUMN: usize = usize::MAX;

impl<'a> ObjectReader<'a> {
    pub(super) fn new(plan: &'a Plan<'a>) -> Self {
        let header =
            |(index, planned): (usize, &'a crate::plan::PlannedColumn<'a>)| (planned.column.header.as_bytes(), index);
        Self {
            plan,
            columns: plan.columns.iter().enumerate().map(header).collect(),
            order: Vec::new(),
            values: vec![None; plan.columns.len()],
            extras: Vec::new(),
            extra_keys: HashSet::new(),
            text: Vec::new(),
        }
    }

    /// Takes the object apart. [`Reason::InvalidJson`] comes before all other faults.
    pub(super) fn parse(&mut self, record: &[u8]) -> Result<(), RowFault> {
        self.values.fill(None);
        self.extras.clear();
        self.extra_keys.clear();
        let mut first_fault = None;
        let mut index = 0;
        let parsed = Lexer::new(record).record(&mut |key, value| {
            if let Err(fault) = self.member(record, index, key, value) {
                first_fault.get_or_insert(fault);
            }
            index += 1;
        });
        parsed.map_err(RowFault::of_row)?;
        first_fault.map_or(Ok(()), Err)
    }

    /// Appends the fields of the object that was parsed last.
    pub(super) fn encode(&mut self, record: &[u8], is_text: bool, out: &mut Vec<u8>) -> Result<(), RowFault> {
        for column in 0..self.values.len() {
            match self.values[column] {
                None | Some(Value { kind: Kind::Null, .. }) => self.plan.encode_null(column, out)?,
                Some(value) => self.encode_value(column, record, value, is_text, out)?,
            }
        }
        match self.plan.rescued_column() {
            None => Ok(()),
            Some(column) => self.rescue(record, is_text, out).map_err(|reason| RowFault::of_column(column, reason)),
        }
    }

    fn rescue(&self, record: &[u8], is_text: bool, out: &mut Vec<u8>) -> Result<(), Reason> {
        let mut object = Rescued::begin(out);
        let is_kept = |value: &Value| self.plan.rescues_nulls || value.kind != Kind::Null;
        for (key, value) in self.extras.iter().filter(|(_, value)| is_kept(value)) {
            object.add_json(&record[key.start..key.end], &record[value.start..value.end]);
        }
        let text = object.end();
        if !is_text && simdutf8::basic::from_utf8(text).is_err() {
            return Err(Reason::InvalidUtf8);
        }
        if text.is_empty() { Ok(()) } else { check_jsonb(text) }
    }

    fn member(&mut self, record: &[u8], index: usize, key: Value, value: Value) -> Result<(), RowFault> {
        let whole_key = key;
        let key = match key_text(record, key, &mut self.text) {
            // It is no column's name, so nobody reads it.
            Err(_) if self.plan.extra == Extra::Ignore => return Ok(()),
            key => key?,
        };
        let guess = self.order.get(index).copied();
        let column = match guess {
            Some(column)
                if self.plan.columns.get(column).is_some_and(|guess| guess.column.header.as_bytes() == key) =>
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
        if column == NO_COLUMN {
            return match self.plan.extra {
                Extra::Reject => Err(RowFault::of_row(Reason::UnknownKey { key: readable(key) })),
                Extra::Ignore => Ok(()),
                Extra::Rescue if !self.extra_keys.insert(key.to_vec()) => {
                    Err(RowFault::of_row(Reason::DuplicateKey { key: readable(key) }))
                }
                Extra::Rescue => {
                    self.extras.push((whole_key, value));
                    Ok(())
                }
            };
        }
        if self.values[column].is_some() {
            return Err(RowFault::of_column(column, Reason::DuplicateKey { key: readable(key) }));
        }
        self.values[column] = Some(value);
        Ok(())
    }

    fn encode_value(
        &mut self,
        column: usize,
        record: &[u8],
        value: Value,
        is_text: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), RowFault> {
        let whole = &record[value.start..value.end];
        if !is_text && simdutf8::basic::from_utf8(whole).is_err() {
            return Err(RowFault::of_column(column, Reason::InvalidUtf8));
        }
        let family = self.plan.columns[column].encoder.json_family();
        let text = match (family, value.kind) {
            (JsonFamily::Any, _) | (JsonFamily::Boolean, Kind::Boolean) | (JsonFamily::Number, Kind::Number) => whole,
            (JsonFamily::String | JsonFamily::Number, Kind::String { escaped: false }) => value.text(record),
            (JsonFamily::String | JsonFamily::Number, Kind::String { escaped: true }) => {
                self.text.clear();
                unescape::append(value.text(record), &mut self.text)
                    .map_err(|reason| RowFault::of_column(column, reason))?;
                &self.text
            }
            (_, found) => {
                let reason = Reason::JsonType { expected: family.name(), found: found.name() };
                return Err(RowFault::of_column(column, reason));
            }
        };
        self.plan.encode(column, text, out)
    }
}

fn key_text<'t>(record: &'t [u8], key: Value, scratch: &'t mut Vec<u8>) -> Result<&'t [u8], RowFault> {
    if key.kind == (Kind::String { escaped: true }) {
        scratch.clear();
        unescape::append(key.text(record), scratch).map_err(RowFault::of_row)?;
        return Ok(scratch);
    }
    Ok(key.text(record))
}

fn readable(key: &[u8]) -> String {
    quoted(&String::from_utf8_lossy(key))
}
