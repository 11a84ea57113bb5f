//! Reads the state machines, and checks the rules for all their states.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

pub(crate) const MACHINES: [&str; 4] = ["process-file", "run-pipeline", "sweep-runs", "reconcile"];

/// The states at which `process-file` can start: without and with a fault plan.
const STARTS: [&str; 2] = ["CheckFileExtension", "PlanFailures"];

pub(crate) struct Machine {
    pub(crate) name: &'static str,
    pub(crate) text: String,
    /// All states, with those of Maps. Names are unique in a machine.
    pub(crate) states: BTreeMap<String, Value>,
    /// The first states of the machine and of its Maps.
    pub(crate) starts: Vec<String>,
}

impl Machine {
    pub(crate) fn read(name: &'static str) -> Self {
        let text = read(&format!("statemachine/{name}.asl.json"));
        let definition: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(definition["QueryLanguage"], "JSONata");
        let mut machine = Self { name, text, states: BTreeMap::new(), starts: Vec::new() };
        machine.take(&definition);
        // The template says where process-file starts.
        if machine.starts[0] == "${StartAt}" {
            machine.starts.splice(..1, STARTS.map(str::to_owned));
        }
        machine
    }

    pub(crate) fn all() -> [Self; 4] {
        MACHINES.map(Self::read)
    }

    fn take(&mut self, definition: &Value) {
        self.starts.extend(definition["StartAt"].as_str().map(str::to_owned));
        for (name, state) in definition["States"].as_object().unwrap() {
            assert!(self.states.insert(name.clone(), state.clone()).is_none(), "{}: two states {name}", self.name);
            if state["Type"] == "Map" {
                self.take(&state["ItemProcessor"]);
            }
        }
    }

    pub(crate) fn state(&self, name: &str) -> &Value {
        self.states.get(name).unwrap_or_else(|| panic!("{} has no {name}", self.name))
    }

    pub(crate) fn tasks(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.states.iter().filter(|(_, state)| state["Type"] == "Task").map(|(name, state)| (name.as_str(), state))
    }

    /// Returns the states that call a function, and the function.
    pub(crate) fn calls(&self) -> impl Iterator<Item = (&str, &Value, &str)> {
        self.tasks().filter_map(|(name, state)| {
            let function = state["Arguments"]["FunctionName"].as_str()?;
            Some((name, state, function.strip_prefix("${")?.strip_suffix("Arn}")?))
        })
    }

    /// Returns the names of the placeholders `${Name}`.
    pub(crate) fn substitutions(&self) -> BTreeSet<String> {
        let after_openings = self.text.split("${").skip(1);
        after_openings.map(|rest| rest.split_once('}').expect("a closed substitution").0.to_owned()).collect()
    }
}

/// Reads a file of the project.
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

/// Returns the possible next states of a state.
pub(crate) fn next(state: &Value) -> impl Iterator<Item = &str> {
    let ways = [state].into_iter().chain(list(state, "Choices")).chain(list(state, "Catch"));
    ways.map(|way| &way["Next"]).chain([&state["Default"]]).filter_map(Value::as_str)
}

#[test]
fn every_state_has_a_comment() {
    for machine in Machine::all() {
        for (name, state) in &machine.states {
            assert!(state["Comment"].as_str().is_some_and(|comment| comment.len() > 20), "{name} has no Comment");
        }
    }
}

#[test]
fn every_state_is_reachable() {
    for machine in Machine::all() {
        let mut reached = BTreeSet::new();
        // Step Functions refuses a state that cannot be reached from StartAt, so one start must do.
        let starts = machine.starts.iter().filter(|start| *start != "PlanFailures");
        let mut open: Vec<&str> = starts.map(String::as_str).collect();
        while let Some(name) = open.pop() {
            if reached.insert(name) {
                open.extend(next(machine.state(name)));
            }
        }
        let all: BTreeSet<&str> = machine.states.keys().map(String::as_str).collect();
        assert_eq!(reached, all, "{}", machine.name);
    }
}

#[test]
fn every_task_has_a_timeout_and_a_catch() {
    for machine in Machine::all() {
        for (name, task) in machine.tasks() {
            assert!(task["TimeoutSeconds"].as_u64().is_some_and(|seconds| seconds > 0), "{name} has no timeout");
        }
        for (name, state) in
            machine.states.iter().filter(|(_, state)| state["Type"] == "Task" || state["Type"] == "Map")
        {
            let last = list(state, "Catch").last().unwrap_or_else(|| panic!("{name} catches nothing"));
            assert_eq!(last["ErrorEquals"], serde_json::json!(["States.ALL"]), "{name}");
        }
    }
}

