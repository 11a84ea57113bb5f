//! Fault plans: `chaos.toml`, which says which attempts of which states fail. The command line checks a plan before it
//! deploys it, and the function `random-failure-generator` applies it. Pure.

mod pattern;
mod plan;

pub use pattern::KeyPattern;
pub use plan::{ATTEMPTS_PLANNED, FaultPlan, InvalidPlan, PLAN_BYTES_MAX};
