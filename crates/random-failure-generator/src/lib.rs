//! Fails by chance, or says beforehand what is to fail, so that retries and notices are seen at work. Either is seeded:
//! the same seed, execution and attempt fail, or pass, again and again; a plan asks for the same failures of a key.

use fault_plan::Plan;
use function::InvalidInput;
use protocol::{Event, Failure, FailureName, FailureRequest, PlanRequest, PlannedFaults, SurvivalReport};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

#[derive(Debug, thiserror::Error)]
pub enum InjectError {
    #[error("rolled {roll:.6}, below the failure rate of {failure_rate} (seed {seed}, attempt {attempt})")]
    RandomFailure { roll: f64, failure_rate: f64, seed: u64, attempt: u32 },
    #[error("the failure rate {failure_rate} is not between 0 and 1")]
    RateOutOfRange { failure_rate: f64 },
    #[error(transparent)]
    InvalidInput(#[from] InvalidInput),
}

impl Failure for InjectError {
    fn name(&self) -> FailureName {
        match self {
            Self::RandomFailure { .. } => FailureName::RandomFailure,
            Self::RateOutOfRange { .. } => FailureName::InvalidInput,
            Self::InvalidInput(error) => error.name(),
        }
    }
}

/// What is answered, each to its own question.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To `InjectFailure`.
    Survived(SurvivalReport),
    /// To `PlanFailures`.
    Planned(PlannedFaults),
}

/// Answers either question, as the payload asks it: only one about a plan has the field `event`.
pub fn answer(plan: &Plan, payload: Value) -> Result<Answer, InjectError> {
    if payload.get("event").is_some() {
        Ok(Answer::Planned(planned(plan, &function::decode(payload)?)))
    } else {
        inject(&function::decode(payload)?).map(Answer::Survived)
    }
}

/// The faults that the plan has for the event's object. An event without one has none: what is wrong with it is for
/// `CheckFileExtension` to say.
fn planned(plan: &Plan, request: &PlanRequest) -> PlannedFaults {
    match Event::decode(&request.event) {
        Ok(Event::ObjectCreated(object)) => plan.faults_of(&object.key),
        Ok(Event::Test { .. }) | Err(_) => PlannedFaults::default(),
    }
}

/// Fails with the probability that the request asks for, or reports how narrowly it passed.
pub fn inject(request: &FailureRequest) -> Result<SurvivalReport, InjectError> {
    let FailureRequest { failure_rate, seed, attempt, .. } = *request;
    if !(0.0..=1.0).contains(&failure_rate) {
        return Err(InjectError::RateOutOfRange { failure_rate });
    }
    match roll(&mut generator(request), failure_rate) {
        Roll::Passed(roll) => Ok(SurvivalReport { roll, failure_rate, seed, attempt }),
        Roll::Failed(roll) => Err(InjectError::RandomFailure { roll, failure_rate, seed, attempt }),
    }
}

/// What was rolled, in [0, 1), and what it means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Roll {
    Passed(f64),
    Failed(f64),
}

/// At a rate of 0 every roll passes, at 1 none does.
pub fn roll(rng: &mut impl Rng, failure_rate: f64) -> Roll {
    let rolled = rng.random();
    if rolled < failure_rate { Roll::Failed(rolled) } else { Roll::Passed(rolled) }
}

fn generator(request: &FailureRequest) -> StdRng {
    let seed = Sha256::new()
        .chain_update(request.seed.to_be_bytes())
        .chain_update(request.attempt.to_be_bytes())
        .chain_update(request.execution.as_bytes())
        .finalize();
    StdRng::from_seed(seed.into())
}

#[cfg(test)]
mod tests {
    use protocol::FaultyState;
    use serde_json::json;

    use super::*;

    fn request(execution: &str, attempt: u32, seed: u64, failure_rate: f64) -> FailureRequest {
        FailureRequest { execution: execution.to_owned(), attempt, seed, failure_rate }
    }

    #[test]
    fn one_in_three_fails_when_one_in_three_is_asked_for() {
        let default: FailureRequest = serde_json::from_str(r#"{"execution": "arn:x"}"#).unwrap();
        let executions = 30_000;
        let failed = (0..executions)
            .filter(|attempt| inject(&FailureRequest { attempt: *attempt, ..default.clone() }).is_err())
            .count();
        // Five standard deviations of a binomial distribution: 5 × √(30,000 × 1/3 × 2/3) ≈ 408.
        assert!((9_592..=10_408).contains(&failed), "{failed} of {executions} failed");
    }

    #[test]
    fn the_same_request_fails_or_passes_again_and_again() {
        for attempt in 0..100 {
            let request = request("arn:x", attempt, 7, 0.5);
            let rolled = || inject(&request).map_err(|error| error.to_string());
            assert_eq!(rolled(), rolled());
        }
    }

    #[test]
    fn an_event_of_any_shape_is_told_what_comes_to_its_object() {
        let plan =
            Plan::parse("[[failures]]\nkey = \"*/orders a+b 100% café.csv\"\nattempts = [1]\nfault = \"crash-after\"")
                .unwrap();
        let check = |event: Value, faults: usize| {
            let answer = answer(&plan, json!({"execution": "arn:x", "event": event})).unwrap();
            assert!(matches!(&answer, Answer::Planned(it) if it.faults.len() == faults), "{event}: {answer:?}");
        };
        for event in [
            include_str!("../../../events/eventbridge-odd-key.resolve-trigger.json"),
            include_str!("../../../events/s3-notification-odd-key.resolve-trigger.json"),
        ] {
            check(serde_json::from_str(event).unwrap(), FaultyState::ALL.len());
        }
        check(json!({"bucket": "b", "key": "raw/orders.csv"}), 0);
        for nothing in [json!(null), json!([]), json!({}), json!({"Event": "s3:TestEvent", "Bucket": "b"})] {
            check(nothing, 0);
        }
    }

    #[test]
    fn a_question_that_is_neither_is_an_invalid_input() {
        let plan = Plan::default();
        for payload in [json!({"event": {}}), json!({"execution": "x", "event": {}, "x": 1}), json!({"sead": 1})] {
            let error = answer(&plan, payload).unwrap_err();
            assert_eq!(error.name(), FailureName::InvalidInput, "{error}");
        }
        let survived = answer(&plan, json!({"execution": "arn:x", "failure_rate": 0.0})).unwrap();
        assert!(matches!(survived, Answer::Survived(report) if report.failure_rate == 0.0));
    }

    #[test]
    fn seed_execution_and_attempt_each_roll_anew() {
        let rolled = |request: FailureRequest| inject(&request).unwrap().roll;
        let one = rolled(request("arn:x", 0, 7, 0.0));
        assert_ne!(one, rolled(request("arn:y", 0, 7, 0.0)));
        assert_ne!(one, rolled(request("arn:x", 1, 7, 0.0)));
        assert_ne!(one, rolled(request("arn:x", 0, 8, 0.0)));
    }

    #[test]
    fn zero_never_fails_and_one_always_does() {
        for attempt in 0..1_000 {
            assert!(inject(&request("arn:x", attempt, 0, 0.0)).is_ok());
            let error = inject(&request("arn:x", attempt, 0, 1.0)).unwrap_err();
            assert_eq!(error.name(), FailureName::RandomFailure);
        }
    }

    #[test]
    fn a_rate_that_is_no_probability_is_an_invalid_input() {
        for rate in [-0.1, 1.000_001, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let error = inject(&request("arn:x", 0, 0, rate)).unwrap_err();
            assert_eq!(error.name(), FailureName::InvalidInput, "{rate}");
        }
    }
}
