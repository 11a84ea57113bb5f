/// A file that the demo drops, and what must become of it.
#[derive(Clone, Debug)]
pub(crate) struct DroppedFile {
    pub(crate) key: String,
    pub(crate) body: Vec<u8>,
    pub(crate) expected: Expected,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Loaded {
        rows: u64,
        rejected: u64,
    },
    /// A data file whose dataset starts on its trigger.
    Ignored,
    Failed(protocol::FailureName),
}
