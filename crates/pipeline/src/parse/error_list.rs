use crate::errors::{DefinitionError, DefinitionErrors};
use crate::lines::{LineIndex, one_line};

/// Everything that is wrong with one file, gathered while it is read.
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

    /// `at` is a byte of the text.
    pub(super) fn add(&mut self, at: usize, key: &str, reason: &str) {
        self.errors.push(DefinitionError {
            file: self.file.to_owned(),
            line: self.lines.line(at),
            key: one_line(key),
            reason: one_line(reason),
        });
    }

    /// One a line: the parser stumbles more than once over one mistake.
    pub(super) fn add_syntax_error(&mut self, error: &toml::de::Error) {
        let at = error.span().map_or(0, |span| span.start);
        let line = self.lines.line(at);
        if self.errors.last().is_none_or(|last| last.line != line || !last.key.is_empty()) {
            let key = error.span().filter(|_| error.message() == "duplicate key").and_then(|span| self.text.get(span));
            let key = key.map(|key| format!(" `{}`", key.trim())).unwrap_or_default();
            self.add(at, "", &format!("not TOML: {}{key}", error.message()));
        }
    }

    pub(super) fn into_result<T>(self, value: T) -> Result<T, DefinitionErrors> {
        if self.errors.is_empty() { Ok(value) } else { Err(self.into_errors()) }
    }

    /// In the order of the file.
    pub(super) fn into_errors(mut self) -> DefinitionErrors {
        self.errors.sort_by_key(|error| error.line);
        DefinitionErrors(self.errors)
    }
}
