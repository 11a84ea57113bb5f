//! Which of a file's columns is which of the table's.

use pipeline::Extra;

use crate::FileError;
use crate::error::names;
use crate::plan::Plan;

/// Every column of the dataset stands in the file exactly once, in any order; what becomes of others, the dataset says.
pub(crate) struct Mapping {
    /// By column of the table: the place in the file.
    pub(crate) places: Vec<usize>,
    /// By place in the file: the column of the table. What is rescued has [`Plan::rescued_column`], what is ignored
    /// has none.
    pub(crate) columns: Vec<Option<usize>>,
    /// Place and name of what is rescued.
    pub(crate) rescued: Vec<(usize, String)>,
}

impl Mapping {
    pub(crate) fn identity(columns: usize) -> Self {
        Self { places: (0..columns).collect(), columns: (0..columns).map(Some).collect(), rescued: Vec::new() }
    }

    pub(crate) fn by_name(plan: &Plan<'_>, found: Vec<String>) -> Result<Self, FileError> {
        let expected = plan.headers();
        let difference = difference(&expected, &found, plan.extra);
        if !difference.is_empty() {
            let reason = format!("the header does not name the dataset's columns: {}", difference.join(", "));
            return Err(FileError::HeaderMismatch { expected, found, reason });
        }
        let place_of = |header: &String| found.iter().position(|name| name == header);
        let column_of = |name: &String| expected.iter().position(|header| header == name).or(plan.rescued_column());
        let is_rescued = |(_, name): &(usize, String)| plan.extra == Extra::Rescue && !expected.contains(name);
        Ok(Self {
            places: expected.iter().filter_map(place_of).collect(),
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
    let kinds = [("missing", missing), ("unknown", unknown), ("more than once", repeated)];
    let parts = kinds.iter().filter(|(_, list)| !list.is_empty());
    parts.map(|(kind, list)| format!("{kind} {}", names(list))).collect()
}
