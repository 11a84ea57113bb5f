use serde_json::Value;

use crate::{Failure, FailureName, ObjectRef};

/// What an event says, whichever way it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    ObjectCreated(ObjectRef),
    /// S3 sends this when notifications are switched on; it names no object.
    Test {
        bucket: String,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum InvalidEvent {
    #[error("the event is of no shape that is known")]
    UnknownShape,
}

impl Failure for InvalidEvent {
    fn name(&self) -> FailureName {
        FailureName::InvalidEvent
    }
}

impl Event {
    pub fn decode(_payload: &Value) -> Result<Self, InvalidEvent> {
        Err(InvalidEvent::UnknownShape)
    }
}
