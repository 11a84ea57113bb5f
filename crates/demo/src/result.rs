use std::time::Duration;

use crate::checksums::TableChecksum;
use crate::planned_failures::PlannedFailure;

/// The results of one demo.
#[derive(Debug)]
pub(crate) struct DemoResult {
    /// Results that are not the expected ones.
    pub(crate) problems: Vec<String>,
    pub(crate) tables: Vec<TableChecksum>,
    /// The planned failures that occurred.
    pub(crate) failures: Vec<PlannedFailure>,
    pub(crate) duration: Duration,
}

impl DemoResult {
    pub(crate) fn is_as_expected(&self) -> bool {
        self.problems.is_empty()
    }
}
