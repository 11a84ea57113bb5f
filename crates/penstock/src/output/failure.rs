use crate::output::line::print_line;
use crate::output::terminal::{red, width, wrap};

/// Marks a failure in a table and above its reason.
pub(crate) const FAILURE_MARK: &str = "✗";
const INDENT: &str = "  ";

/// A failure with its reason, as all commands show it.
#[derive(Debug)]
pub(crate) struct FailureText<'a> {
    /// The failed file or run.
    pub(crate) what: &'a str,
    pub(crate) name: &'a str,
    pub(crate) reason: Option<&'a str>,
    pub(crate) remedy: Option<&'a str>,
    /// More lines, each with its label.
    pub(crate) more: &'a [(&'a str, String)],
}

/// Prints a failure on stdout: what failed, the reason, the remedy.
pub(crate) fn print_failure(failure: &FailureText<'_>) {
    for line in lines(failure, width()) {
        print_line(&line);
    }
}

fn lines(failure: &FailureText<'_>, width: Option<usize>) -> Vec<String> {
    let FailureText { what, name, reason, remedy, more } = *failure;
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(2 * INDENT.len()));
    let mut lines = wrap(&format!("{FAILURE_MARK} {what}: {name}"), room);
    // Coloured after the wrap, because colours have no width.
    if let Some(first) = lines.first_mut() {
        *first = first.replacen(FAILURE_MARK, &red(FAILURE_MARK), 1);
    }
    if let Some(last) = lines.last_mut()
        && let Some(start) = last.strip_suffix(name)
    {
        *last = format!("{start}{}", red(name));
    }
    lines.iter_mut().skip(1).for_each(|line| line.insert_str(0, "    "));
    let own = [("reason", reason), ("what to do", remedy)];
    let own = own.into_iter().filter_map(|(label, text)| Some((label, text?)));
    for (label, text) in own.chain(more.iter().map(|(label, text)| (*label, text.as_str()))) {
        let text = format!("{label}: {text}");
        for (number, line) in wrap(&text, room).into_iter().enumerate() {
            lines.push(if number == 0 { format!("{INDENT}{line}") } else { format!("{INDENT}{INDENT}{line}") });
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_has_reason_and_remedy_below_its_name() {
        let failure = FailureText {
            what: "raw/a.csv",
            name: "EmptyFile",
            reason: Some("the file has no bytes"),
            remedy: Some("ask the producer"),
            more: &[("states", "A → Failed".to_owned())],
        };
        let plain =
            |width| lines(&failure, width).iter().map(|it| anstream::adapter::strip_str(it).to_string()).collect();
        let narrow: Vec<String> = plain(Some(24));
        assert_eq!(
            narrow,
            [
                "✗ raw/a.csv:",
                "    EmptyFile",
                "  reason: the file has",
                "    no bytes",
                "  what to do: ask the",
                "    producer",
                "  states: A → Failed",
            ]
        );
        let wide: Vec<String> = plain(None);
        assert_eq!(wide[1], "  reason: the file has no bytes");
    }
}
