use pipeline::{Column, ColumnType, Extra, RESCUED_COLUMN};

use crate::RowSpec;
use crate::reject::{Reason, RowFault};
use crate::types::Encoder;

/// A specification made ready for the hot loop, once a file.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) columns: Vec<PlannedColumn<'a>>,
    pub(crate) extra: Extra,
    pub(crate) lineage: Option<i64>,
    /// Whether what is rescued keeps its NULLs; to infer columns, all names must be seen.
    pub(crate) rescues_nulls: bool,
    nulls: Nulls<'a>,
}

#[derive(Debug)]
pub(crate) struct PlannedColumn<'a> {
    pub(crate) column: &'a Column,
    pub(crate) encoder: Encoder,
}

/// The empty field stands apart: it is the common one, and the cheapest to tell.
#[derive(Debug)]
struct Nulls<'a> {
    empty: bool,
    others: Vec<&'a [u8]>,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(spec: &RowSpec<'a>) -> Self {
        let planned = |column| PlannedColumn { column, encoder: Encoder::new(column) };
        Self {
            columns: spec.columns.iter().map(planned).collect(),
            extra: spec.extra,
            lineage: spec.lineage,
            rescues_nulls: false,
            nulls: Nulls {
                empty: spec.null_values.iter().any(String::is_empty),
                others: spec.null_values.iter().filter(|text| !text.is_empty()).map(String::as_bytes).collect(),
            },
        }
    }

    pub(crate) fn name(&self, column: usize) -> Option<&'a str> {
        match self.columns.get(column) {
            Some(planned) => Some(planned.column.name.as_str()),
            None => self.rescued_column().filter(|rescued| *rescued == column).map(|_| RESCUED_COLUMN),
        }
    }

    /// The place of `_rescued`, after the dataset's columns; none when nothing is rescued.
    #[inline]
    pub(crate) fn rescued_column(&self) -> Option<usize> {
        (self.extra == Extra::Rescue).then_some(self.columns.len())
    }

    /// Of every tuple.
    pub(crate) fn field_count(&self) -> usize {
        self.columns.len() + usize::from(self.rescued_column().is_some()) + usize::from(self.lineage.is_some())
    }

    pub(crate) fn headers(&self) -> Vec<String> {
        self.columns.iter().map(|planned| planned.column.header.clone()).collect()
    }

    pub(crate) fn is_json(&self, column: usize) -> bool {
        self.columns[column].column.kind == ColumnType::Jsonb
    }

    /// Whether this unquoted field means NULL.
    #[inline]
    pub(crate) fn is_null(&self, field: &[u8]) -> bool {
        if field.is_empty() { self.nulls.empty } else { self.nulls.others.contains(&field) }
    }

    /// Appends NULL as the field of this column.
    #[inline]
    pub(crate) fn encode_null(&self, column: usize, out: &mut Vec<u8>) -> Result<(), RowFault> {
        if self.columns[column].column.not_null {
            return Err(RowFault::of_column(column, Reason::Null));
        }
        out.extend_from_slice(&crate::copy::NULL);
        Ok(())
    }

    /// Appends a text as the field of this column. The text is valid UTF-8 without NUL: the caller has made sure.
    #[inline]
    pub(crate) fn encode(&self, column: usize, text: &[u8], out: &mut Vec<u8>) -> Result<(), RowFault> {
        self.columns[column].encoder.encode(text, out).map_err(|reason| RowFault::of_column(column, reason))
    }
}
