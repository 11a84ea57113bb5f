//! The last fields of each tuple, which do not come from the record: values of the object, the number of the line, and the
//! lineage. They are encoded once a file.

use pipeline::{Column, ColumnSource};

use crate::copy;
use crate::error::FileError;
use crate::reject::RejectReason;
use crate::spec::RowSpec;
use crate::types::TypeEncoder;

#[derive(Debug)]
pub(crate) struct ObjectFields {
    bytes: Vec<u8>,
    pub(crate) count: usize,
    /// Positions in `bytes` of the number of the line.
    lines: Vec<usize>,
}

impl ObjectFields {
    /// Encodes the fields. A value that does not fit its column concerns every row, so it fails the file.
    pub(crate) fn new(spec: &RowSpec<'_>) -> Result<Self, FileError> {
        let mut fields = Self { bytes: Vec::new(), count: 0, lines: Vec::new() };
        let columns = spec.columns.iter().filter(|column| !column.source.is_in_records());
        for (index, column) in columns.enumerate() {
            fields.count += 1;
            let value = spec.object_values.get(index).and_then(Option::as_deref);
            fields.add(column, value.filter(|value| !spec.null_values.iter().any(|null| null == value))).map_err(
                |reason| FileError::Malformed {
                    line: 1,
                    reason: format!("the value of column {} in the file's key or properties: {reason}", column.name),
                },
            )?;
        }
        if let Some(load_id) = spec.lineage {
            fields.count += 1;
            copy::int8(&mut fields.bytes, load_id);
        }
        Ok(fields)
    }

    fn add(&mut self, column: &Column, value: Option<&str>) -> Result<(), RejectReason> {
        match value {
            _ if column.source == ColumnSource::Line => {
                copy::int8(&mut self.bytes, 0);
                self.lines.push(self.bytes.len() - size_of::<i64>());
                Ok(())
            }
            Some(value) if value.contains('\0') => Err(RejectReason::Nul),
            Some(value) => TypeEncoder::new(column).encode(value.as_bytes(), &mut self.bytes),
            None if column.not_null => Err(RejectReason::Null),
            None => {
                self.bytes.extend_from_slice(&copy::NULL);
                Ok(())
            }
        }
    }

    #[inline]
    pub(crate) fn append(&self, line: u64, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        for position in &self.lines {
            out[start + position..][..size_of::<u64>()].copy_from_slice(&line.to_be_bytes());
        }
    }
}
