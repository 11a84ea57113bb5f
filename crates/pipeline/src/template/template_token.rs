//! Splits a template into tokens: literal text, `*`, `{name}` and `{name:FORMAT}`.

use super::error::TemplateError;
use super::time_format::{FormatPart, parse_format};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TemplateToken {
    Literal(String),
    Star,
    Text(String),
    Time { name: String, format: String, parts: Vec<FormatPart> },
}

impl TemplateToken {
    /// Returns the token as the template writes it.
    pub(super) fn written(&self) -> String {
        match self {
            Self::Literal(text) => text.clone(),
            Self::Star => "*".to_owned(),
            Self::Text(name) => format!("{{{name}}}"),
            Self::Time { name, format, .. } => format!("{{{name}:{format}}}"),
        }
    }

    /// Returns true if the token has no fixed length.
    pub(super) fn is_variable(&self) -> bool {
        matches!(self, Self::Star | Self::Text(_))
    }
}

pub(super) fn tokenize(template: &str) -> Result<Vec<TemplateToken>, TemplateError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = template.get(at..).filter(|rest| !rest.is_empty()) {
        let length = rest.find(['*', '{', '}']).unwrap_or(rest.len());
        let (literal, special) = rest.split_at(length);
        if !literal.is_empty() {
            tokens.push(TemplateToken::Literal(literal.to_owned()));
            at += length;
        } else if special.starts_with('*') {
            tokens.push(TemplateToken::Star);
            at += 1;
        } else if special.starts_with('}') {
            return Err(TemplateError::Unopened(at));
        } else {
            let end = special.find('}').ok_or(TemplateError::Unclosed(at))?;
            tokens.push(placeholder(special.get(1..end).unwrap_or_default())?);
            at += end + 1;
        }
    }
    Ok(tokens)
}

fn placeholder(inside: &str) -> Result<TemplateToken, TemplateError> {
    let (name, format) = match inside.split_once(':') {
        Some((name, format)) => (name, Some(format)),
        None => (inside, None),
    };
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(allowed) {
        return Err(TemplateError::Name(inside.to_owned()));
    }
    match format {
        None => match ["date", "scheduled", "actual"].into_iter().find(|time| *time == name) {
            Some(time) => Err(TemplateError::FormatMissing(time)),
            None => Ok(TemplateToken::Text(name.to_owned())),
        },
        Some(_) if name == "status" => Err(TemplateError::FormatNotAllowed("status")),
        Some(format) => {
            let parts = parse_format(format)?;
            Ok(TemplateToken::Time { name: name.to_owned(), format: format.to_owned(), parts })
        }
    }
}
