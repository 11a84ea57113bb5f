use function::InvalidInput;
use protocol::{FollowRequest, Followers, Resolution, ResolveRequest};
use serde::Serialize;
use serde_json::Value;

/// A request to the function.
#[derive(Clone, Debug, PartialEq)]
pub enum ResolverRequest {
    /// From `ResolveTrigger`: resolve the key of a file.
    File(ResolveRequest),
    /// From `ResolveRuns`: find the runs that follow a run.
    Run(FollowRequest),
}

/// The response to a [`ResolverRequest`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ResolverResponse {
    Resolution(Box<Resolution>),
    Followers(Followers),
}

impl ResolverRequest {
    /// Decodes a payload. Only a request about a run has the field `ended`, so an error names the right fields.
    pub fn decode(payload: Value) -> Result<Self, InvalidInput> {
        if payload.get("ended").is_some() {
            function::decode(payload).map(Self::Run)
        } else {
            function::decode(payload).map(Self::File)
        }
    }
}
