use std::sync::Arc;

use pipeline::limits::COLUMNS_MAX;
use pipeline::{Column, ColumnName};

use super::column_names::ColumnNames;
use super::inference::{Inference, too_many_columns};
use crate::column_mapping::header_key;
use crate::error::FileError;
use crate::parquet::column_types;
use crate::random_access::RandomAccess;
use crate::spec::RowSpec;

/// Infers columns from the schema of a Parquet file. It reads no rows.
pub fn infer_parquet(spec: &RowSpec<'_>, file: &Arc<dyn RandomAccess>) -> Result<Inference, FileError> {
    let known = spec.columns;
    let found = column_types(file.as_ref())?;
    if found.len() > COLUMNS_MAX {
        return Err(too_many_columns());
    }
    let mut names = ColumnNames::new(known);
    let mut inference = Inference { known: Vec::<ColumnName>::new(), new: Vec::new() };
    for (position, (header, kind)) in found.into_iter().enumerate() {
        match known.iter().find(|column| has_header(spec, column, &header)) {
            Some(column) => inference.known.push(column.name.clone()),
            None => {
                let name = names.name(&header, position + 1);
                inference.new.push(Column { header, ..Column::new(name, kind, false) });
            }
        }
    }
    Ok(inference)
}

fn has_header(spec: &RowSpec<'_>, column: &Column, name: &str) -> bool {
    header_key(spec.header_match, &column.header) == header_key(spec.header_match, name)
}
