//! What one state gives, the next one takes: unknown fields are refused on both sides, so a name that differs is found
//! here and not in production.

use std::collections::BTreeMap;

use contracts::{CheckFileRequest, FailureRequest, LoadRequest, Resolution, ResolveRequest};
use serde_json::{Map, Value, json};

use crate::machine::{Machine, list};
use crate::samples;

const EXECUTION: &str = "arn:aws:states:us-east-1:000000000000:execution:process-file:contract";

/// Evaluates the JSONata that payloads are made of, and no more: `$variable.path`, `$number('…')`, and
/// `$merge([$variable, {'field': $path}])`. An expression that needs more belongs in a function.
struct Expressions {
    variables: BTreeMap<&'static str, Value>,
}

impl Expressions {
    fn new(variables: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        let context = json!({"context": {"Execution": {"Id": EXECUTION}, "State": {"RetryCount": 2}}});
        let mut variables: BTreeMap<_, _> = variables.into_iter().collect();
        let states = variables.entry("states").or_insert_with(|| json!({}));
        states.as_object_mut().unwrap().extend(context.as_object().unwrap().clone());
        Self { variables }
    }

    fn fill(&self, template: &Value) -> Value {
        match template {
            Value::String(text) => match text.strip_prefix("{%").and_then(|text| text.strip_suffix("%}")) {
                Some(expression) => self.value_of(expression.trim()),
                None => template.clone(),
            },
            Value::Object(fields) => {
                fields.iter().map(|(name, value)| (name.clone(), self.fill(value))).collect::<Map<_, _>>().into()
            }
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect(),
            _ => template.clone(),
        }
    }

    fn value_of(&self, expression: &str) -> Value {
        if let Some(text) = inside(expression, "$number('", "')") {
            return json!(number_for(text));
        }
        if let Some((first, field, second)) = as_merge(expression) {
            let mut merged = self.path(first);
            merged[field] = self.path(second);
            return merged;
        }
        self.path(expression)
    }

    fn path(&self, path: &str) -> Value {
        let mut steps = path.strip_prefix('$').unwrap_or_else(|| panic!("not a variable: {path}")).split('.');
        let mut value = &self.variables[steps.next().unwrap()];
        for step in steps {
            value = value.get(step).unwrap_or_else(|| panic!("{path}: there is no {step}"));
        }
        value.clone()
    }
}

fn inside<'a>(text: &'a str, prefix: &str, suffix: &str) -> Option<&'a str> {
    text.strip_prefix(prefix)?.strip_suffix(suffix)
}

/// `$merge([FIRST, {'FIELD': SECOND}])`
fn as_merge(expression: &str) -> Option<(&str, &str, &str)> {
    let (first, field) = inside(expression, "$merge([", "}])")?.split_once(", {'")?;
    let (field, second) = field.split_once("': ")?;
    Some((first, field, second))
}

fn number_for(substitution: &str) -> Value {
    match substitution {
        "${ChaosRate}" => json!(0.5),
        "${ChaosSeed}" => json!(42),
        other => panic!("{other} is not a number that the template gives"),
    }
}

fn payload(machine: &Machine, state: &str, expressions: &Expressions) -> Value {
    expressions.fill(&machine.states[state]["Arguments"]["Payload"])
}

/// What a state assigns after its function has answered.
fn assigned(machine: &Machine, state: &str, answer: &Value) -> Map<String, Value> {
    let assign = machine.states[state]["Assign"].as_object().unwrap();
    let expressions = Expressions::new([("states", json!({"result": {"Payload": answer}}))]);
    let simple = assign.iter().filter(|(_, value)| !value.as_str().is_some_and(|text| text.contains('?')));
    simple.map(|(name, value)| (name.clone(), expressions.fill(value))).collect()
}

