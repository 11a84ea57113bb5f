use std::borrow::Cow;
use std::fmt;

use chrono::{Datelike, NaiveDateTime};

use super::captures::Captures;
use super::check;
use super::error::TemplateError;
use super::prefix_match::{PrefixMatch, prefix_match};
use super::segment::{self, PartialCaptures, Segment};
use super::template_token::{self, TemplateToken};
use super::time_format::{self, FormatPart, fields};
use crate::limits::KEY_BYTES_MAX;

/// The template of keys. [`KeyTemplate::matches`] reads the values of a key, and [`KeyTemplate::build`] builds a key.
///
/// `*` matches any text without `/`, also the empty text. `{name}` matches the same, but at least one character.
/// `{name:FORMAT}` matches a time in digits of fixed width (`%Y %m %d %j %H %M %S %3f %6f %9f %f %F %T %R %%`). Where a
/// key matches in several ways, each placeholder from the left has the shortest possible text: for `{a}_{b}` and
/// `x_y_z`, `a` is `x`. A placeholder that is used twice has the same text in both places. A time that is used twice has
/// the fields of both places, which must agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTemplate {
    text: String,
    pub(super) tokens: Vec<TemplateToken>,
    pub(super) segments: Vec<Segment>,
    /// The order in which segments are read: first those with at most one part of variable length.
    order: Vec<usize>,
}

/// The character of [`KeyTemplate::skeleton`] in the place of a placeholder or `*`.
pub(crate) const PLACEHOLDER: char = '\u{1}';

/// A placeholder of a template: `{name}` or `{name:FORMAT}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placeholder<'a> {
    pub name: &'a str,
    /// The strftime format of a time; `None` for a text.
    pub format: Option<&'a str>,
}

