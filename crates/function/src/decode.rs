use protocol::{FAULT_FIELD, Failure, FailureName, Fault};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The payload is not what the function takes.
#[derive(Debug, thiserror::Error)]
pub enum InvalidInput {
    #[error("the payload is not JSON: {reason}")]
    NotJson { reason: String },
    #[error("the payload does not fit at `{at}`: {reason}")]
    Unfit { at: String, reason: String },
}

impl InvalidInput {
    fn within(self, field: &str) -> Self {
        match self {
            Self::Unfit { at, reason } if at == "." => Self::Unfit { at: field.to_owned(), reason },
            Self::Unfit { at, reason } => Self::Unfit { at: format!("{field}.{at}"), reason },
            Self::NotJson { .. } => self,
        }
    }
}

impl Failure for InvalidInput {
    fn name(&self) -> FailureName {
        FailureName::InvalidInput
    }
}

/// The payload as it came. Its own decoding never fails: what the runtime cannot decode, the runtime would name, and
/// its names are paths of Rust types.
#[derive(Debug)]
pub(crate) struct Payload(Result<Value, String>);

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Value::deserialize(deserializer).map_err(|error| error.to_string())))
    }
}

impl Payload {
    /// The execution's ARN, where the machine sends it along: read before all else, so that even a payload that fits
    /// nothing is found by it in the logs.
    pub(crate) fn execution(&self) -> Option<String> {
        let text = self.0.as_ref().ok()?.get("execution")?.as_str()?;
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The fault that is planned for this attempt, taken off: what is left is the payload as its state knows it.
    pub(crate) fn take_fault(&mut self) -> Result<Option<Fault>, InvalidInput> {
        let fault = self.0.as_mut().ok().and_then(|payload| payload.as_object_mut()?.remove(FAULT_FIELD));
        fault.map(decode).transpose().map_err(|error| error.within(FAULT_FIELD))
    }

    pub(crate) fn decode<T: DeserializeOwned>(self) -> Result<T, InvalidInput> {
        decode(self.0.map_err(|reason| InvalidInput::NotJson { reason })?)
    }
}

/// The payload as a `T`, or what in it does not fit and where: for a function whose payloads are of several kinds, and
/// that takes a [`Value`] to tell them apart.
pub fn decode<T: DeserializeOwned>(payload: Value) -> Result<T, InvalidInput> {
    serde_path_to_error::deserialize(payload)
        .map_err(|error| InvalidInput::Unfit { at: error.path().to_string(), reason: error.inner().to_string() })
}

#[cfg(test)]
mod tests {
    use protocol::FailureRequest;

    use super::*;

    fn payload(text: &str) -> Payload {
        Payload::deserialize(&mut serde_json::Deserializer::from_str(text)).unwrap()
    }

    fn check(text: &str, expected: &str) {
        let error = payload(text).decode::<FailureRequest>().unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
    }

    #[test]
    fn a_payload_that_does_not_fit_says_what_and_where() {
        check("{", "the payload is not JSON: EOF while parsing an object at line 1 column 1");
        check("hello", "the payload is not JSON: expected value at line 1 column 1");
        check(r#""x""#, "the payload does not fit at `.`: invalid type: string \"x\", expected struct FailureRequest");
        check(
            r#"{"seed": "seven"}"#,
            "the payload does not fit at `seed`: invalid type: string \"seven\", expected u64",
        );
        check(
            r#"{"sead": 7}"#,
            "the payload does not fit at `sead`: unknown field `sead`, expected one of `execution`, `attempt`, `seed`, \
             `failure_rate`",
        );
    }

    #[test]
    fn the_execution_is_read_from_any_payload() {
        assert_eq!(payload(r#"{"execution": "arn:x", "more": 1}"#).execution().as_deref(), Some("arn:x"));
        assert_eq!(payload(r#"{"execution": ""}"#).execution(), None);
        assert_eq!(payload(r#"{"execution": 7}"#).execution(), None);
        assert_eq!(payload("[]").execution(), None);
        assert_eq!(payload("{").execution(), None);
    }
}
