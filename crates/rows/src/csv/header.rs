use super::scanner::{Extent, Quoting, Scanner};
use crate::FileError;
use crate::error::names;
use crate::plan::Plan;
use crate::window::Window;

/// Which of the file's fields is which column. Every column stands in the header exactly once, in any order.
pub(super) struct Header {
    /// By column of the table: the place in the file.
    places: Vec<usize>,
    /// By place in the file: the column of the table.
    columns: Vec<usize>,
}

impl Header {
    pub(super) fn read(
        plan: &Plan<'_>,
        window: &mut Window<'_>,
        scanner: &Scanner,
        extent: Extent,
    ) -> Result<Self, FileError> {
        let malformed = |reason: String| FileError::Malformed { line: 1, reason: format!("in the header: {reason}") };
        if let Some((_, reason)) = scanner.fault() {
            return Err(malformed(reason.to_string()));
        }
        if scanner.fields().len() < scanner.field_count() {
            let (found, max) = (scanner.field_count(), scanner.fields().len());
            return Err(malformed(format!("{found} fields, where {max} are the limit")));
        }
        let bytes = &window.unread()[..extent.length];
        let text = std::str::from_utf8(bytes).map_err(|_| malformed("invalid UTF-8".to_owned()))?;
        let name = |field: &super::scanner::Field| {
            let name = text.get(field.start..field.end).unwrap_or_default();
            if field.quoting == Quoting::Escaped { name.replace("\"\"", "\"") } else { name.to_owned() }
        };
        Self::map(plan, scanner.fields().iter().map(name).collect())
    }

    fn map(plan: &Plan<'_>, found: Vec<String>) -> Result<Self, FileError> {
        let expected = plan.headers();
        let place_of = |header: &String| found.iter().position(|name| name == header);
        let column_of = |name: &String| expected.iter().position(|header| header == name);
        let places: Vec<usize> = expected.iter().filter_map(place_of).collect();
        let columns: Vec<usize> = found.iter().filter_map(column_of).collect();
        if places.len() == expected.len() && columns.len() == found.len() && places.len() == columns.len() {
            return Ok(Self { places, columns });
        }
        let reason = difference(&expected, &found);
        Err(FileError::HeaderMismatch { expected, found, reason })
    }

    pub(super) fn places(&self) -> &[usize] {
        &self.places
    }

    pub(super) fn field_count(&self) -> usize {
        self.columns.len()
    }

    /// The table's column at this place of the file; none past the header's end.
    pub(super) fn column(&self, place: usize) -> Option<usize> {
        self.columns.get(place).copied()
    }
}

fn difference(expected: &[String], found: &[String]) -> String {
    let missing: Vec<_> = expected.iter().filter(|name| !found.contains(name)).collect();
    let unknown: Vec<_> = found.iter().filter(|name| !expected.contains(name)).collect();
    let repeated = found.iter().enumerate().filter(|(index, name)| found[..*index].contains(name));
    let repeated: Vec<_> = repeated.map(|(_, name)| name).collect();
    let kinds = [("missing", missing), ("unknown", unknown), ("more than once", repeated)];
    let parts = kinds.iter().filter(|(_, list)| !list.is_empty());
    let parts: Vec<_> = parts.map(|(kind, list)| format!("{kind} {}", names(list))).collect();
    format!("the header does not name the dataset's columns: {}", parts.join(", "))
}
