use super::dialect::Dialect;
use super::scanner::{Extent, Quoting, Scanner};
use crate::column_mapping::ColumnMapping;
use crate::error::FileError;
use crate::reject::RejectReason;
use crate::row_encoder::RowEncoder;
use crate::window::Window;

/// The file's header, mapped to the table's columns.
pub(super) struct Header {
    mapping: ColumnMapping,
    in_file: bool,
}

impl Header {
    /// The mapping of a file without a header: its fields are the dataset's columns in order.
    pub(super) fn declared(encoder: &RowEncoder<'_>) -> Self {
        Self { mapping: ColumnMapping::identity(encoder.columns.len()), in_file: false }
    }

    pub(super) fn read<D: Dialect>(
        encoder: &RowEncoder<'_>,
        window: &mut Window<'_>,
        scanner: &Scanner<D>,
        extent: Extent,
    ) -> Result<Self, FileError> {
        let line = window.line();
        let malformed = |reason: String| FileError::Malformed { line, reason: format!("in the header: {reason}") };
        if let Some((_, reason)) = scanner.error() {
            return Err(malformed(reason.to_string()));
        }
        if scanner.fields().len() < scanner.field_count() {
            let (found, max) = (scanner.field_count(), scanner.fields().len());
            return Err(malformed(format!("{found} fields, the limit is {max}")));
        }
        let bytes = &window.unread()[..extent.length];
        if memchr::memchr(0, bytes).is_some() {
            return Err(malformed(RejectReason::Nul.to_string()));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| malformed("invalid UTF-8".to_owned()))?;
        let name = |field: &super::scanner::FieldSpan| {
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
        let mapping = ColumnMapping::by_name(encoder, scanner.fields().iter().map(name).collect())?;
        Ok(Self { mapping, in_file: true })
    }

    pub(super) fn positions(&self) -> &[usize] {
        &self.mapping.positions
    }

    pub(super) fn rescued_fields(&self) -> &[(usize, String)] {
        &self.mapping.rescued
    }

    pub(super) fn field_count(&self) -> usize {
        self.mapping.columns.len()
    }

    /// Returns the table's column for a position in the file. `None` for an ignored field, and beyond the header's end.
    pub(super) fn column(&self, position: usize) -> Option<usize> {
        self.mapping.columns.get(position).copied().flatten()
    }

    pub(super) fn is_read(&self, position: usize) -> bool {
        self.column(position).is_some()
    }

    pub(super) fn field_count_error(&self, found: usize) -> RejectReason {
        let expected = self.field_count();
        if self.in_file {
            RejectReason::FieldCount { found, expected }
        } else {
            RejectReason::ColumnCount { found, expected }
        }
    }
}
