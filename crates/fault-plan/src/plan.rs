//! Parses `chaos.toml` and selects the faults of an object.
//!
//! ```toml
//! seed = 42
//!
//! [[failures]]
//! state = "LoadFile"        # default: every state
//! key = "raw/*/orders.csv"  # default: every key
//! attempts = [0, 1]         # default: every attempt; the first is 0
//! probability = 0.25        # default: 1
//! fault = "crash-after"     # or transient, permanent, slow, crash-before
//! ```

use std::str::FromStr;

use protocol::{Failure, FailureName, Fault, FaultyState, PlannedFault, PlannedFaults};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::pattern::KeyPattern;

/// The largest plan. All environment variables of a Lambda have 4 KiB together, and the function has others.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>
pub const PLAN_BYTES_MAX: usize = 3_500;

/// The attempts that a plan covers. They are more than the state machine makes, so a fault of every attempt exhausts
/// the retries.
pub const ATTEMPTS_PLANNED: u32 = 8;

/// The longest pause of a slow attempt. It is far below every timeout.
const SLOW_MS_MAX: u64 = 60_000;

/// A fault plan. It is repeatable: the same plan always selects the same faults for a key.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultPlan {
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    failures: Vec<FaultRule>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultRule {
    state: Option<FaultyState>,
    key: Option<KeyPattern>,
    attempts: Option<Vec<u32>>,
    #[serde(default = "always")]
    probability: f64,
    fault: FaultKind,
    /// Only for `slow`.
    slow_ms: Option<u64>,
}

