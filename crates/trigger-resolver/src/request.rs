use function::InvalidInput;
use protocol::{FollowRequest, Followers, Resolution, ResolveRequest};
use serde::Serialize;
use serde_json::Value;

/// What the function is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// By `ResolveTrigger`: what a file leads to.
    File(ResolveRequest),
    /// By `ResolveRuns`: which runs follow one that has ended.
    Run(FollowRequest),
}

/// What it answers, each to its own question.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    Resolution(Box<Resolution>),
    Followers(Followers),
}

impl Request {
    /// Only a run that has ended has the field `ended`. It is told first, so that an error is about the right question.
    pub fn decode(payload: Value) -> Result<Self, InvalidInput> {
        if payload.get("ended").is_some() {
            function::decode(payload).map(Self::Run)
        } else {
            function::decode(payload).map(Self::File)
        }
    }
}
