use std::fmt;

use crate::lines::one_a_line;

/// One thing to correct in a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinitionError {
    /// As the caller named it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// Dotted, as `datasets.orders.table`; empty when the error is the whole file's.
    pub key: String,
    pub reason: String,
}

impl fmt::Display for DefinitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for DefinitionError {}

/// Everything to correct in a definition, in the order of the file; one a line when shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinitionErrors(pub Vec<DefinitionError>);

impl fmt::Display for DefinitionErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        one_a_line(f, &self.0)
    }
}

impl std::error::Error for DefinitionErrors {}
