//! Finds how much of a key a template matches, for messages about a key that does not match.

use super::segment::PartialCaptures;
use super::template_token::TemplateToken;
use super::time_format::{FormatPart, TimeField, assemble};

/// The part of a key that a template matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PrefixMatch {
    /// The length of the matched part in bytes.
    pub(crate) bytes: usize,
    /// The text that the template expects there, for messages.
    pub(crate) expects: String,
}

/// Matches token by token and keeps every possible end, until no end is left.
pub(super) fn prefix_match(tokens: &[TemplateToken], key: &str) -> PrefixMatch {
    let mut ends = vec![0];
    // The end of the last literal or time. `*` and `{name}` match almost anything, so they do not count.
    let mut anchor = 0;
    let mut skipped = String::new();
    for token in tokens {
        let next = step(token, key, &ends);
        if next.is_empty() {
            return stopped(token, key, &ends, anchor, &skipped);
        }
        if token.is_variable() {
            skipped = token.written();
        } else {
            skipped.clear();
            anchor = next.iter().copied().min().unwrap_or(anchor);
        }
        ends = next;
    }
    if ends.contains(&key.len()) {
        return PrefixMatch { bytes: key.len(), expects: "consistent values of its placeholders".to_owned() };
    }
    let bytes = ends.iter().copied().max().unwrap_or(anchor);
    PrefixMatch { bytes, expects: "the end of the key".to_owned() }
}

/// Returns the positions where the token can end, from those where it can begin.
fn step(token: &TemplateToken, key: &str, starts: &[usize]) -> Vec<usize> {
    let rest = |at: usize| key.get(at..).unwrap_or_default();
    match token {
        TemplateToken::Literal(text) => {
            starts.iter().filter(|at| rest(**at).starts_with(text.as_str())).map(|at| at + text.len()).collect()
        }
        TemplateToken::Time { parts, .. } => {
            starts.iter().filter_map(|at| read_time(parts, rest(*at)).map(|bytes| at + bytes)).collect()
        }
        TemplateToken::Star | TemplateToken::Text(_) => {
            let mut reached: Vec<usize> = Vec::new();
            for at in starts {
                // An earlier start has passed this position and reached the same ends.
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

/// Describes the position where no start matches the token.
fn stopped(token: &TemplateToken, key: &str, starts: &[usize], anchor: usize, skipped: &str) -> PrefixMatch {
    let first = starts.first().copied().unwrap_or(anchor);
    let (bytes, expects) = match token {
        TemplateToken::Literal(text) => {
            let matched = |at: usize| common(text, key.get(at..).unwrap_or_default());
            // Of the longest matches the earliest.
            let best = starts.iter().rev().copied().max_by_key(|at| matched(*at)).unwrap_or(anchor);
            if matched(best) > 0 {
                let rest = text.get(matched(best)..).unwrap_or_default();
                return PrefixMatch { bytes: best + matched(best), expects: format!("`{rest}`") };
            }
            (first, format!("`{text}`"))
        }
        TemplateToken::Time { format, .. } => (first, format!("a time in the format {format}")),
        TemplateToken::Star => (first, "any text without `/`".to_owned()),
        TemplateToken::Text(name) => (first, format!("at least one character for {{{name}}}")),
    };
    if skipped.is_empty() {
        PrefixMatch { bytes, expects }
    } else {
        PrefixMatch { bytes: anchor, expects: format!("{skipped} followed by {expects}") }
    }
}

/// Returns the length of the common prefix in bytes.
fn common(left: &str, right: &str) -> usize {
    left.chars().zip(right.chars()).take_while(|(l, r)| l == r).map(|(l, _)| l.len_utf8()).sum()
}

/// Returns the length of the time at the beginning of `text`.
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
    // A format may have a part of the time only. 2000 replaces a missing year, since it has every date.
    let mut fields = found.fields_of("");
    if !fields.iter().any(|(field, _)| *field == TimeField::Year) {
        fields.push((TimeField::Year, 2000));
    }
    assemble(&fields).map(|_| at)
}
