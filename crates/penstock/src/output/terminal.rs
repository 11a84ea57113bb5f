//! The terminal on stdout: its width and its colours.

use console::Term;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Returns the number of columns. `None` if stdout is not a terminal.
pub(crate) fn width() -> Option<usize> {
    let term = Term::stdout();
    if !term.is_term() {
        return None;
    }
    term.size_checked().map(|(_, columns)| usize::from(columns))
}

/// Colours a text red. [`print_line`](crate::output::print_line) removes the colour where it cannot be shown.
pub(crate) fn red(text: &str) -> String {
    let style = anstyle::AnsiColor::Red.on_default();
    format!("{style}{text}{style:#}")
}

/// Breaks a text into lines of at most `width` columns. A longer word has a line of its own.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().map_or(0, |line| line.width());
        if line > 0 && line + 1 + word.width() > width {
            lines.push(word.to_owned());
        } else if let Some(last) = lines.last_mut() {
            if line > 0 {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

/// Cuts a text to `width` columns. A path loses its start, because its end distinguishes it; other texts lose their end.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    let mut used = 0;
    let mut fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used <= room
    };
    if text.contains('/') {
        let end: Vec<char> = text.chars().rev().take_while(&mut fits).collect();
        return std::iter::once('…').chain(end.into_iter().rev()).collect();
    }
    text.chars().take_while(&mut fits).chain(std::iter::once('…')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_is_cut_at_its_start() {
        assert_eq!(cut("raw/2026-01-05/orders.csv", 12), "…/orders.csv");
        assert_eq!(cut("TooManyRejects", 8), "TooMany…");
        assert_eq!(cut("水水水", 5), "水水…");
        assert_eq!(cut("a/b", 3), "a/b");
    }

    #[test]
    fn text_is_wrapped_at_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("extraordinary a", 5), ["extraordinary", "a"]);
        assert_eq!(wrap("", 5), [""]);
    }
}
