use std::any::Any;
use std::error::Error;

use lambda_runtime::Diagnostic;
use protocol::{Failure, FailureName, error_chain};

/// The answer of a function that failed: the name, and one line with the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FailureReply {
    pub(crate) name: FailureName,
    pub(crate) message: String,
}

impl FailureReply {
    pub(crate) fn of(failure: &impl Failure) -> Self {
        Self { name: failure.name(), message: flat(&error_chain(failure)) }
    }

    pub(crate) fn internal(what: &str, error: &impl Error) -> Self {
        Self { name: FailureName::InternalError, message: format!("{what}: {}", flat(&error_chain(error))) }
    }

    /// Returns the reply for a panic, with its message.
    pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Self {
        let message = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        Self { name: FailureName::InternalError, message: flat(&format!("panic: {message}")) }
    }
}

/// The first line is the message, the second the remedy. The state machine splits them.
impl From<FailureReply> for Diagnostic {
    fn from(reply: FailureReply) -> Self {
        Self {
            error_type: reply.name.as_str().to_owned(),
            error_message: format!("{}\nWhat to do: {}", reply.message, reply.name.what_to_do()),
        }
    }
}

/// Joins the lines of a text.
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
    fn failure_has_a_line_of_causes_and_a_remedy() {
        let diagnostic = Diagnostic::from(FailureReply::of(&Outer(Inner)));
        assert_eq!(diagnostic.error_type, "DatabaseUnavailable");
        let remedy = FailureName::DatabaseUnavailable.what_to_do();
        assert_eq!(
            diagnostic.error_message,
            format!("database unavailable: connection refused by 127.0.0.1\nWhat to do: {remedy}")
        );
    }

    #[test]
    fn panic_keeps_its_message() {
        let message = |panic: Box<dyn Any + Send>| FailureReply::panicked(panic.as_ref()).message;
        assert_eq!(message(Box::new("plain")), "panic: plain");
        assert_eq!(message(Box::new("with\nlines".to_owned())), "panic: with lines");
        assert_eq!(message(Box::new(7)), "panic: no message");
    }
}