/// A Choice cannot catch errors, so its default must lead to a notice with a failure name.
#[test]
fn every_choice_has_a_default() {
    for machine in Machine::all() {
        for (name, state) in machine.states.iter().filter(|(_, state)| state["Type"] == "Choice") {
            let default = state["Default"].as_str().unwrap_or_else(|| panic!("{name} has no Default"));
            let named = ["failure", "stopped"].iter().any(|variable| state["Assign"][variable]["Error"].is_string());
            assert!(!default.starts_with("Describe") || named, "{name}");
        }
    }
}

#[test]
fn every_retry_has_backoff_jitter_and_a_limit() {
    for machine in Machine::all() {
        for (name, task) in machine.tasks() {
            assert!(!list(task, "Retry").is_empty(), "{name} is never retried");
            for retry in list(task, "Retry") {
                assert_eq!(retry["JitterStrategy"], "FULL", "{name}: {retry}");
                assert!(retry["BackoffRate"].as_f64().is_some_and(|rate| rate > 1.0), "{name}: {retry}");
                assert!(retry["MaxDelaySeconds"].is_u64() && retry["MaxAttempts"].is_u64(), "{name}: {retry}");
                // The first retry comes soon, or tests on a laptop would be slow.
                assert_eq!(retry["IntervalSeconds"], 1, "{name}: {retry}");
            }
        }
    }
}

#[test]
fn states_of_one_name_are_equal() {
    let mut first: BTreeMap<String, (&str, Value)> = BTreeMap::new();
    for machine in Machine::all() {
        for (name, state) in machine.states {
            if ["Succeed", "Fail"].iter().any(|end| state["Type"] == *end) {
                continue;
            }
            let (where_first, known) = first.entry(name.clone()).or_insert((machine.name, state.clone()));
            for field in ["Type", "Resource", "Arguments", "TimeoutSeconds", "Retry", "Assign"] {
                assert_eq!(state[field], known[field], "{name} of {} and {where_first}: {field}", machine.name);
            }
        }
    }
}

#[test]
fn production_never_enters_fault_injection() {
    let machine = Machine::read("process-file");
    for (name, state) in &machine.states {
        for rule in list(state, "Choices").iter().filter(|rule| rule["Next"] == "PlanFailures") {
            assert_eq!(rule["Condition"], "{% false %}", "{name}");
        }
        assert!(list(state, "Catch").iter().all(|catch| catch["Next"] != "PlanFailures"), "{name}");
        assert!(state["Next"] != "PlanFailures" && state["Default"] != "PlanFailures", "{name}");
    }
    let template = read("infra/template.yaml");
    assert!(template.contains("        StartAt: !If [HasChaosPlan, PlanFailures, CheckFileExtension]\n"));
}

/// Returns the most states that a successful execution enters from this one on, except `without`.
fn longest(machine: &Machine, state: &str, without: &[&str]) -> Option<usize> {
    let definition = machine.state(state);
    if without.contains(&state) || definition["Type"] == "Fail" {
        return None;
    }
    let ends = definition["End"] == true || definition["Type"] == "Succeed";
    let regular = [definition].into_iter().chain(list(definition, "Choices"));
    let follows = regular.map(|way| &way["Next"]).chain([&definition["Default"]]).filter_map(Value::as_str);
    let rest = follows.filter_map(|next| longest(machine, next, without)).max();
    rest.or(ends.then_some(0)).map(|rest| rest + 1)
}

/// Each entered state is a transition, which costs money and time.
#[test]
fn data_file_takes_few_transitions() {
    let machine = Machine::read("process-file");
    // Only a trigger waits for its data, and only a failure is described.
    let without = ["ChooseAwaited", "DescribeFailure", "PlanFailures"];
    let with_notice = longest(&machine, "CheckFileExtension", &without).unwrap();
    assert!(with_notice <= 9, "{with_notice} transitions with a notice");
    let without_notice = longest(&machine, "CheckFileExtension", &[&without[..], &["NotifySuccess"]].concat()).unwrap();
    assert!(without_notice <= 8, "{without_notice} transitions without a notice");
}

#[test]
fn resource_arns_have_no_fixed_partition() {
    for machine in Machine::all() {
        for (name, task) in machine.tasks() {
            assert!(task["Resource"].as_str().unwrap().starts_with("arn:${Partition}:states:::"), "{name}");
        }
        assert!(!machine.text.contains("arn:aws:"), "{}", machine.name);
    }
    let template = read("infra/template.yaml");
    let fixed = template.lines().filter(|line| line.contains("arn:aws:") && !line.contains("Description:"));
    assert_eq!(fixed.collect::<Vec<_>>(), Vec::<&str>::new());
}