fn always() -> f64 {
    1.0
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FaultKind {
    Transient,
    Permanent,
    Slow,
    CrashBefore,
    CrashAfter,
}

/// One attempt of a state for a key.
#[derive(Clone, Copy, Debug)]
struct Attempt<'a> {
    state: FaultyState,
    key: &'a str,
    /// From 0.
    number: u32,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid fault plan: {0}")]
pub struct InvalidPlan(String);

impl Failure for InvalidPlan {
    fn name(&self) -> FailureName {
        FailureName::InvalidConfiguration
    }
}

impl FaultPlan {
    /// Parses and checks a `chaos.toml`. Errors name the line or the number of the failure.
    pub fn parse(text: &str) -> Result<Self, InvalidPlan> {
        if text.len() > PLAN_BYTES_MAX {
            return Err(InvalidPlan(format!("{} bytes, expected at most {PLAN_BYTES_MAX}", text.len())));
        }
        let plan: Self = toml::from_str(text).map_err(|error| InvalidPlan(error.to_string().trim_end().to_owned()))?;
        for (rule, number) in plan.failures.iter().zip(1..) {
            rule.check().map_err(|reason| InvalidPlan(format!("failure {number}: {reason}")))?;
        }
        Ok(plan)
    }

    /// Returns the faults of an object with this key. They are the same for every execution.
    pub fn faults_of(&self, key: &str) -> PlannedFaults {
        let attempts = FaultyState::ALL.into_iter().flat_map(|state| (0..ATTEMPTS_PLANNED).map(move |it| (state, it)));
        let planned = |(state, attempt)| {
            let fault = self.fault_at(Attempt { state, key, number: attempt })?;
            Some(PlannedFault { state, attempt, fault })
        };
        PlannedFaults { faults: attempts.filter_map(planned).collect() }
    }

    /// Returns the fault of the first rule that applies to this attempt.
    fn fault_at(&self, attempt: Attempt<'_>) -> Option<Fault> {
        let applies = |(number, rule): &(usize, &FaultRule)| {
            rule.matches(attempt) && self.random(*number, attempt) < rule.probability
        };
        self.failures.iter().enumerate().find(applies).map(|(_, rule)| rule.fault())
    }

    /// Returns a random number in [0, 1). The execution's name has no influence, so that a plan is repeatable.
    fn random(&self, number: usize, Attempt { state, key, number: attempt }: Attempt<'_>) -> f64 {
        let seed = Sha256::new()
            .chain_update(self.seed.to_be_bytes())
            .chain_update(number.to_be_bytes())
            .chain_update(attempt.to_be_bytes())
            .chain_update(state.as_str())
            // Separates state and key. No state name contains this byte.
            .chain_update(b"\xff")
            .chain_update(key)
            .finalize();
        StdRng::from_seed(seed.into()).random()
    }
}

impl FromStr for FaultPlan {
    type Err = InvalidPlan;

    fn from_str(text: &str) -> Result<Self, InvalidPlan> {
        Self::parse(text)
    }
}

impl FaultRule {
    fn check(&self) -> Result<(), String> {
        if !(0.0..=1.0).contains(&self.probability) {
            return Err(format!("the probability is {}, expected 0 to 1", self.probability));
        }
        match (self.fault, self.slow_ms) {
            (FaultKind::Slow, None) => Err("`fault = \"slow\"` requires `slow_ms`".to_owned()),
            (FaultKind::Slow, Some(ms)) if ms > SLOW_MS_MAX => {
                Err(format!("slow_ms is {ms}, expected at most {SLOW_MS_MAX}"))
            }
            (FaultKind::Transient | FaultKind::Permanent | FaultKind::CrashBefore | FaultKind::CrashAfter, Some(_)) => {
                Err("`slow_ms` requires `fault = \"slow\"`".to_owned())
            }
            (_, None) | (FaultKind::Slow, Some(_)) => Ok(()),
        }
    }

    fn matches(&self, Attempt { state, key, number }: Attempt<'_>) -> bool {
        self.state.is_none_or(|wanted| wanted == state)
            && self.key.as_ref().is_none_or(|pattern| pattern.matches(key))
            && self.attempts.as_ref().is_none_or(|attempts| attempts.contains(&number))
    }

    fn fault(&self) -> Fault {
        match self.fault {
            FaultKind::Transient => Fault::Transient,
            FaultKind::Permanent => Fault::Permanent,
            FaultKind::Slow => Fault::Slow { ms: self.slow_ms.unwrap_or_default() },
            FaultKind::CrashBefore => Fault::CrashBefore,
            FaultKind::CrashAfter => Fault::CrashAfter,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> FaultPlan {
        FaultPlan::parse(text).unwrap()
    }

    fn at(state: FaultyState, key: &str, number: u32) -> Attempt<'_> {
        Attempt { state, key, number }
    }

    #[test]
    fn empty_plan_has_no_faults() {
        assert_eq!(plan("").fault_at(at(FaultyState::LoadFile, "a.csv", 0)), None);
    }

    #[test]
    fn rule_matches_state_key_and_attempts() {
        let plan =
            plan("[[failures]]\nstate = \"LoadFile\"\nkey = \"raw/*.csv\"\nattempts = [0, 2]\nfault = \"crash-after\"");
        let check = |attempt, expected| assert_eq!(plan.fault_at(attempt), expected, "{attempt:?}");
        check(at(FaultyState::LoadFile, "raw/a.csv", 0), Some(Fault::CrashAfter));
        check(at(FaultyState::LoadFile, "raw/a.csv", 1), None);
        check(at(FaultyState::LoadFile, "raw/a.csv", 2), Some(Fault::CrashAfter));
        check(at(FaultyState::LoadFile, "raw/a.json", 0), None);
        check(at(FaultyState::ResolveTrigger, "raw/a.csv", 0), None);
    }

    #[test]
    fn every_kind_of_fault_parses() {
        let check = |fault: &str, expected| {
            let plan = plan(&format!("[[failures]]\nfault = {fault}"));
            assert_eq!(plan.fault_at(at(FaultyState::CheckFileExtension, "", 9)), Some(expected), "{fault}");
        };
        check("\"transient\"", Fault::Transient);
        check("\"permanent\"", Fault::Permanent);
        check("\"slow\"\nslow_ms = 250", Fault::Slow { ms: 250 });
        check("\"crash-before\"", Fault::CrashBefore);
        check("\"crash-after\"", Fault::CrashAfter);
    }

    #[test]
    fn first_rule_that_applies_wins() {
        let text = "[[failures]]\nprobability = 0\nfault = \"permanent\"\n\
                    [[failures]]\nfault = \"transient\"\n[[failures]]\nfault = \"crash-before\"";
        assert_eq!(plan(text).fault_at(at(FaultyState::RunTransforms, "retail", 0)), Some(Fault::Transient));
    }

    #[test]
    fn faults_of_a_key_list_its_attempts() {
        let plan = plan(
            "[[failures]]\nstate = \"LoadFile\"\nkey = \"*.csv\"\nattempts = [0, 2]\nfault = \"crash-after\"\n\
             [[failures]]\nstate = \"CloseRun\"\nfault = \"transient\"",
        );
        let fault = |state, attempt, fault| PlannedFault { state, attempt, fault };
        let always: Vec<_> =
            (0..ATTEMPTS_PLANNED).map(|it| fault(FaultyState::CloseRun, it, Fault::Transient)).collect();
        let first = [0, 2].map(|it| fault(FaultyState::LoadFile, it, Fault::CrashAfter));
        assert_eq!(plan.faults_of("a.csv").faults, [&first[..], &always].concat());
        assert_eq!(plan.faults_of("a.json").faults, always);
    }

    #[test]
    fn probability_is_kept_and_repeatable() {
        let plan = plan("seed = 7\n[[failures]]\nprobability = 0.25\nfault = \"transient\"");
        let failing = |plan: &FaultPlan| -> Vec<u32> {
            (0..10_000)
                .filter(|attempt| plan.fault_at(at(FaultyState::LoadFile, "a.csv", *attempt)).is_some())
                .collect()
        };
        let first = failing(&plan);
        // Five standard deviations of a binomial distribution: 5 × √(10,000 × 1/4 × 3/4) ≈ 217.
        assert!((2_283..=2_717).contains(&first.len()), "{} of 10,000", first.len());
        assert_eq!(failing(&plan), first);
        assert_ne!(failing(&self::plan("seed = 8\n[[failures]]\nprobability = 0.25\nfault = \"transient\"")), first);
    }

    #[test]
    fn random_number_depends_on_every_part() {
        let plan = plan("seed = 1");
        let one = plan.random(0, at(FaultyState::LoadFile, "a", 0));
        for other in [
            at(FaultyState::LoadFile, "b", 0),
            at(FaultyState::LoadFile, "a", 1),
            at(FaultyState::RunTransforms, "a", 0),
        ] {
            assert_ne!(plan.random(0, other).to_bits(), one.to_bits(), "{other:?}");
        }
        assert_ne!(plan.random(1, at(FaultyState::LoadFile, "a", 0)).to_bits(), one.to_bits());
        assert_ne!(self::plan("seed = 2").random(0, at(FaultyState::LoadFile, "a", 0)).to_bits(), one.to_bits());
    }

    #[test]
    fn invalid_plan_is_an_error_with_its_place() {
        let check = |text: &str, part: &str| {
            let error = FaultPlan::parse(text).unwrap_err();
            assert_eq!(error.name(), FailureName::InvalidConfiguration);
            assert!(error.to_string().contains(part), "{error}\nhas no\n{part}");
        };
        check("seed = -1", "seed");
        check("sed = 1", "unknown field `sed`");
        check("[[failures]]\nfault = \"slow\"", "failure 1: `fault = \"slow\"` requires `slow_ms`");
        check("[[failures]]\nfault = \"slow\"\nslow_ms = 60001", "at most 60000");
        check("[[failures]]\nfault = \"transient\"\nslow_ms = 1", "`slow_ms` requires");
        check(
            "[[failures]]\nfault = \"transient\"\n[[failures]]\nfault = \"transient\"\nprobability = 1.5",
            "failure 2: ",
        );
        check("[[failures]]\nfault = \"transient\"\nprobability = nan", "expected 0 to 1");
        check("[[failures]]\nfault = \"explode\"", "unknown variant `explode`");
        check("[[failures]]\nstate = \"Load\"\nfault = \"transient\"", "unknown variant `Load`");
        check("[[failures]]\n", "missing field `fault`");
        check("seed = ", "line 1");
        check(&format!("#{}", "x".repeat(PLAN_BYTES_MAX)), "3501 bytes");
    }
}
