/// A generated file, with its key and its expected result.
#[derive(Clone, Debug)]
pub struct SampleFile {
    pub key: String,
    pub body: Vec<u8>,
    pub expected: ExpectedResult,
}

/// The result that a generated file must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedResult {
    Loaded {
        rows: u64,
        rejected: u64,
    },
    /// A data file whose dataset starts on its trigger.
    Ignored,
    Failed(protocol::FailureName),
}
