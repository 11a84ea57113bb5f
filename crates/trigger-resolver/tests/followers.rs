//! Which runs follow a run, and how the payload selects the request.
#![cfg(test)]

use definitions::Definitions;
use protocol::{Failure, FailureName, RunEnded, RunRef, RunStart};
use serde_json::json;
use trigger_resolver::{ResolverRequest, followers};

const RETAIL: &str = "[datasets.orders]\nsource = 'orders.csv'\ntable = 'orders'\n[run]\n";

fn ended(pipeline: &str, succeeded: bool) -> RunEnded {
    let logical_at = "2026-01-05T00:00:00Z".parse().unwrap();
    RunEnded { run: RunRef { run_id: 42, pipeline: pipeline.to_owned(), logical_at }, succeeded }
}

#[test]
fn every_declared_follower_starts() {
    let definitions = Definitions::parse([
        ("retail", RETAIL),
        ("reports", "[run]\nafter = 'retail'"),
        ("cleanup", "[run]\nafter_failure = 'retail'"),
        ("always", "[run]\nafter = 'retail'\nafter_failure = 'retail'"),
        ("later", "[run]\nafter = 'reports'"),
        ("broken", "[run]\nafter = 'retail'\nbefore = 7"),
        ("lost", "[run]\nafter = 'nobody'"),
        ("left", "[run]\nafter = 'right'"),
        ("right", "[run]\nafter = 'left'"),
    ]);
    let check = |pipeline: &str, succeeded: bool, expected: &[&str]| {
        let starts = followers(&definitions, &ended(pipeline, succeeded)).starts;
        let names: Vec<&str> = starts.iter().map(|start| start.pipeline.as_str()).collect();
        assert_eq!(names, expected, "{pipeline} {succeeded}");
    };
    check("retail", true, &["reports", "always"]);
    check("retail", false, &["cleanup", "always"]);
    check("reports", true, &["later"]);
    check("reports", false, &[]);
    check("nobody", true, &["lost"]);
    check("left", true, &[]);
}

#[test]
fn follower_has_the_period_of_its_leader() {
    let definitions = Definitions::parse([("reports", "[run]\nafter = 'retail'")]);
    let start = RunStart {
        pipeline: "reports".to_owned(),
        at: None,
        logical_at: "2026-01-05T00:00:00Z".parse().ok(),
        force: false,
        after_run_id: Some(42),
        rerun: None,
    };
    assert_eq!(followers(&definitions, &ended("retail", true)).starts, [start]);
}

#[test]
fn payload_selects_the_request() {
    let run = json!({"run_id": 42, "pipeline": "retail", "logical_at": "2026-01-05T00:00:00Z"});
    let file = json!({"object": {"bucket": "b", "key": "a.csv"}, "file": {"kind": "trigger"}});
    let asked = json!({"execution": "arn:x", "ended": {"run": run, "succeeded": false}});
    let Ok(ResolverRequest::Run(request)) = ResolverRequest::decode(asked) else { panic!("not a run") };
    assert_eq!((request.execution.as_deref(), request.ended), (Some("arn:x"), ended("retail", false)));
    assert!(matches!(ResolverRequest::decode(file), Ok(ResolverRequest::File(_))));

    let check = |payload: serde_json::Value, message: &str| {
        let error = ResolverRequest::decode(payload).unwrap_err();
        assert_eq!((error.name(), error.to_string().as_str()), (FailureName::InvalidInput, message));
    };
    check(
        json!({"ended": {"run": run, "suceeded": true}}),
        "invalid payload at `ended.suceeded`: unknown field `suceeded`, expected `run` or `succeeded`",
    );
    check(
        json!({"ended": {"run": {"run_id": "7"}}}),
        "invalid payload at `ended.run.run_id`: invalid type: string \"7\", expected i64",
    );
    check(json!({"object": {"bucket": "b"}}), "invalid payload at `object`: missing field `key`");
    check(json!("x"), "invalid payload at `.`: invalid type: string \"x\", expected struct ResolveRequest");
}
