use pipeline::Column;

use crate::RowSpec;
use crate::reject::{Reason, RowFault};
use crate::types::Encoder;

/// A specification made ready for the hot loop, once a file.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) columns: Vec<PlannedColumn<'a>>,
    pub(crate) lineage: Option<i64>,
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
            lineage: spec.lineage,
            nulls: Nulls {
                empty: spec.null_values.iter().any(String::is_empty),
                others: spec.null_values.iter().filter(|text| !text.is_empty()).map(String::as_bytes).collect(),
            },
        }
    }

    pub(crate) fn name(&self, column: usize) -> Option<&'a str> {
        self.columns.get(column).map(|planned| planned.column.name.as_str())
    }

    pub(crate) fn headers(&self) -> Vec<String> {
        self.columns.iter().map(|planned| planned.column.header.clone()).collect()
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
