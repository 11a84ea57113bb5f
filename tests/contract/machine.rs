//! `process-file.asl.json` as the tests look at it, and what holds for every one of its states.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The states that call a function of ours.
pub(crate) const FUNCTION_STATES: [&str; 4] = ["CheckFileExtension", "ResolveTrigger", "InjectFailure", "LoadFile"];

pub(crate) struct Machine {
    pub(crate) text: String,
    pub(crate) states: BTreeMap<String, Value>,
}

impl Machine {
    pub(crate) fn read() -> Self {
        let text = read("statemachine/process-file.asl.json");
        let machine: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(machine["QueryLanguage"], "JSONata");
        let states = machine["States"].as_object().unwrap();
        Self { states: states.iter().map(|(name, state)| (name.clone(), state.clone())).collect(), text }
    }

    pub(crate) fn tasks(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.states.iter().filter(|(_, state)| state["Type"] == "Task").map(|(name, state)| (name.as_str(), state))
    }

    /// The names that stand in the machine as `${Name}`.
    pub(crate) fn substitutions(&self) -> BTreeSet<String> {
        let after_openings = self.text.split("${").skip(1);
        after_openings.map(|rest| rest.split_once('}').expect("a closed substitution").0.to_owned()).collect()
    }
}

/// A file of the project, by its path in it.
pub(crate) fn read(path: &str) -> String {
    let path = project().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub(crate) fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().map_or(&[], Vec::as_slice)
}

#[test]
fn every_state_says_what_it_is_for() {
    for (name, state) in &Machine::read().states {
        assert!(state["Comment"].as_str().is_some_and(|comment| comment.len() > 20), "{name} has no Comment");
    }
}

#[test]
fn every_task_ends_in_time_and_catches_everything() {
    let machine = Machine::read();
    for (name, task) in machine.tasks() {
        assert!(task["TimeoutSeconds"].as_u64().is_some_and(|seconds| seconds > 0), "{name} may run for ever");
        let last = list(task, "Catch").last().unwrap_or_else(|| panic!("{name} catches nothing"));
        assert_eq!(last["ErrorEquals"], serde_json::json!(["States.ALL"]), "{name}");
    }
    for name in FUNCTION_STATES {
        for catch in list(&machine.states[name], "Catch") {
            assert_eq!(catch["Next"], "DescribeFailure", "{name}");
        }
    }
    assert_eq!(machine.states["DescribeFailure"]["Next"], "NotifyFailure");
}

/// A Choice cannot catch: what none of its rules knows must still reach a notice, with a name.
#[test]
fn every_choice_has_a_way_out_for_what_it_does_not_know() {
    for (name, state) in Machine::read().states.iter().filter(|(_, state)| state["Type"] == "Choice") {
        let default = state["Default"].as_str().unwrap_or_else(|| panic!("{name} has no Default"));
        assert!(default != "DescribeFailure" || state["Assign"]["failure"]["Error"].is_string(), "{name}");
    }
}

#[test]
fn every_retry_backs_off_with_jitter_and_a_ceiling() {
    for (name, task) in Machine::read().tasks() {
        let retries = list(task, "Retry");
        assert!(!retries.is_empty(), "{name} is never retried");
        for retry in retries {
            assert_eq!(retry["JitterStrategy"], "FULL", "{name}: {retry}");
            assert!(retry["BackoffRate"].as_f64().is_some_and(|rate| rate > 1.0), "{name}: {retry}");
            assert!(retry["MaxDelaySeconds"].is_u64() && retry["MaxAttempts"].is_u64(), "{name}: {retry}");
            // The first try again is quick, or a laptop and its tests would be slow.
            assert_eq!(retry["IntervalSeconds"], 1, "{name}: {retry}");
        }
    }
}
