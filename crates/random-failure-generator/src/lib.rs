//! The function behind `PlanFailures`: returns the faults that the stack's fault plan has for a file. With a direct
//! payload, `{"failure_rate": 0.33}`, it fails itself at that rate. Both are repeatable.

use fault_plan::FaultPlan;
use function::InvalidInput;
use protocol::{Event, Failure, FailureName, FailureRequest, PlanRequest, PlannedFaults, SurvivalReport};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

#[derive(Debug, thiserror::Error)]
pub enum InjectError {
    #[error("the random number {roll:.6} is below the failure rate {failure_rate} (seed {seed}, attempt {attempt})")]
    RandomFailure { roll: f64, failure_rate: f64, seed: u64, attempt: u32 },
    #[error("the failure rate is {failure_rate}, expected 0 to 1")]
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

/// The answer of the function.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Injection {
    /// To a direct payload.
    Survived(SurvivalReport),
    /// To `PlanFailures`.
    Planned(PlannedFaults),
}

/// Handles a payload. Only the payload of `PlanFailures` has the field `event`.
pub fn answer(plan: &FaultPlan, payload: Value) -> Result<Injection, InjectError> {
    if payload.get("event").is_some() {
        Ok(Injection::Planned(planned(plan, &function::decode(payload)?)))
    } else {
        inject(&function::decode(payload)?).map(Injection::Survived)
    }
}

/// Returns the faults for the event's object. An invalid event has none, because `CheckFileExtension` reports it.
fn planned(plan: &FaultPlan, request: &PlanRequest) -> PlannedFaults {
    match Event::decode(&request.event) {
        Ok(Event::ObjectCreated(object)) => plan.faults_of(&object.key),
        Ok(Event::Test { .. }) | Err(_) => PlannedFaults::default(),
    }
}

/// Fails at the requested rate.
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

/// A random number in [0, 1) and its result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Roll {
    Passed(f64),
    Failed(f64),
}

/// Compares a random number with the rate. At 0 every number passes, at 1 none.
pub fn roll(rng: &mut impl Rng, failure_rate: f64) -> Roll {
    let number = rng.random();
    if number < failure_rate { Roll::Failed(number) } else { Roll::Passed(number) }
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
    fn failure_rate_is_kept() {
        let default: FailureRequest = serde_json::from_str(r#"{"execution": "arn:x"}"#).unwrap();
        let executions = 30_000;
        let failed = (0..executions)
            .filter(|attempt| inject(&FailureRequest { attempt: *attempt, ..default.clone() }).is_err())
            .count();
        // Five standard deviations of a binomial distribution: 5 × √(30,000 × 1/3 × 2/3) ≈ 408.
        assert!((9_592..=10_408).contains(&failed), "{failed} of {executions} failed");
    }

    #[test]
    fn same_request_has_the_same_result() {
        for attempt in 0..100 {
            let request = request("arn:x", attempt, 7, 0.5);
            let rolled = || inject(&request).map_err(|error| error.to_string());
            assert_eq!(rolled(), rolled());
        }
    }

    #[test]
    fn event_of_any_shape_gets_its_faults() {
        let plan = FaultPlan::parse(
            "[[failures]]\nkey = \"*/orders a+b 100% café.csv\"\nattempts = [1]\nfault = \"crash-after\"",
        )
        .unwrap();
        let check = |event: Value, faults: usize| {
            let answer = answer(&plan, json!({"execution": "arn:x", "event": event})).unwrap();
            assert!(matches!(&answer, Injection::Planned(it) if it.faults.len() == faults), "{event}: {answer:?}");
        };
        for event in [
            include_str!("../../../events/eventbridge-special-characters.resolve-trigger.json"),
            include_str!("../../../events/s3-notification-special-characters.resolve-trigger.json"),
        ] {
            check(serde_json::from_str(event).unwrap(), FaultyState::ALL.len());
        }
        check(json!({"bucket": "b", "key": "raw/orders.csv"}), 0);
        for nothing in [json!(null), json!([]), json!({}), json!({"Event": "s3:TestEvent", "Bucket": "b"})] {
            check(nothing, 0);
        }
    }

    #[test]
    fn other_payload_is_an_invalid_input() {
        let plan = FaultPlan::default();
        for payload in [json!({"event": {}}), json!({"execution": "x", "event": {}, "x": 1}), json!({"sead": 1})] {
            let error = answer(&plan, payload).unwrap_err();
            assert_eq!(error.name(), FailureName::InvalidInput, "{error}");
        }
        let survived = answer(&plan, json!({"execution": "arn:x", "failure_rate": 0.0})).unwrap();
        assert!(matches!(survived, Injection::Survived(report) if report.failure_rate == 0.0));
    }

    #[test]
    fn random_number_depends_on_every_field() {
        let rolled = |request: FailureRequest| inject(&request).unwrap().roll;
        let one = rolled(request("arn:x", 0, 7, 0.0));
        assert_ne!(one, rolled(request("arn:y", 0, 7, 0.0)));
        assert_ne!(one, rolled(request("arn:x", 1, 7, 0.0)));
        assert_ne!(one, rolled(request("arn:x", 0, 8, 0.0)));
    }

    #[test]
    fn rate_zero_never_fails_and_one_always_fails() {
        for attempt in 0..1_000 {
            assert!(inject(&request("arn:x", attempt, 0, 0.0)).is_ok());
            let error = inject(&request("arn:x", attempt, 0, 1.0)).unwrap_err();
            assert_eq!(error.name(), FailureName::RandomFailure);
        }
    }

    #[test]
    fn rate_out_of_range_is_an_invalid_input() {
        for rate in [-0.1, 1.000_001, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let error = inject(&request("arn:x", 0, 0, rate)).unwrap_err();
            assert_eq!(error.name(), FailureName::InvalidInput, "{rate}");
        }
    }
}
