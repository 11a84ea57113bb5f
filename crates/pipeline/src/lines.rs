//! Line numbers and text of error messages.

use std::fmt;

/// The length of a key or reason in an error.
const TEXT_CHARS_MAX: usize = 500;

/// The offsets of a text's line ends.
#[derive(Debug)]
pub(crate) struct LineIndex {
    ends: Vec<usize>,
}

impl LineIndex {
    pub(crate) fn of(text: &str) -> Self {
        Self { ends: text.match_indices('\n').map(|(at, _)| at).collect() }
    }

    /// Returns the line, from 1, of a byte offset.
    pub(crate) fn line(&self, at: usize) -> usize {
        1 + self.ends.partition_point(|end| *end < at)
    }
}

/// Escapes control characters and truncates the text, so that user input cannot break error messages.
pub(crate) fn one_line(text: &str) -> String {
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

/// Writes one item per line.
pub(crate) fn one_per_line(f: &mut fmt::Formatter<'_>, items: &[impl fmt::Display]) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str("\n")?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_index_counts_from_one() {
        let check =
            |text: &str, at: usize, line: usize| assert_eq!(LineIndex::of(text).line(at), line, "{text:?} {at}");
        check("", 0, 1);
        check("a\nb", 0, 1);
        check("a\nb", 1, 1);
        check("a\nb", 2, 2);
        check("\n\n", 2, 3);
        check("a", 9, 1);
    }
}
