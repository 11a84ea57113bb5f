//! Maps the columns of a file to the columns of the table, by name or by position.

use std::borrow::Cow;

use pipeline::{Column, ColumnSource, Extra, HeaderMatch};

use crate::error::FileError;
use crate::error::names;
use crate::row_encoder::{RowEncoder, described_source};

/// The columns of a file. Each column of the dataset is in the file at most once, in any order. `extra` decides about
/// all other columns.
pub(crate) struct ColumnMapping {
    /// Per column of the table: its position in the file. `None` for an optional column that the file lacks.
    pub(crate) positions: Vec<Option<usize>>,
    /// Per position in the file: the column of the table. A rescued column has [`RowEncoder::rescued_column`], an
    /// ignored one has `None`.
    pub(crate) columns: Vec<Option<usize>>,
    /// Position and name of each rescued column.
    pub(crate) rescued: Vec<(usize, String)>,
}

/// A column of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FoundColumn {
    Declared(usize),
    /// Another row declares the column by its position. Only inference has such columns.
    Hidden,
    Undeclared,
}

impl ColumnMapping {
    /// Maps a file whose names do not count. Columns are at their declared positions, or in the declared order.
    /// `field_count` is the number of fields of a record.
    pub(crate) fn by_position(encoder: &RowEncoder<'_>, field_count: usize) -> Self {
        let mut next = 0;
        let mut position = |column: &Column| {
            let position = match column.source {
                ColumnSource::Header => next,
                ColumnSource::Position(position) => from_one(position),
                ColumnSource::Key(_) | ColumnSource::Line | ColumnSource::Object(_) => return None,
            };
            next += 1;
            Some(position)
        };
        let positions: Vec<_> = encoder.columns.iter().map(|it| position(it.column)).collect();
        let mut columns = vec![None; field_count];
        for (column, position) in positions.iter().enumerate() {
            if let Some(at) = position.and_then(|position| columns.get_mut(position)) {
                *at = Some(column);
            }
        }
        Self { positions, columns, rescued: Vec::new() }
    }

    pub(crate) fn by_name(encoder: &RowEncoder<'_>, found: Vec<String>) -> Result<Self, FileError> {
        let matched = match_columns(encoder, &found);
        let declared = |column: usize| matched.iter().position(|it| *it == FoundColumn::Declared(column));
        let positions: Vec<_> = (0..encoder.columns.len()).map(declared).collect();
        let difference = difference(encoder, &found, &matched, &positions);
        if !difference.is_empty() {
            let reason = format!("the header does not match the dataset's columns: {}", difference.join(", "));
            return Err(FileError::HeaderMismatch { expected: encoder.headers(), found, reason });
        }
        let column = |matched: &FoundColumn| match matched {
            FoundColumn::Declared(column) => Some(*column),
            FoundColumn::Undeclared => encoder.rescued_column(),
            FoundColumn::Hidden => None,
        };
        let columns = matched.iter().map(column).collect();
        let is_rescued = |(position, _): &(usize, String)| matched.get(*position) == Some(&FoundColumn::Undeclared);
        let rescued = if encoder.extra == Extra::Rescue {
            found.into_iter().enumerate().filter(is_rescued).collect()
        } else {
            Vec::new()
        };
        Ok(Self { positions, columns, rescued })
    }
}

/// Returns the form of a header name that is compared.
pub(crate) fn header_key(header_match: HeaderMatch, name: &str) -> Cow<'_, str> {
    if header_match != HeaderMatch::Fold {
        return Cow::Borrowed(name);
    }
    let fold = |character| if matches!(character, ' ' | '-') { '_' } else { character };
    Cow::Owned(name.trim().to_lowercase().chars().map(fold).collect())
}

fn from_one(position: u32) -> usize {
    (position as usize).saturating_sub(1)
}

fn match_columns(encoder: &RowEncoder<'_>, found: &[String]) -> Vec<FoundColumn> {
    let key = |name| header_key(encoder.header_match, name);
    let mut matched = vec![FoundColumn::Undeclared; found.len()];
    let mut expected = Vec::new();
    for (index, column_encoder) in encoder.columns.iter().enumerate() {
        match &column_encoder.column.source {
            ColumnSource::Header => expected.push((index, key(&column_encoder.column.header))),
            ColumnSource::Position(position) => {
                if let Some(at) = matched.get_mut(from_one(*position)) {
                    *at = FoundColumn::Declared(index);
                }
            }
            ColumnSource::Key(_) | ColumnSource::Line | ColumnSource::Object(_) => {}
        }
    }
    for position in &encoder.hidden_positions {
        if let Some(at) = matched.get_mut(from_one(*position)) {
            *at = FoundColumn::Hidden;
        }
    }
    for (at, name) in matched.iter_mut().zip(found).filter(|(at, _)| **at == FoundColumn::Undeclared) {
        let name = key(name);
        if let Some((index, _)) = expected.iter().find(|(_, header)| *header == name) {
            *at = FoundColumn::Declared(*index);
        }
    }
    matched
}

fn difference(
    encoder: &RowEncoder<'_>,
    found: &[String],
    matched: &[FoundColumn],
    positions: &[Option<usize>],
) -> Vec<String> {
    let columns = encoder.columns.iter().map(|column_encoder| column_encoder.column).zip(positions);
    let is_missing = |column: &Column| column.source.is_in_records() && !column.optional;
    let missing: Vec<_> = columns.filter(|(column, position)| position.is_none() && is_missing(column)).collect();
    let missing = missing.into_iter().map(|(column, _)| described_source(column)).collect();
    let is_unknown = |at: &FoundColumn| *at == FoundColumn::Undeclared && encoder.extra == Extra::Reject;
    let unknown = found.iter().zip(matched).filter(|(_, at)| is_unknown(at)).map(|(name, _)| name.clone()).collect();
    let is_repeated = |index: usize, name: &String| match matched[index] {
        FoundColumn::Declared(_) => matched[..index].contains(&matched[index]),
        FoundColumn::Undeclared if encoder.extra != Extra::Ignore => {
            let earlier = found.iter().zip(matched).take(index);
            earlier.into_iter().any(|(other, at)| *at == FoundColumn::Undeclared && other == name)
        }
        FoundColumn::Undeclared | FoundColumn::Hidden => false,
    };
    let repeated = found.iter().enumerate().filter(|(index, name)| is_repeated(*index, name));
    let repeated = repeated.map(|(_, name)| name.clone()).collect();
    let kinds: [(&str, Vec<String>); 3] = [("missing", missing), ("unknown", unknown), ("repeated", repeated)];
    let parts = kinds.iter().filter(|(_, list)| !list.is_empty());
    parts.map(|(kind, list)| format!("{kind} {}", names(list))).collect()
}
