//! The function `LoadFile`: settings from the environment, and the time that Lambda leaves.

mod setup;

pub use setup::{from_env, time_left};
