use crate::errors::{DefinitionError, DefinitionErrors};
use crate::lines::{LineIndex, one_line};

/// Collects the errors of one file.
#[derive(Debug)]
pub(super) struct ErrorList<'t> {
    file: &'t str,
    text: &'t str,
    lines: LineIndex,
    errors: Vec<DefinitionError>,
}

impl<'t> ErrorList<'t> {
    pub(super) fn new(file: &'t str, text: &'t str) -> Self {
        Self { file, text, lines: LineIndex::of(text), errors: Vec::new() }
    }

    /// Adds an error. `at` is a byte offset of the text.
    pub(super) fn add(&mut self, at: usize, key: &str, reason: &str) {
        self.errors.push(DefinitionError {
            file: self.file.to_owned(),
            line: self.lines.line(at),
            key: one_line(key),
            reason: one_line(reason),
        });
    }

    /// Adds a syntax error, at most one per line: the parser often reports one mistake several times.
    pub(super) fn add_syntax_error(&mut self, error: &toml::de::Error) {
        let at = error.span().map_or(0, |span| span.start);
        let line = self.lines.line(at);
        if self.errors.last().is_none_or(|last| last.line != line || !last.key.is_empty()) {
            let key = error.span().filter(|_| error.message() == "duplicate key").and_then(|span| self.text.get(span));
            let key = key.map(|key| format!(" `{}`", key.trim())).unwrap_or_default();
            self.add(at, "", &format!("invalid TOML: {}{key}", error.message()));
        }
    }

    /// Returns the value if there is no error.
    pub(super) fn into_result<T>(self, value: T) -> Result<T, DefinitionErrors> {
        if self.errors.is_empty() { Ok(value) } else { Err(self.into_errors()) }
    }

    /// Returns the errors in the order of the file.
    pub(super) fn into_errors(mut self) -> DefinitionErrors {
        self.errors.sort_by_key(|error| error.line);
        DefinitionErrors(self.errors)
    }
}
