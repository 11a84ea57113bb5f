//! What the transformer promises, each promise a test with a database of its own.

// A test that cannot go on has failed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bucket;
mod definitions;
mod exports;
mod opened;
mod parquets;
mod recorded;
mod runs;
mod stage;
mod statements;
mod swept;
