//! Fails by chance, so that retries and notices are seen at work. The chance is seeded: the same seed, execution and
//! attempt fail, or pass, again and again.

mod pattern;
mod plan;

use contracts::{Failure, FailureName, FailureRequest, SurvivalReport};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use sha2::{Digest, Sha256};

pub use pattern::KeyPattern;
pub use plan::{Fault, InvalidPlan, Moment, Plan, State};

#[derive(Debug, PartialEq, thiserror::Error)]
pub enum InjectError {
    #[error("rolled {roll:.6}, below the failure rate of {failure_rate} (seed {seed}, attempt {attempt})")]
    RandomFailure { roll: f64, failure_rate: f64, seed: u64, attempt: u32 },
    #[error("the failure rate {failure_rate} is not between 0 and 1")]
    RateOutOfRange { failure_rate: f64 },
}

impl Failure for InjectError {
    fn name(&self) -> FailureName {
        match self {
            Self::RandomFailure { .. } => FailureName::RandomFailure,
            Self::RateOutOfRange { .. } => FailureName::InvalidInput,
        }
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
            assert_eq!(inject(&request), inject(&request));
        }
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
