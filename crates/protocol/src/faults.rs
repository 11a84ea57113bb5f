//! Failures that a plan asks for: what `PlanFailures` takes and gives, and what a function is told of its attempt.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::named::named;

/// The field of a payload that says what is to happen to this attempt. Only a function whose stack has a plan knows it.
pub const FAULT_FIELD: &str = "fault";

/// What is to happen to an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// It fails by a name that the machine retries.
    Transient,
    /// It fails by a name that the machine does not retry.
    Permanent,
    /// It works, but only after so long.
    Slow { ms: u64 },
    /// Its process ends with the work not begun.
    CrashBefore,
    /// Its process ends with the work done and nobody told.
    CrashAfter,
}

named! {
    /// A state that calls a function, and that a fault plan can fail.
    pub enum FaultyState {
        CheckFileExtension,
        ResolveTrigger,
        RecordAwaited,
        LoadFile,
        RunTransforms,
        CloseRun,
    }
}

/// What `PlanFailures` takes: the event, whole and of any shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanRequest {
    pub execution: String,
    pub event: Value,
}

/// What `PlanFailures` gives: the faults that come to this execution, and no word of the attempts that are left alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedFaults {
    pub faults: Vec<PlannedFault>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedFault {
    pub state: FaultyState,
    /// The machine's retry count of the state, from 0.
    pub attempt: u32,
    pub fault: Fault,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_fault_is_a_word_and_a_slow_one_says_for_how_long() {
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
    fn a_state_is_written_by_its_name() {
        for state in FaultyState::ALL {
            assert_eq!(json!(state), state.as_str());
        }
    }
}