impl KeyTemplate {
    /// Parses a template. Rejects a template that is not reversible: a key built from it must give the same values again.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.is_empty() {
            return Err(TemplateError::Empty);
        }
        if text.len() > KEY_BYTES_MAX {
            return Err(TemplateError::TooLong(text.len()));
        }
        let tokens = template_token::tokenize(text)?;
        let segments = segment::segments(&tokens);
        check::check(&tokens, &segments)?;
        let mut order: Vec<usize> = (0..segments.len()).collect();
        order.sort_by_key(|index| segments.get(*index).is_some_and(|segment| check::variables(segment) > 1));
        Ok(Self { text: text.to_owned(), tokens, segments, order })
    }

    /// Returns the values of a key; `None` when the key does not match.
    pub fn matches(&self, key: &str) -> Option<Captures> {
        if key.len() > KEY_BYTES_MAX {
            return None;
        }
        let parts: Vec<&str> = key.split('/').collect();
        if parts.len() != self.segments.len() {
            return None;
        }
        let mut found = PartialCaptures::default();
        for index in &self.order {
            segment::read_segment(self.segments.get(*index)?, parts.get(*index)?, &mut found)?;
        }
        let mut captures = Captures::default();
        for name in self.time_names() {
            captures = captures.with_time(name, time_format::assemble(&found.fields_of(name))?);
        }
        Some(found.texts.iter().fold(captures, |captures, (name, text)| captures.with_text(name, text)))
    }

    /// Builds the key with these values. Fails on a template with `*`, on a placeholder without a value, and on a text
    /// that [`KeyTemplate::matches`] would not return from the key.
    pub fn build(&self, captures: &Captures) -> Result<String, TemplateError> {
        self.check_read_back(self.write(captures)?, captures)
    }

    /// Builds a key without the check that [`KeyTemplate::matches`] returns the same values.
    pub(crate) fn write(&self, captures: &Captures) -> Result<String, TemplateError> {
        let mut key = String::new();
        for token in &self.tokens {
            key.push_str(&write_token(token, captures)?);
        }
        if key.len() > KEY_BYTES_MAX {
            return Err(TemplateError::KeyTooLong(key.len()));
        }
        Ok(key)
    }

    fn check_read_back(&self, key: String, captures: &Captures) -> Result<String, TemplateError> {
        let read = self.matches(&key).unwrap_or_default();
        for name in self.text_names() {
            if read.text(name) != captures.text(name) {
                let text = captures.text(name).unwrap_or_default().to_owned();
                return Err(TemplateError::NotReversible { name: name.to_owned(), text, key });
            }
        }
        Ok(key)
    }

    /// Returns the key with every value of `captures` filled in. A placeholder without a value, or with one that no key
    /// can hold, stays as it is written in the template.
    pub fn fill_in(&self, captures: &Captures) -> String {
        let mut key = String::new();
        for token in &self.tokens {
            match write_token(token, captures) {
                Ok(text) => key.push_str(&text),
                Err(_) => key.push_str(&token.written()),
            }
        }
        key
    }

    /// Returns the placeholders in the order of the template, each as often as it is used.
    pub fn placeholders(&self) -> impl Iterator<Item = Placeholder<'_>> {
        self.tokens.iter().filter_map(|token| match token {
            TemplateToken::Text(name) => Some(Placeholder { name, format: None }),
            TemplateToken::Time { name, format, .. } => Some(Placeholder { name, format: Some(format) }),
            TemplateToken::Literal(_) | TemplateToken::Star => None,
        })
    }

    /// Returns true if the template has a `*`: then it can match keys, but not build them.
    pub fn has_star(&self) -> bool {
        self.tokens.contains(&TemplateToken::Star)
    }

    /// Returns a key with the same literal text, and one character for each placeholder and `*`: see [`PLACEHOLDER`].
    pub(crate) fn skeleton(&self) -> String {
        let mut skeleton = String::new();
        for token in &self.tokens {
            match token {
                TemplateToken::Literal(text) => skeleton.push_str(text),
                TemplateToken::Star | TemplateToken::Text(_) | TemplateToken::Time { .. } => skeleton.push(PLACEHOLDER),
            }
        }
        skeleton
    }

    /// Returns the names of placeholders without format, each as often as it is used.
    pub(crate) fn text_names(&self) -> impl Iterator<Item = &str> {
        self.tokens.iter().filter_map(|token| match token {
            TemplateToken::Text(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Returns the names of placeholders with a format, each as often as it is used.
    pub(crate) fn time_names(&self) -> impl Iterator<Item = &str> {
        self.tokens.iter().filter_map(|token| match token {
            TemplateToken::Time { name, .. } => Some(name.as_str()),
            _ => None,
        })
    }

    /// Returns the reason why the values of `other`, and texts for the names `given`, do not suffice to build a key;
    /// `None` when they do. `role` is the name of `other` in messages.
    pub(crate) fn missing_from(&self, other: &KeyTemplate, role: &str, given: &[&str]) -> Option<String> {
        self.tokens.iter().find_map(|token| match token {
            TemplateToken::Star => Some("a key cannot be built from a template with `*`".to_owned()),
            TemplateToken::Text(name)
                if !given.contains(&name.as_str()) && !other.text_names().any(|known| known == name) =>
            {
                Some(format!("`{}` is not in {role}", token.written()))
            }
            TemplateToken::Time { name, .. } if !other.time_names().any(|known| known == name) => {
                Some(format!("`{}` is not a time of {role}", token.written()))
            }
            TemplateToken::Time { name, parts, .. } => {
                let known = check::fields_of(&other.tokens, name);
                let is_missing = fields(parts).any(|field| !time_format::provides(&known, field));
                is_missing.then(|| format!("`{}` has more parts than {{{name}}} of {role}", token.written()))
            }
            TemplateToken::Literal(_) | TemplateToken::Text(_) => None,
        })
    }

    /// Returns how much of a key matches, for messages about a key that does not match.
    pub(crate) fn prefix_match(&self, key: &str) -> PrefixMatch {
        prefix_match(&self.tokens, key)
    }
}

impl fmt::Display for KeyTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Returns the text that a key has in the token's place.
fn write_token<'a>(token: &'a TemplateToken, captures: &'a Captures) -> Result<Cow<'a, str>, TemplateError> {
    match token {
        TemplateToken::Literal(text) => Ok(Cow::Borrowed(text)),
        TemplateToken::Star => Err(TemplateError::Star),
        TemplateToken::Text(name) => text_of(captures, name).map(Cow::Borrowed),
        TemplateToken::Time { name, parts, .. } => write_time(name, parts, captures).map(Cow::Owned),
    }
}

fn text_of<'a>(captures: &'a Captures, name: &str) -> Result<&'a str, TemplateError> {
    let text = captures.text(name).ok_or_else(|| TemplateError::Missing(name.to_owned()))?;
    if text.is_empty() || text.contains('/') {
        return Err(TemplateError::Text { name: name.to_owned(), text: text.to_owned() });
    }
    Ok(text)
}

fn write_time(name: &str, parts: &[FormatPart], captures: &Captures) -> Result<String, TemplateError> {
    let time = captures.time(name).ok_or_else(|| TemplateError::Missing(name.to_owned()))?;
    if !(1..=9_999).contains(&time.year()) {
        return Err(TemplateError::Year { name: name.to_owned(), time: time.to_string() });
    }
    Ok(parts.iter().map(|part| write_part(part, time)).collect())
}

fn write_part(part: &FormatPart, time: NaiveDateTime) -> Cow<'_, str> {
    match part {
        FormatPart::Literal(text) => Cow::Borrowed(text),
        FormatPart::Field(field) => Cow::Owned(field.digits(time)),
    }
}
