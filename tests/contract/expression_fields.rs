//! The fields in the expressions of the machines exist in the payloads. Otherwise a field renamed in Rust would be
//! missing in a notice, without an error.

use protocol::RunEnded;
use serde_json::{Value, json};

use crate::machine::Machine;
use crate::samples;

/// Merges the fields of all variants: an expression may read any of them.
fn union(values: impl IntoIterator<Item = impl serde::Serialize>) -> Value {
    let mut fields = serde_json::Map::new();
    for value in values {
        let value = serde_json::to_value(value).unwrap();
        fields.extend(value.as_object().unwrap().clone());
    }
    fields.into()
}

/// Returns the answer of a state's function.
fn answer_to(state: &str) -> Value {
    match state {
        "PlanFailures" => json!(samples::planned_faults()),
        "CheckFileExtension" => union(samples::checked_files()),
        "ResolveTrigger" => union(samples::resolutions()),
        "LoadFile" => json!(samples::load_report()),
        "RunTransforms" => json!(samples::run_report()),
        "OpenRun" => union(samples::opened_runs()),
        "CloseRun" => json!(samples::failed_run()),
        "ResolveRuns" => json!(samples::followers()),
        "RecordFailure" => json!(samples::recorded_failure()),
        "SweepRuns" => json!(samples::sweep()),
        "Reconcile" => json!(samples::reconciliation()),
        _ => Value::Null,
    }
}

/// Returns the payload at the start of a path, and the rest of the path. Returns `None` for other values.
fn holder<'a>(state: &str, path: &'a str) -> Option<(Value, &'a str)> {
    let holders = [
        ("$states.result.Payload", answer_to(state)),
        ("$states.input.report", json!(samples::load_report())),
        ("$states.input.detail", json!(RunEnded { run: samples::run(), succeeded: true })),
        ("$states.input.run", json!(samples::run())),
        ("$r", if state == "RunTransforms" { json!(samples::run_report()) } else { json!(samples::load_report()) }),
        ("$run_report", json!(samples::run_report())),
        ("$run", json!(samples::run())),
        ("$closed", json!(samples::failed_run())),
        ("$sweep", json!(samples::sweep())),
        ("$reconciled", json!(samples::reconciliation())),
        ("$states.input.object", json!(samples::object("key"))),
        ("$plan", json!(samples::planned_faults())),
        ("$file", union(samples::file_kinds())),
        ("$reload", json!(samples::reload())),
        ("$resolution", union(samples::resolutions())),
        ("$load", json!(samples::load_request())),
        ("$object", json!(samples::object("key"))),
        ("$failed", samples::described_failure()),
    ];
    holders.into_iter().find_map(|(name, value)| {
        let rest = path.strip_prefix(name)?;
        (rest.is_empty() || rest.starts_with('.')).then_some((value, rest))
    })
}

/// Returns the paths that an expression reads, such as `$load.object.key`.
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
        // The states of a Map are checked by themselves.
        Value::Object(fields) => {
            let own = fields.iter().filter(|(name, _)| *name != "ItemProcessor");
            own.for_each(|(_, value)| expressions(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        _ => {}
    }
}

/// Returns true if the path leads to a field, also through the first item of a list.
fn has(payload: &Value, path: &str) -> bool {
    path.split('.')
        .filter(|step| !step.is_empty())
        .try_fold(payload, |value, step| value.get(step).or_else(|| value.get(0)?.get(step)))
        .is_some()
}

#[test]
fn fields_in_expressions_exist_in_rust() {
    let mut checked = 0;
    for machine in Machine::all() {
        for (state, definition) in &machine.states {
            let mut found = Vec::new();
            expressions(definition, &mut found);
            for path in found.into_iter().flat_map(paths) {
                let Some((payload, rest)) = holder(state, path) else { continue };
                assert!(has(&payload, rest), "{state} of {} reads {path}, which no payload has", machine.name);
                checked += 1;
            }
        }
    }
    assert!(checked > 100, "only {checked} paths were found");
}
