use std::sync::Arc;

use pipeline::limits::COLUMNS_MAX;
use pipeline::{Column, ColumnName};

use super::RandomAccess;
use super::footer::read_footer;
use super::schema::Schema;
use crate::infer::Names;
use crate::limits::Limits;
use crate::{FileError, Inference};

/// The schema says it all, so that no row is looked at.
pub(crate) fn infer(known: &[Column], file: &Arc<dyn RandomAccess>) -> Result<Inference, FileError> {
    let metadata = read_footer(file.as_ref(), &Limits::DEFAULT)?;
    let found = Schema::whole(metadata.file_metadata().schema())?;
    if found.len() > COLUMNS_MAX {
        let reason = format!("more than {COLUMNS_MAX} columns, the most that a table may have");
        return Err(FileError::Malformed { line: 1, reason });
    }
    let mut names = Names::new(known);
    let mut inference = Inference { known: Vec::<ColumnName>::new(), new: Vec::new() };
    for (place, (header, node)) in found.into_iter().enumerate() {
        match known.iter().find(|column| column.header == header) {
            Some(column) => inference.known.push(column.name.clone()),
            None => inference.new.push(Column {
                name: names.name(&header, place + 1),
                kind: node.column_type(),
                header,
                not_null: false,
                format: None,
            }),
        }
    }
    Ok(inference)
}
