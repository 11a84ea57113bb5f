//! Contract tests: state machines, template, docs and crates must agree. They need no emulator and run in seconds.
//! Expressions are evaluated by the engine that the emulator uses.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a helper fails the test that calls it")]

mod clocks;
mod dependencies;
mod docs;
mod expression_fields;
mod expressions;
mod failures;
mod faults;
mod imports;
mod machine;
mod modules;
mod notices;
mod payloads;
mod reconcile;
mod retries;
mod runs;
mod rust_source;
mod samples;
mod security;
mod template;
mod transitions;