#[test]
fn check_file_extension_takes_the_event_as_it_came() {
    let event = json!({"detail-type": "Object Created", "detail": {"object": {"key": "a b+é%.csv"}}});
    let expressions = Expressions::new([("states", json!({"input": event}))]);
    let request: CheckFileRequest = decode(&payload(&Machine::read(), "CheckFileExtension", &expressions));
    assert_eq!((request.execution.as_str(), request.event), (EXECUTION, event));
}

#[test]
fn resolve_trigger_takes_what_check_file_extension_gives() {
    let machine = Machine::read();
    for checked in samples::checked_files() {
        let answer = serde_json::to_value(&checked).unwrap();
        let variables = assigned(&machine, "CheckFileExtension", &answer);
        let expressions = Expressions::new([
            ("object", answer["object"].clone()),
            ("file", variables["file"].clone()),
            ("waited_s", variables["waited_s"].clone()),
        ]);
        let request: ResolveRequest = decode(&payload(&machine, "ResolveTrigger", &expressions));
        assert_eq!(request.execution.as_deref(), Some(EXECUTION));
        assert_eq!((Some(request.object), request.file, request.waited_s), (checked.object, checked.file, 0));
    }
}

#[test]
fn load_file_takes_what_resolve_trigger_gives() {
    let machine = Machine::read();
    let answer = serde_json::to_value(Resolution::Load { load: samples::load_request() }).unwrap();
    let resolution = assigned(&machine, "ResolveTrigger", &answer)["resolution"].clone();
    let chosen = &list(&machine.states["ChooseByResolution"], "Choices")[0];
    let load = Expressions::new([("resolution", resolution)]).fill(&chosen["Assign"]["load"]);
    let request: LoadRequest = decode(&payload(&machine, "LoadFile", &Expressions::new([("load", load)])));
    assert_eq!(request, LoadRequest { execution: Some(EXECUTION.to_owned()), ..samples::load_request() });
}

#[test]
fn a_wait_is_counted_and_asked_about_again() {
    let machine = Machine::read();
    let wait = &machine.states["AwaitSource"];
    let Some(answer @ Resolution::Wait { pause_s, waited_s, .. }) =
        samples::resolutions().into_iter().find(|resolution| matches!(resolution, Resolution::Wait { .. }))
    else {
        panic!("no sample of a wait");
    };
    let expressions = Expressions::new([("resolution", serde_json::to_value(&answer).unwrap())]);
    assert_eq!(expressions.fill(&wait["Seconds"]), json!(pause_s));
    assert_eq!(expressions.fill(&wait["Assign"]["waited_s"]), json!(waited_s));
    assert_eq!(wait["Next"], "ResolveTrigger");
}

#[test]
fn inject_failure_rolls_with_the_stacks_seed_and_the_states_attempt() {
    let request: FailureRequest = decode(&payload(&Machine::read(), "InjectFailure", &Expressions::new([])));
    assert_eq!(request.execution, EXECUTION);
    assert_eq!((request.attempt, request.seed, request.failure_rate), (2, 42, 0.5));
}

#[test]
fn every_kind_decision_and_outcome_is_chosen_by_name() {
    let machine = Machine::read();
    let check = |state: &str, name: &Value| {
        let literal = format!("'{}'", name.as_str().unwrap());
        let mut conditions = list(&machine.states[state], "Choices").iter().map(|rule| rule["Condition"].to_string());
        assert!(conditions.any(|condition| condition.contains(&literal)), "{state} does not know {literal}");
    };
    for kind in samples::file_kinds() {
        check("ChooseByKind", &serde_json::to_value(kind).unwrap()["kind"]);
    }
    for resolution in samples::resolutions() {
        check("ChooseByResolution", &serde_json::to_value(resolution).unwrap()["decision"]);
    }
    for outcome in samples::outcomes() {
        check("ChooseNotice", &serde_json::to_value(outcome).unwrap());
    }
}

fn decode<T: serde::de::DeserializeOwned>(payload: &Value) -> T {
    serde_json::from_value(payload.clone()).unwrap_or_else(|error| panic!("{error}: {payload:#}"))
}
