use std::error::Error;
use std::fmt::Write;

/// Returns an error and its causes, the outermost first, joined by `": "`.
///
/// A cause whose text is already in the result is left out: many errors quote their cause.
pub fn error_chain(error: &dyn Error) -> String {
    let mut chain = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !chain.contains(&text) {
            // Writing to a String cannot fail.
            let _ = write!(chain, ": {text}");
        }
        next = cause.source();
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: &'static str,
        source: Option<Box<Link>>,
    }

    fn check(texts: &[&'static str], expected: &str) {
        let links = texts.iter().rev().fold(None, |source, text| Some(Box::new(Link { text, source })));
        assert_eq!(error_chain(&links.unwrap()), expected);
    }

    #[test]
    fn error_chain_names_each_cause_once() {
        check(&["service error"], "service error");
        check(&["service error", "timeout", "no route"], "service error: timeout: no route");
        check(&["cannot open a.csv: no such file", "no such file"], "cannot open a.csv: no such file");
        check(&["db error", "db error: closed", "closed"], "db error: db error: closed");
        check(&["service error", ""], "service error");
    }
}
