mod captures;
mod check;
mod error;
mod overlap;
mod progress;
mod segment;
mod time_format;
mod token;

#[cfg(test)]
mod tests;

use std::fmt;

use chrono::{Datelike, NaiveDateTime};

use segment::{Found, Segment};
use time_format::{Field, Part};
use token::Token;

use crate::limits::KEY_BYTES_MAX;

pub use captures::Captures;
pub use error::TemplateError;
pub(crate) use overlap::samples;
pub(crate) use progress::Progress;

/// The pattern of a dataset's keys, readable both ways: [`KeyTemplate::matches`] takes a key apart,
/// [`KeyTemplate::build`] puts one together.
///
/// `*` stands for any text without a `/`, also none; `{name}` for one of at least one character; `{name:FORMAT}` for a
/// time in digits of fixed width (`%Y %m %d %j %H %M %S %3f %6f %9f %f %F %T %R %%`). Where a key can be taken apart in
/// more than one way, each name from the left stands for the shortest text that lets the whole key fit: of
/// `{a}_{b}` and `x_y_z`, `a` is `x`. A name used twice must stand for the same text; of a time used twice, the fields
/// in both places must agree, and all of them together are the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTemplate {
    text: String,
    tokens: Vec<Token>,
    segments: Vec<Segment>,
    /// The order in which segments are read: those first that tell a name for sure.
    order: Vec<usize>,
}

impl KeyTemplate {
    /// Refuses every template that cannot be reversed, so that what is built from it is read back as it was.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.is_empty() {
            return Err(TemplateError::Empty);
        }
        if text.len() > KEY_BYTES_MAX {
            return Err(TemplateError::TooLong(text.len()));
        }
        let tokens = token::tokenize(text)?;
        let segments = segment::segments(&tokens);
        check::check(&tokens, &segments)?;
        let mut order: Vec<usize> = (0..segments.len()).collect();
        order.sort_by_key(|index| segments.get(*index).is_some_and(|segment| check::variables(segment) > 1));
        Ok(Self { text: text.to_owned(), tokens, segments, order })
    }

    pub fn matches(&self, key: &str) -> Option<Captures> {
        if key.len() > KEY_BYTES_MAX {
            return None;
        }
        let parts: Vec<&str> = key.split('/').collect();
        if parts.len() != self.segments.len() {
            return None;
        }
        let mut found = Found::default();
        for index in &self.order {
            segment::read_segment(self.segments.get(*index)?, parts.get(*index)?, &mut found)?;
        }
        let mut captures = Captures::default();
        for name in self.time_names() {
            captures = captures.with_time(name, time_format::assemble(&found.fields_of(name))?);
        }
        Some(found.texts.iter().fold(captures, |captures, (name, text)| captures.with_text(name, text)))
    }

    /// The key that is read as `captures`. Fails on a template with `*`, on a name that `captures` has not, and on a
    /// text that would be read back as another.
    pub fn build(&self, captures: &Captures) -> Result<String, TemplateError> {
        self.check_read_back(self.write(captures)?, captures)
    }

    /// As [`KeyTemplate::build`], for a key that nobody reads back.
    pub(crate) fn write(&self, captures: &Captures) -> Result<String, TemplateError> {
        let mut key = String::new();
        for token in &self.tokens {
            match token {
                Token::Literal(text) => key.push_str(text),
                Token::Star => return Err(TemplateError::Star),
                Token::Text(name) => key.push_str(text_of(captures, name)?),
                Token::Time { name, parts, .. } => write_time(&mut key, name, parts, captures)?,
            }
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

    /// Whether the template has a `*`, and can match but not build.
    pub fn has_star(&self) -> bool {
        self.tokens.contains(&Token::Star)
    }

    /// The names without a format, each as often as it is used.
    pub(crate) fn text_names(&self) -> impl Iterator<Item = &str> {
        self.tokens.iter().filter_map(|token| match token {
            Token::Text(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The names with a format, each as often as it is used.
    pub(crate) fn time_names(&self) -> impl Iterator<Item = &str> {
        self.tokens.iter().filter_map(|token| match token {
            Token::Time { name, .. } => Some(name.as_str()),
            _ => None,
        })
    }

    /// Why keys of this template cannot be built from what `other` captures and the texts of the names `given`; `None`
    /// when they can. `role` is what messages call `other`.
    pub(crate) fn lacks_from(&self, other: &KeyTemplate, role: &str, given: &[&str]) -> Option<String> {
        self.tokens.iter().find_map(|token| match token {
            Token::Star => Some(format!("it has `*` in it, for which {role} gives no text")),
            Token::Text(name) if !given.contains(&name.as_str()) && !other.text_names().any(|known| known == name) => {
                Some(format!("`{}` is not in {role}", token.written()))
            }
            Token::Time { name, .. } if !other.time_names().any(|known| known == name) => {
                Some(format!("`{}` is not in {role} with a format", token.written()))
            }
            Token::Time { name, parts, .. } => {
                let known = check::fields_of(&other.tokens, name);
                let lacking = fields(parts).any(|field| !time_format::provides(&known, field));
                lacking.then(|| format!("`{}` says more than {{{name}}} of {role} does", token.written()))
            }
            Token::Literal(_) | Token::Text(_) => None,
        })
    }

    /// A key that `other` matches, too; `None` when there is none, or when none is found by simple means.
    pub(crate) fn shared_key(&self, other: &KeyTemplate) -> Option<String> {
        overlap::shared_key(self, other)
    }

    /// How far the template fits a key that it does not match, to tell a person.
    pub(crate) fn progress(&self, key: &str) -> Progress {
        progress::progress(&self.tokens, key)
    }
}

impl fmt::Display for KeyTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn fields(parts: &[Part]) -> impl Iterator<Item = Field> {
    parts.iter().filter_map(|part| match part {
        Part::Field(field) => Some(*field),
        Part::Literal(_) => None,
    })
}

fn text_of<'a>(captures: &'a Captures, name: &str) -> Result<&'a str, TemplateError> {
    let text = captures.text(name).ok_or_else(|| TemplateError::Missing(name.to_owned()))?;
    if text.is_empty() || text.contains('/') {
        return Err(TemplateError::Text { name: name.to_owned(), text: text.to_owned() });
    }
    Ok(text)
}

fn write_time(key: &mut String, name: &str, parts: &[Part], captures: &Captures) -> Result<(), TemplateError> {
    let time = captures.time(name).ok_or_else(|| TemplateError::Missing(name.to_owned()))?;
    if !(1..=9_999).contains(&time.year()) {
        return Err(TemplateError::Year { name: name.to_owned(), time: time.to_string() });
    }
    parts.iter().for_each(|part| write_part(key, part, time));
    Ok(())
}

fn write_part(key: &mut String, part: &Part, time: NaiveDateTime) {
    match part {
        Part::Literal(text) => key.push_str(text),
        Part::Field(field) => key.push_str(&field.digits(time)),
    }
}
