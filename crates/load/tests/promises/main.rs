//! What the loader promises, each promise a test with a database of its own.

// A test that cannot go on has failed.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bucket;
mod columns;
mod database;
mod duplicates;
mod export;
mod history;
mod parquet;
mod rejected;
mod repairs;
mod roles;
mod runs;
mod stage;
mod storage;
mod tables;
mod versions;
mod write_modes;
