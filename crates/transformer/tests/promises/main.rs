//! The promises of the transformer. Each test has its own database.

// A panic fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bucket;
mod close;
mod definitions;
mod exports;
mod failures;
mod open;
mod parquet_exports;
mod runs;
mod stage;
mod statements;
mod sweep;
