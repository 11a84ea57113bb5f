//! Plans of failures: `chaos.toml`, checked by the command line before it is deployed, and followed by the function
//! random-failure-generator. Pure.

mod pattern;
mod plan;

pub use pattern::KeyPattern;
pub use plan::{ATTEMPTS_PLANNED, InvalidPlan, PLAN_BYTES_MAX, Plan};
