//! Every field that an expression of the machine names is one that a payload has: a field renamed in Rust would leave
//! a notice without it, silently.

use serde_json::{Value, json};

use crate::machine::Machine;
use crate::samples;

/// Fields of every variant together: an expression may name any of them.
fn union(values: impl IntoIterator<Item = impl serde::Serialize>) -> Value {
    let mut fields = serde_json::Map::new();
    for value in values {
        let value = serde_json::to_value(value).unwrap();
        fields.extend(value.as_object().unwrap().clone());
    }
    fields.into()
}

/// What a state's function answers.
fn answer_to(state: &str) -> Value {
    match state {
        "CheckFileExtension" => union(samples::checked_files()),
        "ResolveTrigger" => union(samples::resolutions()),
        "InjectFailure" => json!(samples::survival_report()),
        "LoadFile" => json!(samples::load_report()),
        _ => Value::Null,
    }
}

/// What a path that an expression of this state begins with holds; none when it is not a payload of ours.
fn holder<'a>(state: &str, path: &'a str) -> Option<(Value, &'a str)> {
    let holders = [
        ("$states.result.Payload", answer_to(state)),
        ("$states.input.report", json!(samples::load_report())),
        ("$r", json!(samples::load_report())),
        ("$file", union(samples::file_kinds())),
        ("$resolution", union(samples::resolutions())),
        ("$load", json!(samples::load_request())),
        ("$object", json!(samples::object("key"))),
        ("$about", json!(samples::object("key"))),
    ];
    holders.into_iter().find_map(|(name, value)| {
        let rest = path.strip_prefix(name)?;
        (rest.is_empty() || rest.starts_with('.')).then_some((value, rest))
    })
}

/// The paths that an expression reads, such as `$load.object.key`.
fn paths(expression: &str) -> impl Iterator<Item = &str> {
    expression.match_indices('$').map(|(at, _)| {
        let rest = &expression[at..];
        let end = rest[1..]
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.')
            .map_or(rest.len(), |end| end + 1);
        rest[..end].trim_end_matches('.')
    })
}

fn expressions<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) if text.starts_with("{%") => found.push(text),
        Value::Object(fields) => fields.values().for_each(|value| expressions(value, found)),
        Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        _ => {}
    }
}

#[test]
fn every_field_that_an_expression_names_exists_in_rust() {
    let mut checked = 0;
    for (state, definition) in &Machine::read().states {
        let mut found = Vec::new();
        expressions(definition, &mut found);
        for path in found.into_iter().flat_map(paths) {
            let Some((payload, rest)) = holder(state, path) else { continue };
            let pointer = rest.replace('.', "/");
            assert!(payload.pointer(&pointer).is_some(), "{state} reads {path}, which no payload has");
            checked += 1;
        }
    }
    assert!(checked > 40, "only {checked} paths were found");
}
