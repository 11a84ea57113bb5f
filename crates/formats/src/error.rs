/// The receiver of the rows no longer exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the receiver of the rows is closed")]
pub struct SinkClosed;

/// An error that concerns the whole file. Nothing of the file is loaded.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("the file is empty")]
    Empty,
    /// `reason` names the columns that differ.
    #[error("{reason}; expected {}, found {}", names(expected), names(found))]
    HeaderMismatch { expected: Vec<String>, found: Vec<String>, reason: String },
    #[error("line {line}: {reason}")]
    Malformed { line: u64, reason: String },
    #[error("line {line}: the record that begins here is larger than {limit} bytes")]
    RecordTooLarge { line: u64, limit: usize },
    /// `limit` names the exceeded limit and its value.
    #[error("{compressed_bytes} bytes of the file decompress to {decompressed_bytes} bytes or more: {limit}")]
    DecompressionLimit { compressed_bytes: u64, decompressed_bytes: u64, limit: String },
    #[error("the file cannot be read")]
    Read(#[source] std::io::Error),
    #[error(transparent)]
    Closed(#[from] SinkClosed),
}

/// Formats a list of names, short enough for a notice.
pub(crate) fn names<T: AsRef<str>>(names: &[T]) -> String {
    const SHOWN_MAX: usize = 20;
    let mut list = String::from("[");
    for (index, name) in names.iter().take(SHOWN_MAX).enumerate() {
        list.push_str(if index == 0 { "" } else { ", " });
        list.push_str(&quoted(name.as_ref()));
    }
    if names.len() > SHOWN_MAX {
        list.push_str(&format!(", and {} more", names.len() - SHOWN_MAX));
    }
    list.push(']');
    list
}

/// Quotes a name from a file. Escapes control characters and cuts long names.
pub(crate) fn quoted(name: &str) -> String {
    const CHARS_MAX: usize = 64;
    match name.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{:?}…", &name[..end]),
        None => format!("{name:?}"),
    }
}
