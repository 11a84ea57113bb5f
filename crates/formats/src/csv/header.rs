use pipeline::{Column, ColumnSource, CsvOptions, HeaderMatch, Ragged};

use super::dialect::Dialect;
use super::scanner::{Extent, FieldFit, FieldQuoting, FieldSpan, Scanner};
use crate::column_mapping::ColumnMapping;
use crate::error::FileError;
use crate::reject::RejectReason;
use crate::row_encoder::RowEncoder;
use crate::window::Window;

/// The file's header, mapped to the table's columns.
pub(super) struct Header {
    /// Per column of the table: its position in a record. A missing column has the position after the last field.
    positions: Vec<usize>,
    /// Per position in the file: the column of the table.
    columns: Vec<Option<usize>>,
    rescued: Vec<(usize, String)>,
    counted_by: CountedBy,
    fit: Option<FieldFit>,
}

/// The source of the number of fields that a record must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CountedBy {
    Header,
    Columns,
    FirstRecord,
}

impl Header {
    /// The mapping of a file whose records have the dataset's columns in order.
    pub(super) fn declared(encoder: &RowEncoder<'_>, options: &CsvOptions) -> Self {
        let in_records = encoder.columns.iter().filter(|it| it.column.source.is_in_records()).count();
        Self::new(ColumnMapping::by_position(encoder, in_records), options, CountedBy::Columns)
    }

    /// The mapping of a file without a header whose columns declare positions. The first record has `field_count`
    /// fields.
    pub(super) fn at_positions(encoder: &RowEncoder<'_>, options: &CsvOptions, field_count: usize) -> Self {
        let field_count = field_count.max(last_position(encoder).map_or(0, |(_, position)| position));
        Self::new(ColumnMapping::by_position(encoder, field_count), options, CountedBy::FirstRecord)
    }

    pub(super) fn read<D: Dialect>(
        encoder: &RowEncoder<'_>,
        options: &CsvOptions,
        window: &mut Window<'_>,
        scanner: &Scanner<D>,
        extent: Extent,
    ) -> Result<Self, FileError> {
        let line = window.line();
        let malformed = |reason: String| FileError::Malformed { line, reason: format!("in the header: {reason}") };
        if encoder.header_match == HeaderMatch::Position {
            return Self::skipped(encoder, options, scanner.field_count(), malformed);
        }
        if let Some((_, reason)) = scanner.error() {
            return Err(malformed(reason.to_string()));
        }
        if scanner.fields().len() < scanner.field_count() {
            let (found, max) = (scanner.field_count(), scanner.fields().len());
            return Err(malformed(format!("{found} fields, the limit is {max}")));
        }
        let bytes = &window.unread()[..extent.length];
        if memchr::memchr(0, bytes).is_some() {
            return Err(malformed(RejectReason::Nul.to_string()));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| malformed("invalid UTF-8".to_owned()))?;
        let name = |field: &FieldSpan| match field.quoting {
            FieldQuoting::None | FieldQuoting::Plain | FieldQuoting::Missing => {
                text.get(field.start..field.end).unwrap_or_default().to_owned()
            }
            FieldQuoting::Escaped | FieldQuoting::WithTail => {
                let mut unescaped = Vec::new();
                scanner.unescape(*field, bytes, &mut unescaped);
                String::from_utf8_lossy(&unescaped).into_owned()
            }
        };
        let mut found: Vec<String> = scanner.fields().iter().map(name).collect();
        if matches!(options.ragged, Ragged::Trim | Ragged::Both) {
            let declared = last_position(encoder).map_or(0, |(_, position)| position);
            while found.len() > declared && found.last().is_some_and(String::is_empty) {
                found.pop();
            }
        }
        Ok(Self::new(ColumnMapping::by_name(encoder, found)?, options, CountedBy::Header))
    }

    /// The mapping of a file with a header of `field_count` fields, which is skipped.
    fn skipped(
        encoder: &RowEncoder<'_>,
        options: &CsvOptions,
        field_count: usize,
        malformed: impl Fn(String) -> FileError,
    ) -> Result<Self, FileError> {
        match last_position(encoder) {
            None => Ok(Self::declared(encoder, options)),
            Some((column, position)) if position > field_count => {
                let name = &column.name;
                Err(malformed(format!("{field_count} fields, but column {name} is field {position}")))
            }
            Some(_) => Ok(Self::new(ColumnMapping::by_position(encoder, field_count), options, CountedBy::Header)),
        }
    }

    fn new(mapping: ColumnMapping, options: &CsvOptions, counted_by: CountedBy) -> Self {
        let ColumnMapping { positions, columns, rescued } = mapping;
        let fit = FieldFit {
            field_count: columns.len(),
            pads: matches!(options.ragged, Ragged::Pad | Ragged::Both),
            trims: matches!(options.ragged, Ragged::Trim | Ragged::Both),
            appends_missing: positions.contains(&None),
        };
        Self {
            positions: positions.into_iter().map(|position| position.unwrap_or(columns.len())).collect(),
            columns,
            rescued,
            counted_by,
            fit: Some(fit).filter(|fit| fit.pads || fit.trims || fit.appends_missing),
        }
    }

    pub(super) fn positions(&self) -> &[usize] {
        &self.positions
    }

    pub(super) fn rescued_fields(&self) -> &[(usize, String)] {
        &self.rescued
    }

    pub(super) fn field_count(&self) -> usize {
        self.columns.len()
    }

    /// The adjustment of each record; `None` if records have the header's fields.
    #[inline]
    pub(super) fn fit(&self) -> Option<FieldFit> {
        self.fit
    }

    /// Returns the table's column for a position in the file. `None` for an ignored field, and beyond the header's end.
    pub(super) fn column(&self, position: usize) -> Option<usize> {
        self.columns.get(position).copied().flatten()
    }

    pub(super) fn is_read(&self, position: usize) -> bool {
        self.column(position).is_some()
    }

    pub(super) fn field_count_error(&self, found: usize) -> RejectReason {
        let expected = self.field_count();
        match self.counted_by {
            CountedBy::Header => RejectReason::FieldCount { found, expected },
            CountedBy::Columns => RejectReason::ColumnCount { found, expected },
            CountedBy::FirstRecord => RejectReason::FirstRecordCount { found, expected },
        }
    }
}

/// Returns the column with the highest declared position, and that position from 1.
fn last_position<'a>(encoder: &RowEncoder<'a>) -> Option<(&'a Column, usize)> {
    let position = |column: &'a Column| match column.source {
        ColumnSource::Position(position) => Some((column, position as usize)),
        _ => None,
    };
    encoder.columns.iter().filter_map(|it| position(it.column)).max_by_key(|(_, position)| *position)
}

/// Returns whether columns declare their positions.
pub(super) fn has_positions(encoder: &RowEncoder<'_>) -> bool {
    last_position(encoder).is_some()
}
