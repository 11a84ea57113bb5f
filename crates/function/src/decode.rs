use protocol::{FAULT_FIELD, Failure, FailureName, Fault};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The payload does not match the function's request.
#[derive(Debug, thiserror::Error)]
pub enum InvalidInput {
    #[error("the payload is not JSON: {reason}")]
    NotJson { reason: String },
    #[error("invalid payload at `{at}`: {reason}")]
    Mismatch { at: String, reason: String },
}

impl InvalidInput {
    fn within(self, field: &str) -> Self {
        match self {
            Self::Mismatch { at, reason } if at == "." => Self::Mismatch { at: field.to_owned(), reason },
            Self::Mismatch { at, reason } => Self::Mismatch { at: format!("{field}.{at}"), reason },
            Self::NotJson { .. } => self,
        }
    }
}

impl Failure for InvalidInput {
    fn name(&self) -> FailureName {
        FailureName::InvalidInput
    }
}

/// The payload as it arrived. Deserializing it never fails: the runtime would name the failure by a path of Rust types.
#[derive(Debug)]
pub(crate) struct Payload(Result<Value, String>);

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Value::deserialize(deserializer).map_err(|error| error.to_string())))
    }
}

impl Payload {
    /// Returns the ARN of the execution. It is read first, so that the logs have it even for an invalid payload.
    pub(crate) fn execution(&self) -> Option<String> {
        let text = self.0.as_ref().ok()?.get("execution")?.as_str()?;
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// Removes the planned fault of this attempt from the payload and returns it.
    pub(crate) fn take_fault(&mut self) -> Result<Option<Fault>, InvalidInput> {
        let fault = self.0.as_mut().ok().and_then(|payload| payload.as_object_mut()?.remove(FAULT_FIELD));
        fault.map(decode).transpose().map_err(|error| error.within(FAULT_FIELD))
    }

    pub(crate) fn decode<T: DeserializeOwned>(self) -> Result<T, InvalidInput> {
        decode(self.0.map_err(|reason| InvalidInput::NotJson { reason })?)
    }
}

/// Decodes a payload. Errors name the field. A function with several kinds of payload takes a [`Value`] and calls it.
pub fn decode<T: DeserializeOwned>(payload: Value) -> Result<T, InvalidInput> {
    serde_path_to_error::deserialize(payload)
        .map_err(|error| InvalidInput::Mismatch { at: error.path().to_string(), reason: error.inner().to_string() })
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
    fn invalid_payload_is_an_error_with_the_field() {
        check("{", "the payload is not JSON: EOF while parsing an object at line 1 column 1");
        check("hello", "the payload is not JSON: expected value at line 1 column 1");
        check(r#""x""#, "invalid payload at `.`: invalid type: string \"x\", expected struct FailureRequest");
        check(r#"{"seed": "seven"}"#, "invalid payload at `seed`: invalid type: string \"seven\", expected u64");
        check(
            r#"{"sead": 7}"#,
            "invalid payload at `sead`: unknown field `sead`, expected one of `execution`, `attempt`, `seed`, \
             `failure_rate`",
        );
    }

    #[test]
    fn execution_is_read_from_any_payload() {
        assert_eq!(payload(r#"{"execution": "arn:x", "more": 1}"#).execution().as_deref(), Some("arn:x"));
        assert_eq!(payload(r#"{"execution": ""}"#).execution(), None);
        assert_eq!(payload(r#"{"execution": 7}"#).execution(), None);
        assert_eq!(payload("[]").execution(), None);
        assert_eq!(payload("{").execution(), None);
    }
}
