//! The retry policies have one home: `statemachine/retry-policies.json`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::machine::{MACHINES, project, read};

#[derive(Deserialize)]
struct RetryPolicies {
    /// As they are written, because the machines have the same text.
    retriers: BTreeMap<String, Box<RawValue>>,
    /// The names of the retriers, by function or by API call.
    policies: BTreeMap<String, Vec<String>>,
}

impl RetryPolicies {
    fn read() -> Self {
        serde_json::from_str(&read("statemachine/retry-policies.json")).unwrap()
    }

    /// A machine's text with the policies in place of its `Retry` blocks. Each retrier is one line.
    fn written_to(&self, machine: &str) -> String {
        let mut lines = machine.lines();
        let mut written = String::new();
        let mut called = String::new();
        while let Some(line) = lines.next() {
            written.push_str(line);
            written.push('\n');
            if let Some(call) = between(line, "\"Resource\": \"arn:${Partition}:states:::", "\"") {
                call.clone_into(&mut called);
            } else if let Some(function) = between(line, "\"FunctionName\": \"${", "Arn}\"") {
                function.clone_into(&mut called);
            }
            let Some((indentation, "")) = line.split_once("\"Retry\": [") else { continue };
            let names = self.policies.get(&called).unwrap_or_else(|| panic!("no retry policy for {called}"));
            let retriers: Vec<String> =
                names.iter().map(|name| format!("{indentation}  {}", self.retriers[name].get())).collect();
            written.push_str(&retriers.join(",\n"));
            written.push_str(&format!("\n{indentation}],\n"));
            let end = format!("{indentation}],");
            lines.find(|line| *line == end).unwrap_or_else(|| panic!("the Retry of {called} does not end"));
        }
        written
    }
}

fn between<'a>(line: &'a str, start: &str, end: &str) -> Option<&'a str> {
    line.trim().strip_prefix(start)?.split_once(end).map(|(text, _)| text)
}

/// `UPDATE=1` rewrites the machines.
#[test]
fn machines_have_the_retries_of_the_policy_file() {
    let policies = RetryPolicies::read();
    for machine in MACHINES {
        let path = format!("statemachine/{machine}.asl.json");
        let (found, expected) = (read(&path), policies.written_to(&read(&path)));
        if found != expected && std::env::var_os("UPDATE").is_some() {
            std::fs::write(project().join(&path), expected).unwrap();
        } else {
            assert!(found == expected, "{path} has other retries: run this test with UPDATE=1");
        }
    }
}

#[test]
fn every_retrier_belongs_to_a_policy() {
    let RetryPolicies { retriers, policies } = RetryPolicies::read();
    for retrier in retriers.keys() {
        assert!(policies.values().any(|names| names.contains(retrier)), "{retrier} is in no policy");
    }
}
