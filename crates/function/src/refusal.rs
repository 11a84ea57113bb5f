use std::any::Any;
use std::error::Error;

use lambda_runtime::Diagnostic;
use protocol::{Failure, FailureName, error_chain};

/// A failure as it leaves the function: its name, and one line that says what and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) name: FailureName,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn of(failure: &impl Failure) -> Self {
        Self { name: failure.name(), message: flat(&error_chain(failure)) }
    }

    pub(crate) fn internal(what: &str, error: &impl Error) -> Self {
        Self { name: FailureName::InternalError, message: format!("{what}: {}", flat(&error_chain(error))) }
    }

    /// A panic's own words, when it has some.
    pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Self {
        let words = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("without a word");
        Self { name: FailureName::InternalError, message: flat(&format!("panicked: {words}")) }
    }
}

/// The first line says what and where, the second what to do: the state machine splits them there.
impl From<Refusal> for Diagnostic {
    fn from(refusal: Refusal) -> Self {
        Self {
            error_type: refusal.name.as_str().to_owned(),
            error_message: format!("{}\nWhat to do: {}", refusal.message, refusal.name.what_to_do()),
        }
    }
}

fn flat(text: &str) -> String {
    text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("database unavailable")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("connection refused\n  by 127.0.0.1")]
    struct Inner;

    impl Failure for Outer {
        fn name(&self) -> FailureName {
            FailureName::DatabaseUnavailable
        }
    }

    #[test]
    fn a_failure_is_one_line_with_its_causes_and_one_with_the_advice() {
        let diagnostic = Diagnostic::from(Refusal::of(&Outer(Inner)));
        assert_eq!(diagnostic.error_type, "DatabaseUnavailable");
        let advice = FailureName::DatabaseUnavailable.what_to_do();
        assert_eq!(
            diagnostic.error_message,
            format!("database unavailable: connection refused by 127.0.0.1\nWhat to do: {advice}")
        );
    }

    #[test]
    fn a_panic_keeps_its_words() {
        let message = |panic: Box<dyn Any + Send>| Refusal::panicked(panic.as_ref()).message;
        assert_eq!(message(Box::new("plain")), "panicked: plain");
        assert_eq!(message(Box::new("with\nlines".to_owned())), "panicked: with lines");
        assert_eq!(message(Box::new(7)), "panicked: without a word");
    }
}
