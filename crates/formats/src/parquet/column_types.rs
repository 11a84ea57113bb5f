use pipeline::ColumnType;

use super::footer::read_footer;
use super::schema::Schema;
use crate::error::FileError;
use crate::limits::Limits;
use crate::random_access::RandomAccess;

/// Returns the name of each column of the file with the narrowest type that holds its values.
pub(crate) fn column_types(file: &dyn RandomAccess) -> Result<Vec<(String, ColumnType)>, FileError> {
    let metadata = read_footer(file, &Limits::DEFAULT)?;
    let columns = Schema::all_columns(metadata.file_metadata().schema())?;
    Ok(columns.into_iter().map(|(name, node)| (name, node.column_type())).collect())
}
