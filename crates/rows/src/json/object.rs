use std::collections::HashMap;

use super::lexer::{Kind, Lexer, Value};
use super::unescape;
use crate::error::quoted;
use crate::plan::Plan;
use crate::reject::{Reason, RowFault};
use crate::types::JsonFamily;

/// Finds the columns' values in one object after another. Its memory serves all of them.
pub(super) struct ObjectReader<'a> {
    plan: &'a Plan<'a>,
    columns: HashMap<&'a [u8], usize>,
    /// The column of each member of the last object: objects of one file are mostly alike.
    order: Vec<usize>,
    values: Vec<Option<Value>>,
    text: Vec<u8>,
}

impl<'a> ObjectReader<'a> {
    pub(super) fn new(plan: &'a Plan<'a>) -> Self {
        let header =
            |(index, planned): (usize, &'a crate::plan::PlannedColumn<'a>)| (planned.column.header.as_bytes(), index);
        Self {
            plan,
            columns: plan.columns.iter().enumerate().map(header).collect(),
            order: Vec::new(),
            values: vec![None; plan.columns.len()],
            text: Vec::new(),
        }
    }

    /// Takes the object apart. [`Reason::InvalidJson`] comes before all other faults.
    pub(super) fn parse(&mut self, record: &[u8]) -> Result<(), RowFault> {
        self.values.fill(None);
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
        Ok(())
    }

    fn member(&mut self, record: &[u8], index: usize, key: Value, value: Value) -> Result<(), RowFault> {
        let key = key_text(record, key, &mut self.text)?;
        let guess = self.order.get(index).copied();
        let column = match guess {
            Some(column) if self.plan.columns[column].column.header.as_bytes() == key => column,
            _ => {
                let column = self.columns.get(key).copied();
                let column = column.ok_or_else(|| RowFault::of_row(Reason::UnknownKey { key: readable(key) }))?;
                self.order.truncate(index);
                // A member before this one may have been no column; then there is no place for a guess.
                if self.order.len() == index {
                    self.order.push(column);
                }
                column
            }
        };
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
