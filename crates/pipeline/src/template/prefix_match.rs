//! How far a template fits a key that it does not match.

use super::segment::PartialCaptures;
use super::template_token::TemplateToken;
use super::time_format::{FormatPart, TimeField, assemble};

/// Where a template stops matching.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PrefixMatch {
    /// Bytes of the key that the template explains.
    pub(crate) bytes: usize,
    /// What the template wants there, for people.
    pub(crate) expects: String,
}

/// Follows every way in which the beginning of the key can be taken apart, all at once, until none is left.
pub(super) fn prefix_match(tokens: &[TemplateToken], key: &str) -> PrefixMatch {
    let mut ways = vec![0];
    // Where the key was last explained by more than `*` or a name, which explain anything.
    let mut anchor = 0;
    let mut skipped = String::new();
    for token in tokens {
        let next = step(token, key, &ways);
        if next.is_empty() {
            return stopped(token, key, &ways, anchor, &skipped);
        }
        if token.is_variable() {
            skipped = token.written();
        } else {
            skipped.clear();
            anchor = next.iter().copied().min().unwrap_or(anchor);
        }
        ways = next;
    }
    if ways.contains(&key.len()) {
        return PrefixMatch { bytes: key.len(), expects: "names and dates that agree with each other".to_owned() };
    }
    let bytes = ways.iter().copied().max().unwrap_or(anchor);
    PrefixMatch { bytes, expects: "the end of the key".to_owned() }
}

/// Everywhere the token can end, given where it can begin.
fn step(token: &TemplateToken, key: &str, ways: &[usize]) -> Vec<usize> {
    let rest = |at: usize| key.get(at..).unwrap_or_default();
    match token {
        TemplateToken::Literal(text) => {
            ways.iter().filter(|at| rest(**at).starts_with(text.as_str())).map(|at| at + text.len()).collect()
        }
        TemplateToken::Time { parts, .. } => {
            ways.iter().filter_map(|at| read_time(parts, rest(*at)).map(|bytes| at + bytes)).collect()
        }
        TemplateToken::Star | TemplateToken::Text(_) => {
            let mut reached: Vec<usize> = Vec::new();
            for at in ways {
                // An earlier way has passed here already and reached all that this one can.
                if reached.last().is_some_and(|last| last > at) {
                    continue;
                }
                let from = if *token == TemplateToken::Star { *at } else { at + 1 };
                let folder = rest(*at).split('/').next().unwrap_or_default();
                reached.extend((from..=at + folder.len()).filter(|end| key.is_char_boundary(*end)));
            }
            reached.sort_unstable();
            reached.dedup();
            reached
        }
    }
}

fn stopped(token: &TemplateToken, key: &str, ways: &[usize], anchor: usize, skipped: &str) -> PrefixMatch {
    let first = ways.first().copied().unwrap_or(anchor);
    let (bytes, expects) = match token {
        TemplateToken::Literal(text) => {
            let explained = |at: usize| common(text, key.get(at..).unwrap_or_default());
            // The earliest of those that explain most.
            let best = ways.iter().rev().copied().max_by_key(|at| explained(*at)).unwrap_or(anchor);
            if explained(best) > 0 {
                let rest = text.get(explained(best)..).unwrap_or_default();
                return PrefixMatch { bytes: best + explained(best), expects: format!("`{rest}`") };
            }
            (first, format!("`{text}`"))
        }
        TemplateToken::Time { format, .. } => (first, format!("a time in the format {format}")),
        TemplateToken::Star => (first, "anything but `/`".to_owned()),
        TemplateToken::Text(name) => (first, format!("at least one character for {{{name}}}")),
    };
    if skipped.is_empty() {
        PrefixMatch { bytes, expects }
    } else {
        PrefixMatch { bytes: anchor, expects: format!("{skipped} followed by {expects}") }
    }
}

/// Bytes, cut at a character.
fn common(left: &str, right: &str) -> usize {
    left.chars().zip(right.chars()).take_while(|(l, r)| l == r).map(|(l, _)| l.len_utf8()).sum()
}

/// The length of the time at the beginning of `text`.
fn read_time(parts: &[FormatPart], text: &str) -> Option<usize> {
    let mut found = PartialCaptures::default();
    let mut at = 0;
    for part in parts {
        let rest = text.as_bytes().get(at..)?;
        match part {
            FormatPart::Literal(literal) => at += rest.starts_with(literal.as_bytes()).then_some(literal.len())?,
            FormatPart::Field(field) => {
                found.fields.push((String::new(), *field, field.read(rest)?));
                at += field.width();
            }
        }
    }
    // A format may carry a part of the time only; the first year with every date stands in for a missing one.
    let mut fields = found.fields_of("");
    if !fields.iter().any(|(field, _)| *field == TimeField::Year) {
        fields.push((TimeField::Year, 2000));
    }
    assemble(&fields).map(|_| at)
}
