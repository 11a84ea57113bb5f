//! Fault injection: the payloads of `PlanFailures`, and the fault of one attempt of a state.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::named::named;

/// The payload field with the fault of this attempt. Only functions of a stack with a fault plan accept it.
pub const FAULT_FIELD: &str = "fault";

/// The injected fault of one attempt of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// Fails with `RandomFailure`, which the state machine retries.
    Transient,
    /// Fails with `PlannedFailure`, which the state machine does not retry.
    Permanent,
    /// Does its work after a pause.
    Slow { ms: u64 },
    /// The process ends before the work.
    CrashBefore,
    /// The process ends after the work, without an answer.
    CrashAfter,
}

named! {
    /// A state that calls a function, and that a fault plan can fail.
    pub enum FaultyState {
        CheckFileExtension,
        ResolveTrigger,
        RecordAwaited,
        LoadFile,
        RecordFailure,
        RunTransforms,
        CloseRun,
    }
}

/// The payload of `PlanFailures`, with an event of any shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanRequest {
    pub execution: String,
    pub event: Value,
}

/// The answer of `PlanFailures`: the faults of this execution.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedFaults {
    pub faults: Vec<PlannedFault>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedFault {
    pub state: FaultyState,
    /// The retry count of the state, from 0.
    pub attempt: u32,
    pub fault: Fault,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fault_is_a_word_and_slow_has_a_duration() {
        let check = |fault: Fault, written: Value| {
            assert_eq!(json!(fault), written);
            assert_eq!(serde_json::from_value::<Fault>(written).unwrap(), fault);
        };
        check(Fault::Transient, json!("transient"));
        check(Fault::Permanent, json!("permanent"));
        check(Fault::Slow { ms: 250 }, json!({"slow": {"ms": 250}}));
        check(Fault::CrashBefore, json!("crash-before"));
        check(Fault::CrashAfter, json!("crash-after"));
        for unknown in [json!("crash"), json!({"slow": {"ms": 1, "s": 1}}), json!({"slow": {}}), json!(null)] {
            assert!(serde_json::from_value::<Fault>(unknown.clone()).is_err(), "{unknown}");
        }
    }

    #[test]
    fn faulty_state_is_written_by_its_name() {
        for state in FaultyState::ALL {
            assert_eq!(json!(state), state.as_str());
        }
    }
}
