use crate::{DefinitionError, DefinitionErrors};

/// Of a key or a reason in an error.
const TEXT_CHARS_MAX: usize = 500;

/// Everything that is wrong with one file, gathered while it is read.
#[derive(Debug)]
pub(super) struct Problems<'t> {
    file: &'t str,
    text: &'t str,
    errors: Vec<DefinitionError>,
}

impl<'t> Problems<'t> {
    pub(super) fn new(file: &'t str, text: &'t str) -> Self {
        Self { file, text, errors: Vec::new() }
    }

    /// `at` is a byte of the text.
    pub(super) fn add(&mut self, at: usize, key: &str, reason: &str) {
        self.errors.push(DefinitionError {
            file: self.file.to_owned(),
            line: self.line(at),
            key: one_line(key),
            reason: one_line(reason),
        });
    }

    /// One a line: the parser stumbles more than once over one mistake.
    pub(super) fn add_syntax_error(&mut self, error: &toml::de::Error) {
        let at = error.span().map_or(0, |span| span.start);
        let line = self.line(at);
        if self.errors.last().is_none_or(|last| last.line != line || !last.key.is_empty()) {
            self.add(at, "", &format!("not TOML: {}", error.message()));
        }
    }

    pub(super) fn none_or<T>(self, value: T) -> Result<T, DefinitionErrors> {
        if self.errors.is_empty() { Ok(value) } else { Err(self.into_errors()) }
    }

    /// In the order of the file.
    pub(super) fn into_errors(mut self) -> DefinitionErrors {
        self.errors.sort_by_key(|error| error.line);
        DefinitionErrors(self.errors)
    }

    fn line(&self, at: usize) -> usize {
        1 + self.text.bytes().take(at).filter(|byte| *byte == b'\n').count()
    }
}

/// What users wrote is quoted in errors: no line breaks, no terminal codes, and no more of it than is read.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for (index, character) in text.chars().enumerate() {
        if index == TEXT_CHARS_MAX {
            line.push('…');
            break;
        }
        if character.is_control() {
            line.extend(character.escape_debug());
        } else {
            line.push(character);
        }
    }
    line
}
