//! Checks that a template is reversible.

use super::error::TemplateError;
use super::segment::{Atom, Segment};
use super::template_token::TemplateToken;
use super::time_format::{TimeField, check_complete, fields};

pub(super) fn check(tokens: &[TemplateToken], segments: &[Segment]) -> Result<(), TemplateError> {
    check_neighbours(tokens)?;
    check_kinds(tokens)?;
    check_texts_used_twice(tokens, segments)?;
    check_times_used_twice(segments)?;
    for name in time_names(tokens) {
        check_complete(name, &fields_of(tokens, name))?;
    }
    Ok(())
}

/// Returns the number of atoms without a fixed length.
pub(super) fn variables(segment: &[Atom]) -> usize {
    segment.iter().filter(|atom| atom.is_variable()).count()
}

/// Returns the fields of a placeholder from all its uses.
pub(super) fn fields_of(tokens: &[TemplateToken], wanted: &str) -> Vec<TimeField> {
    tokens
        .iter()
        .filter_map(|token| match token {
            TemplateToken::Time { name, parts, .. } if name == wanted => Some(parts),
            _ => None,
        })
        .flat_map(|parts| fields(parts))
        .collect()
}

fn time_names(tokens: &[TemplateToken]) -> impl Iterator<Item = &str> {
    tokens.iter().filter_map(|token| match token {
        TemplateToken::Time { name, .. } => Some(name.as_str()),
        _ => None,
    })
}

fn check_neighbours(tokens: &[TemplateToken]) -> Result<(), TemplateError> {
    for pair in tokens.windows(2) {
        if let [left, right] = pair
            && left.is_variable()
            && right.is_variable()
        {
            return Err(TemplateError::Adjacent(left.written(), right.written()));
        }
    }
    Ok(())
}

fn check_kinds(tokens: &[TemplateToken]) -> Result<(), TemplateError> {
    let is_text = |name: &str| tokens.iter().any(|token| matches!(token, TemplateToken::Text(known) if known == name));
    match time_names(tokens).find(|name| is_text(name)) {
        Some(name) => Err(TemplateError::TextAndTime(name.to_owned())),
        None => Ok(()),
    }
}

/// Checks that one folder or file name alone gives the text of a placeholder that is used twice. Elsewhere the text is
/// then a literal. Otherwise a key must be matched by trial and error, which takes too long for a hostile key.
fn check_texts_used_twice(tokens: &[TemplateToken], segments: &[Segment]) -> Result<(), TemplateError> {
    let uses =
        |name: &str| tokens.iter().filter(|token| matches!(token, TemplateToken::Text(known) if known == name)).count();
    let is_pinned = |name: &str| {
        segments.iter().any(|segment| {
            variables(segment) == 1 && segment.iter().any(|atom| matches!(atom, Atom::Text(known) if known == name))
        })
    };
    for token in tokens {
        if let TemplateToken::Text(name) = token
            && uses(name) > 1
            && !is_pinned(name)
        {
            return Err(TemplateError::NotPinned(name.clone()));
        }
    }
    Ok(())
}

/// Checks that a time between two parts of variable length is used once. Its position is searched, so nothing else may
/// depend on it.
fn check_times_used_twice(segments: &[Segment]) -> Result<(), TemplateError> {
    for (index, segment) in segments.iter().enumerate() {
        let runs: Vec<&[Atom]> = segment.split(Atom::is_variable).collect();
        let Some(floating) = runs.get(1..runs.len().saturating_sub(1)) else { continue };
        for name in floating.iter().flat_map(|run| digit_names(run)) {
            let in_this_segment = runs.iter().filter(|run| digit_names(run).any(|known| known == name)).count();
            let in_others = segments.iter().enumerate().filter(|(other, _)| *other != index);
            let elsewhere = in_others.flat_map(|(_, other)| digit_names(other)).any(|known| known == name);
            if in_this_segment > 1 || elsewhere {
                return Err(TemplateError::Floating(name.to_owned()));
            }
        }
    }
    Ok(())
}

fn digit_names(atoms: &[Atom]) -> impl Iterator<Item = &str> {
    atoms.iter().filter_map(|atom| match atom {
        Atom::Digits { name, .. } => Some(name.as_str()),
        _ => None,
    })
}
