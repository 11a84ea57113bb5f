//! Matches a key against a template.
//!
//! A placeholder never matches `/`, so template and key are compared folder by folder. In a folder, each part of
//! variable length is as short as possible, from the left. No position is tried twice, so the time is at most
//! proportional to the length of the key times the length of the template.

use super::template_token::TemplateToken;
use super::time_format::{FormatPart, TimeField, assemble};

/// A part of a folder or file name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Atom {
    Literal(String),
    Digits { name: String, field: TimeField },
    Text(String),
    Star,
}

impl Atom {
    pub(super) fn is_variable(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Star)
    }
}

/// A folder or file name: the parts between two `/`.
pub(super) type Segment = Vec<Atom>;

/// Splits a template at each `/`, also those in formats.
pub(super) fn segments(tokens: &[TemplateToken]) -> Vec<Segment> {
    let mut segments = vec![Segment::new()];
    for token in tokens {
        match token {
            TemplateToken::Literal(text) => push_literal(&mut segments, text),
            TemplateToken::Star => push(&mut segments, Atom::Star),
            TemplateToken::Text(name) => push(&mut segments, Atom::Text(name.clone())),
            TemplateToken::Time { name, parts, .. } => {
                for part in parts {
                    match part {
                        FormatPart::Literal(text) => push_literal(&mut segments, text),
                        FormatPart::Field(field) => {
                            push(&mut segments, Atom::Digits { name: name.clone(), field: *field });
                        }
                    }
                }
            }
        }
    }
    segments
}

fn push(segments: &mut [Segment], atom: Atom) {
    if let Some(segment) = segments.last_mut() {
        segment.push(atom);
    }
}

fn push_literal(segments: &mut Vec<Segment>, text: &str) {
    for (index, piece) in text.split('/').enumerate() {
        if index > 0 {
            segments.push(Segment::new());
        }
        if !piece.is_empty() {
            push(segments, Atom::Literal(piece.to_owned()));
        }
    }
}

/// The values read from a key so far.
#[derive(Debug, Default)]
pub(super) struct PartialCaptures {
    pub(super) texts: Vec<(String, String)>,
    pub(super) fields: Vec<(String, TimeField, u32)>,
}

impl PartialCaptures {
    fn text(&self, name: &str) -> Option<&str> {
        self.texts.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
    }

    /// Returns the fields of one placeholder.
    pub(super) fn fields_of(&self, name: &str) -> Vec<(TimeField, u32)> {
        self.fields.iter().filter(|(known, ..)| known == name).map(|(_, field, number)| (*field, *number)).collect()
    }
}

/// Reads a folder or file name into `found`. A placeholder that `found` already has must match the same text.
pub(super) fn read_segment(segment: &[Atom], part: &str, found: &mut PartialCaptures) -> Option<()> {
    let bound = bind(segment, found);
    let runs: Vec<&[Atom]> = bound.split(Atom::is_variable).collect();
    let variables: Vec<&Atom> = bound.iter().filter(|atom| atom.is_variable()).collect();
    let (first, rest) = runs.split_first()?;
    let Some((last, middle)) = rest.split_last() else {
        let end = read_run(first, part, 0, found)?;
        return (end == part.len()).then_some(());
    };
    let tail = part.len().checked_sub(width(last))?;
    let mut at = read_run(first, part, 0, found)?;
    for (variable, run) in variables.iter().zip(middle) {
        let (start, end) = search_run(run, part, at + shortest(variable, part, at), tail, found)?;
        read_variable(variable, part.get(at..start)?, found)?;
        at = end;
    }
    read_variable(variables.last()?, part.get(at..tail)?, found)?;
    read_run(last, part, tail, found).map(|_| ())
}

/// Replaces placeholders that have a text by literals.
fn bind(segment: &[Atom], found: &PartialCaptures) -> Segment {
    segment
        .iter()
        .map(|atom| match atom {
            Atom::Text(name) => found.text(name).map_or_else(|| atom.clone(), |text| Atom::Literal(text.to_owned())),
            _ => atom.clone(),
        })
        .collect()
}

fn width(run: &[Atom]) -> usize {
    run.iter()
        .map(|atom| match atom {
            Atom::Literal(text) => text.len(),
            Atom::Digits { field, .. } => field.width(),
            Atom::Text(_) | Atom::Star => 0,
        })
        .sum()
}

fn shortest(variable: &Atom, part: &str, at: usize) -> usize {
    match variable {
        Atom::Text(_) => part.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8),
        _ => 0,
    }
}

fn read_variable(variable: &Atom, text: &str, found: &mut PartialCaptures) -> Option<()> {
    if let Atom::Text(name) = variable {
        if text.is_empty() {
            return None;
        }
        found.texts.push((name.clone(), text.to_owned()));
    }
    Some(())
}

/// Returns start and end of the first match of `run` in `from..=tail` that ends before `tail`.
fn search_run(
    run: &[Atom],
    part: &str,
    from: usize,
    tail: usize,
    found: &mut PartialCaptures,
) -> Option<(usize, usize)> {
    let last = tail.checked_sub(width(run))?;
    let known = found.fields.len();
    (from..=last).find_map(|start| {
        let end = read_run(run, part, start, found).filter(|_| are_valid_times(found, known));
        if end.is_none() {
            found.fields.truncate(known);
        }
        end.map(|end| (start, end))
    })
}

/// Returns true if the times read since `known` are valid dates. A time between two parts of variable length is complete.
fn are_valid_times(found: &PartialCaptures, known: usize) -> bool {
    let names = found.fields.iter().skip(known).map(|(name, ..)| name);
    names.into_iter().all(|name| assemble(&found.fields_of(name)).is_some())
}

/// Reads literals and digits from `at` and returns their end.
fn read_run(run: &[Atom], part: &str, mut at: usize, found: &mut PartialCaptures) -> Option<usize> {
    for atom in run {
        let rest = part.as_bytes().get(at..)?;
        match atom {
            Atom::Literal(text) => {
                at += rest.starts_with(text.as_bytes()).then_some(text.len())?;
            }
            Atom::Digits { name, field } => {
                found.fields.push((name.clone(), *field, field.read(rest)?));
                at += field.width();
            }
            Atom::Text(_) | Atom::Star => return None,
        }
    }
    Some(at)
}
