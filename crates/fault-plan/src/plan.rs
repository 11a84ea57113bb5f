//! Which failures are to come: `chaos.toml`, read once and asked about every object.
//!
//! ```toml
//! seed = 42
//!
//! [[failures]]
//! state = "LoadFile"        # every state, when left out
//! key = "raw/*/orders.csv"  # every key
//! attempts = [0, 1]         # every attempt; the first is 0
//! probability = 0.25        # 1
//! fault = "crash-after"     # or transient, permanent, slow, crash-before
//! ```

use std::str::FromStr;

use protocol::{Failure, FailureName, Fault, FaultyState, PlannedFault, PlannedFaults};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::KeyPattern;

/// A parameter of CloudFormation has 4,096 characters, all variables of a Lambda 4 KiB, in which others need room too.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>
pub const PLAN_BYTES_MAX: usize = 3_500;

/// More than the machine tries again after a failure that comes every time: whoever plans one for every attempt sees
/// the retries end.
pub const ATTEMPTS_PLANNED: u32 = 8;

/// No state is slower than this: a plan tries patience, and does not end it.
const SLOW_MS_MAX: u64 = 60_000;

/// A repeatable series of failures: the same plan asked about the same moment gives the same answer, in any order of
/// asking.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    failures: Vec<Planned>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Planned {
    state: Option<FaultyState>,
    key: Option<KeyPattern>,
    attempts: Option<Vec<u32>>,
    #[serde(default = "always")]
    probability: f64,
    fault: Kind,
    /// For `slow`, and only for it.
    slow_ms: Option<u64>,
}

fn always() -> f64 {
    1.0
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Transient,
    Permanent,
    Slow,
    CrashBefore,
    CrashAfter,
}

/// One attempt of one state at one key.
#[derive(Clone, Copy, Debug)]
struct Moment<'a> {
    state: FaultyState,
    key: &'a str,
    /// From 0.
    attempt: u32,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a plan of failures: {0}")]
pub struct InvalidPlan(String);

impl Failure for InvalidPlan {
    fn name(&self) -> FailureName {
        FailureName::InvalidConfiguration
    }
}

impl Plan {
    /// # Errors
    /// With all that a person needs to correct the plan: line, or number of the failure, and reason.
    pub fn parse(text: &str) -> Result<Self, InvalidPlan> {
        if text.len() > PLAN_BYTES_MAX {
            return Err(InvalidPlan(format!("it has {} bytes, and at most {PLAN_BYTES_MAX} are deployed", text.len())));
        }
        let plan: Self = toml::from_str(text).map_err(|error| InvalidPlan(error.to_string().trim_end().to_owned()))?;
        for (planned, number) in plan.failures.iter().zip(1..) {
            planned.check().map_err(|reason| InvalidPlan(format!("failure {number}: {reason}")))?;
        }
        Ok(plan)
    }

    /// All that comes to an object of this key, whatever else it is: the same for every execution.
    pub fn faults_of(&self, key: &str) -> PlannedFaults {
        let attempts = FaultyState::ALL.into_iter().flat_map(|state| (0..ATTEMPTS_PLANNED).map(move |it| (state, it)));
        let planned = |(state, attempt)| {
            let fault = self.fault_at(Moment { state, key, attempt })?;
            Some(PlannedFault { state, attempt, fault })
        };
        PlannedFaults { faults: attempts.filter_map(planned).collect() }
    }

    /// The first of the plan's failures that is for this moment, and comes.
    fn fault_at(&self, moment: Moment<'_>) -> Option<Fault> {
        let comes = |(number, planned): &(usize, &Planned)| {
            planned.is_for(moment) && self.roll(*number, moment) < planned.probability
        };
        self.failures.iter().enumerate().find(comes).map(|(_, planned)| planned.fault())
    }

    /// In [0, 1). No execution takes part: its name is new in every run, and a run is to be repeatable.
    fn roll(&self, number: usize, Moment { state, key, attempt }: Moment<'_>) -> f64 {
        let seed = Sha256::new()
            .chain_update(self.seed.to_be_bytes())
            .chain_update(number.to_be_bytes())
            .chain_update(attempt.to_be_bytes())
            .chain_update(state.as_str())
            // No state's name holds this byte.
            .chain_update(b"\xff")
            .chain_update(key)
            .finalize();
        StdRng::from_seed(seed.into()).random()
    }
}

impl FromStr for Plan {
    type Err = InvalidPlan;

    fn from_str(text: &str) -> Result<Self, InvalidPlan> {
        Self::parse(text)
    }
}

impl Planned {
    fn check(&self) -> Result<(), String> {
        if !(0.0..=1.0).contains(&self.probability) {
            return Err(format!("the probability {} is not between 0 and 1", self.probability));
        }
        match (self.fault, self.slow_ms) {
            (Kind::Slow, None) => Err("slow needs slow_ms, how long the work is held back".to_owned()),
            (Kind::Slow, Some(ms)) if ms > SLOW_MS_MAX => Err(format!("slow_ms is {ms}, and at most {SLOW_MS_MAX}")),
            (Kind::Transient | Kind::Permanent | Kind::CrashBefore | Kind::CrashAfter, Some(_)) => {
                Err("slow_ms is for fault = \"slow\"".to_owned())
            }
            (_, None) | (Kind::Slow, Some(_)) => Ok(()),
        }
    }

