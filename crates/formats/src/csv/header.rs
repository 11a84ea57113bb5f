use super::dialect::Dialect;
use super::scanner::{Extent, Quoting, Scanner};
use crate::FileError;
use crate::columns::Mapping;
use crate::plan::Plan;
use crate::reject::Reason;
use crate::window::Window;

/// Which of the file's fields is which column.
pub(super) struct Header {
    mapping: Mapping,
    in_file: bool,
}

impl Header {
    /// Of a file that has none: its fields are the columns in their order.
    pub(super) fn declared(plan: &Plan<'_>) -> Self {
        Self { mapping: Mapping::identity(plan.columns.len()), in_file: false }
    }

    pub(super) fn read<D: Dialect>(
        plan: &Plan<'_>,
        window: &mut Window<'_>,
        scanner: &Scanner<D>,
        extent: Extent,
    ) -> Result<Self, FileError> {
        let line = window.line();
        let malformed = |reason: String| FileError::Malformed { line, reason: format!("in the header: {reason}") };
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
            match field.quoting {
                Quoting::None | Quoting::Plain => name.to_owned(),
                Quoting::Escaped => {
                    let mut unescaped = Vec::new();
                    scanner.dialect().unescape(name.as_bytes(), &mut unescaped);
                    String::from_utf8_lossy(&unescaped).into_owned()
                }
            }
        };
        let mapping = Mapping::by_name(plan, scanner.fields().iter().map(name).collect())?;
        Ok(Self { mapping, in_file: true })
    }

    pub(super) fn places(&self) -> &[usize] {
        &self.mapping.places
    }

    pub(super) fn extras(&self) -> &[(usize, String)] {
        &self.mapping.rescued
    }

    pub(super) fn field_count(&self) -> usize {
        self.mapping.columns.len()
    }

    /// The table's column at this place of the file; none past the header's end.
    pub(super) fn column(&self, place: usize) -> Option<usize> {
        self.mapping.columns.get(place).copied().flatten()
    }

    pub(super) fn is_read(&self, place: usize) -> bool {
        self.column(place).is_some()
    }

    pub(super) fn field_count_fault(&self, found: usize) -> Reason {
        let expected = self.field_count();
        if self.in_file { Reason::FieldCount { found, expected } } else { Reason::ColumnCount { found, expected } }
    }
}
