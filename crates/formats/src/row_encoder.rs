use pipeline::{Column, ColumnSource, ColumnType, Extra, HeaderMatch, RESCUED_COLUMN};

use crate::reject::{RejectReason, RowError};
use crate::spec::RowSpec;
use crate::types::TypeEncoder;

/// Encodes the fields of a row by the file's [`RowSpec`]. It is built once per file.
#[derive(Debug)]
pub(crate) struct RowEncoder<'a> {
    /// The columns of the records.
    pub(crate) columns: Vec<ColumnEncoder<'a>>,
    pub(crate) extra: Extra,
    pub(crate) header_match: HeaderMatch,
    /// Positions from 1 of fields that are neither loaded nor rescued. Inference sets the declared positions.
    pub(crate) hidden_positions: Vec<u32>,
    /// Keeps NULLs in the rescued object. Inference needs them to see all names.
    pub(crate) rescues_nulls: bool,
    nulls: Nulls<'a>,
}

#[derive(Debug)]
pub(crate) struct ColumnEncoder<'a> {
    pub(crate) column: &'a Column,
    pub(crate) type_encoder: TypeEncoder,
}

/// The texts that mean NULL. The empty field is separate, because it is the most frequent and the cheapest to test.
#[derive(Debug)]
struct Nulls<'a> {
    empty: bool,
    others: Vec<&'a [u8]>,
}

impl<'a> RowEncoder<'a> {
    pub(crate) fn new(spec: &RowSpec<'a>) -> Self {
        let column_encoder = |column| ColumnEncoder { column, type_encoder: TypeEncoder::new(column) };
        Self {
            columns: spec.columns.iter().filter(|column| column.source.is_in_records()).map(column_encoder).collect(),
            extra: spec.extra,
            header_match: spec.header_match,
            hidden_positions: Vec::new(),
            rescues_nulls: false,
            nulls: Nulls {
                empty: spec.null_values.iter().any(String::is_empty),
                others: spec.null_values.iter().filter(|text| !text.is_empty()).map(String::as_bytes).collect(),
            },
        }
    }

    pub(crate) fn name(&self, column: usize) -> Option<&'a str> {
        match self.columns.get(column) {
            Some(column_encoder) => Some(column_encoder.column.name.as_str()),
            None => self.rescued_column().filter(|rescued| *rescued == column).map(|_| RESCUED_COLUMN),
        }
    }

    /// Position of `_rescued`, after the dataset's columns. `None` if nothing is rescued.
    #[inline]
    pub(crate) fn rescued_column(&self) -> Option<usize> {
        (self.extra == Extra::Rescue).then_some(self.columns.len())
    }

    /// Number of fields per tuple that come from the record.
    pub(crate) fn field_count(&self) -> usize {
        self.columns.len() + usize::from(self.rescued_column().is_some())
    }

    /// Returns the names of the columns in the file.
    pub(crate) fn headers(&self) -> Vec<String> {
        let columns = self.columns.iter().map(|column_encoder| column_encoder.column);
        columns.filter(|column| column.source.is_in_records()).map(described_source).collect()
    }

    pub(crate) fn is_json(&self, column: usize) -> bool {
        self.columns[column].column.kind == ColumnType::Jsonb
    }

    /// Returns whether an unquoted field means NULL.
    #[inline]
    pub(crate) fn is_null(&self, field: &[u8]) -> bool {
        if field.is_empty() { self.nulls.empty } else { self.nulls.others.contains(&field) }
    }

    /// Returns whether a text of JSON or Parquet means NULL. The empty text is a value there, because these formats have a
    /// NULL of their own.
    #[inline]
    pub(crate) fn is_null_text(&self, text: &[u8]) -> bool {
        !self.nulls.others.is_empty() && self.nulls.others.contains(&text)
    }

    /// Appends NULL as a field of `column`.
    #[inline]
    pub(crate) fn encode_null(&self, column: usize, out: &mut Vec<u8>) -> Result<(), RowError> {
        if self.columns[column].column.not_null {
            return Err(RowError::of_column(column, RejectReason::Null));
        }
        out.extend_from_slice(&crate::copy::NULL);
        Ok(())
    }

    /// Appends `text` as a field of `column`. The caller has checked that it is UTF-8 without NUL.
    #[inline]
    pub(crate) fn encode(&self, column: usize, text: &[u8], out: &mut Vec<u8>) -> Result<(), RowError> {
        match self.columns[column].type_encoder.encode(text, out) {
            Ok(()) => Ok(()),
            Err(reason) => self.encode_empty(column, text, reason, out),
        }
    }

    /// Appends a JSON boolean, or a number of JSON or Parquet, as a field of `column`.
    #[inline]
    pub(crate) fn encode_typed(&self, column: usize, text: &[u8], out: &mut Vec<u8>) -> Result<(), RowError> {
        self.columns[column].type_encoder.encode_typed(text, out).map_err(|reason| RowError::of_column(column, reason))
    }

    /// Appends NULL for an empty text, and returns the reason for any other. Only types of text accept the empty text, so
    /// this costs nothing for a field that fits.
    #[cold]
    fn encode_empty(
        &self,
        column: usize,
        text: &[u8],
        reason: RejectReason,
        out: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        if text.is_empty() { self.encode_null(column, out) } else { Err(RowError::of_column(column, reason)) }
    }
}

/// Returns the text that describes the source of a column in errors.
pub(crate) fn described_source(column: &Column) -> String {
    match column.source {
        ColumnSource::Position(position) => format!("field {position}"),
        _ => column.header.clone(),
    }
}