    fn is_for(&self, Moment { state, key, attempt }: Moment<'_>) -> bool {
        self.state.is_none_or(|wanted| wanted == state)
            && self.key.as_ref().is_none_or(|pattern| pattern.matches(key))
            && self.attempts.as_ref().is_none_or(|attempts| attempts.contains(&attempt))
    }

    fn fault(&self) -> Fault {
        match self.fault {
            Kind::Transient => Fault::Transient,
            Kind::Permanent => Fault::Permanent,
            Kind::Slow => Fault::Slow { ms: self.slow_ms.unwrap_or_default() },
            Kind::CrashBefore => Fault::CrashBefore,
            Kind::CrashAfter => Fault::CrashAfter,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> Plan {
        Plan::parse(text).unwrap()
    }

    fn at(state: FaultyState, key: &str, attempt: u32) -> Moment<'_> {
        Moment { state, key, attempt }
    }

    #[test]
    fn an_empty_plan_fails_nothing() {
        assert_eq!(plan("").fault_at(at(FaultyState::LoadFile, "a.csv", 0)), None);
    }

    #[test]
    fn a_failure_comes_for_its_state_key_and_attempts_alone() {
        let plan =
            plan("[[failures]]\nstate = \"LoadFile\"\nkey = \"raw/*.csv\"\nattempts = [0, 2]\nfault = \"crash-after\"");
        let check = |moment, expected| assert_eq!(plan.fault_at(moment), expected, "{moment:?}");
        check(at(FaultyState::LoadFile, "raw/a.csv", 0), Some(Fault::CrashAfter));
        check(at(FaultyState::LoadFile, "raw/a.csv", 1), None);
        check(at(FaultyState::LoadFile, "raw/a.csv", 2), Some(Fault::CrashAfter));
        check(at(FaultyState::LoadFile, "raw/a.json", 0), None);
        check(at(FaultyState::ResolveTrigger, "raw/a.csv", 0), None);
    }

    #[test]
    fn every_fault_has_a_name() {
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
    fn the_first_failure_that_comes_is_taken() {
        let text = "[[failures]]\nprobability = 0\nfault = \"permanent\"\n\
                    [[failures]]\nfault = \"transient\"\n[[failures]]\nfault = \"crash-before\"";
        assert_eq!(plan(text).fault_at(at(FaultyState::RunTransforms, "retail", 0)), Some(Fault::Transient));
    }

    #[test]
    fn an_object_is_told_every_fault_that_comes_to_it_and_no_attempt_without() {
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
    fn one_in_four_comes_when_one_in_four_is_asked_for_and_the_same_ones_again() {
        let plan = plan("seed = 7\n[[failures]]\nprobability = 0.25\nfault = \"transient\"");
        let failing = |plan: &Plan| -> Vec<u32> {
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
    fn seed_state_key_and_attempt_each_roll_anew() {
        let plan = plan("seed = 1");
        let one = plan.roll(0, at(FaultyState::LoadFile, "a", 0));
        for other in [
            at(FaultyState::LoadFile, "b", 0),
            at(FaultyState::LoadFile, "a", 1),
            at(FaultyState::RunTransforms, "a", 0),
        ] {
            assert_ne!(plan.roll(0, other).to_bits(), one.to_bits(), "{other:?}");
        }
        assert_ne!(plan.roll(1, at(FaultyState::LoadFile, "a", 0)).to_bits(), one.to_bits());
        assert_ne!(self::plan("seed = 2").roll(0, at(FaultyState::LoadFile, "a", 0)).to_bits(), one.to_bits());
    }

    #[test]
    fn what_a_plan_cannot_mean_is_refused_by_its_place() {
        let check = |text: &str, says: &str| {
            let error = Plan::parse(text).unwrap_err();
            assert_eq!(error.name(), FailureName::InvalidConfiguration);
            assert!(error.to_string().contains(says), "{error}\ndoes not say\n{says}");
        };
        check("seed = -1", "seed");
        check("sed = 1", "unknown field `sed`");
        check("[[failures]]\nfault = \"slow\"", "failure 1: slow needs slow_ms");
        check("[[failures]]\nfault = \"slow\"\nslow_ms = 60001", "at most 60000");
        check("[[failures]]\nfault = \"transient\"\nslow_ms = 1", "slow_ms is for");
        check(
            "[[failures]]\nfault = \"transient\"\n[[failures]]\nfault = \"transient\"\nprobability = 1.5",
            "failure 2: ",
        );
        check("[[failures]]\nfault = \"transient\"\nprobability = nan", "not between 0 and 1");
        check("[[failures]]\nfault = \"explode\"", "unknown variant `explode`");
        check("[[failures]]\nstate = \"Load\"\nfault = \"transient\"", "unknown variant `Load`");
        check("[[failures]]\n", "missing field `fault`");
        check("seed = ", "line 1");
        check(&format!("#{}", "x".repeat(PLAN_BYTES_MAX)), "it has 3501 bytes");
    }
}
