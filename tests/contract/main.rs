//! What no compiler sees: that the state machine, the template and the crates speak of the same things. Pure, so it
//! runs in a second and needs no emulator.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail the test that calls them"
)]

mod dependencies;
mod failures;
mod imports;
mod machine;
mod mentions;
mod payloads;
mod readme;
mod samples;
mod security;
mod template;
