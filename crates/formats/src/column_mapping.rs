//! Maps the columns of a file to the columns of the table, by name.

use pipeline::Extra;

use crate::error::FileError;
use crate::error::names;
use crate::row_encoder::RowEncoder;

/// The columns of a file. Each column of the dataset is in the file exactly once, in any order. `extra` decides about
/// all other columns.
pub(crate) struct ColumnMapping {
    /// Per column of the table: its position in the file.
    pub(crate) positions: Vec<usize>,
    /// Per position in the file: the column of the table. A rescued column has [`RowEncoder::rescued_column`], an
    /// ignored one has `None`.
    pub(crate) columns: Vec<Option<usize>>,
    /// Position and name of each rescued column.
    pub(crate) rescued: Vec<(usize, String)>,
}

impl ColumnMapping {
    pub(crate) fn identity(columns: usize) -> Self {
        Self { positions: (0..columns).collect(), columns: (0..columns).map(Some).collect(), rescued: Vec::new() }
    }

    pub(crate) fn by_name(encoder: &RowEncoder<'_>, found: Vec<String>) -> Result<Self, FileError> {
        let expected = encoder.headers();
        let difference = difference(&expected, &found, encoder.extra);
        if !difference.is_empty() {
            let reason = format!("the header does not match the dataset's columns: {}", difference.join(", "));
            return Err(FileError::HeaderMismatch { expected, found, reason });
        }
        let place_of = |header: &String| found.iter().position(|name| name == header);
        let column_of = |name: &String| expected.iter().position(|header| header == name).or(encoder.rescued_column());
        let is_rescued = |(_, name): &(usize, String)| encoder.extra == Extra::Rescue && !expected.contains(name);
        Ok(Self {
            positions: expected.iter().filter_map(place_of).collect(),
            columns: found.iter().map(column_of).collect(),
            rescued: found.iter().cloned().enumerate().filter(is_rescued).collect(),
        })
    }
}

fn difference(expected: &[String], found: &[String], extra: Extra) -> Vec<String> {
    let missing: Vec<_> = expected.iter().filter(|name| !found.contains(name)).collect();
    let unknown: Vec<_> = found.iter().filter(|name| !expected.contains(name)).collect();
    let repeated = found.iter().enumerate().filter(|(index, name)| found[..*index].contains(name));
    let repeated = repeated.filter(|(_, name)| extra != Extra::Ignore || expected.contains(name));
    let repeated: Vec<_> = repeated.map(|(_, name)| name).collect();
    let unknown = if extra == Extra::Reject { unknown } else { Vec::new() };
    let kinds = [("missing", missing), ("unknown", unknown), ("repeated", repeated)];
    let parts = kinds.iter().filter(|(_, list)| !list.is_empty());
    parts.map(|(kind, list)| format!("{kind} {}", names(list))).collect()
}
