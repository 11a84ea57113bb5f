//! What no compiler sees: that the state machine, the template and the crates speak of the same things. It runs in
//! a second or two and needs no emulator; expressions are evaluated by the engine that the emulator uses.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail the test that calls them"
)]

mod clocks;
mod dependencies;
mod docs;
mod expressions;
mod failures;
mod faults;
mod imports;
mod machine;
mod mentions;
mod modules;
mod notices;
mod payloads;
mod reconciled;
mod runs;
mod rust_source;
mod samples;
mod security;
mod template;
mod ways;
