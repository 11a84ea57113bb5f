use crate::errors::DefinitionError;
use crate::lines::LineIndex;

/// Where a definition says what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyLines {
    /// As the caller named it.
    file: String,
    /// By dotted key.
    lines: Vec<(String, usize)>,
}

impl KeyLines {
    /// `keys` have the byte of the text at which each stands.
    pub(crate) fn new(file: &str, text: &str, keys: Vec<(String, usize)>) -> Self {
        let lines = LineIndex::of(text);
        Self { file: file.to_owned(), lines: keys.into_iter().map(|(key, at)| (key, lines.line(at))).collect() }
    }

    /// At the key's line, or where the file begins when it has no such key.
    pub(crate) fn error(&self, key: &str, reason: &str) -> DefinitionError {
        let line = self.lines.iter().find(|(known, _)| known == key).map_or(1, |(_, line)| *line);
        DefinitionError { file: self.file.clone(), line, key: key.to_owned(), reason: reason.to_owned() }
    }
}
