use pipeline::limits::COLUMNS_MAX;
use pipeline::{Column, ColumnName};

use crate::error::FileError;

/// The columns found in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inference {
    /// The declared columns that the file has.
    pub known: Vec<ColumnName>,
    /// The other columns, in the file's order. None is `not null`, because the next file may lack values.
    pub new: Vec<Column>,
}

pub(super) fn too_many_columns() -> FileError {
    let reason = format!("more than {COLUMNS_MAX} columns, the limit of a table");
    FileError::Malformed { line: 1, reason }
}
