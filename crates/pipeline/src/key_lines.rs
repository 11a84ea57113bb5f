use crate::errors::DefinitionError;
use crate::lines::LineIndex;

/// The line of each key of a definition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyLines {
    /// The file's name as the caller gave it.
    file: String,
    /// By dotted key.
    lines: Vec<(String, usize)>,
}

impl KeyLines {
    /// `keys` are dotted, each with its byte offset in the text.
    pub(crate) fn new(file: &str, text: &str, keys: Vec<(String, usize)>) -> Self {
        let lines = LineIndex::of(text);
        Self { file: file.to_owned(), lines: keys.into_iter().map(|(key, at)| (key, lines.line(at))).collect() }
    }

    /// Creates an error at the key's line, or at line 1 when the definition does not have the key.
    pub(crate) fn error(&self, key: &str, reason: &str) -> DefinitionError {
        let line = self.lines.iter().find(|(known, _)| known == key).map_or(1, |(_, line)| *line);
        DefinitionError { file: self.file.clone(), line, key: key.to_owned(), reason: reason.to_owned() }
    }
}
