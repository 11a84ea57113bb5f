//! The guarantees of a load. Each test has its own database.

// A panic is a failed test.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bucket;
mod columns;
mod database;
mod duplicates;
mod export;
mod file_order;
mod fixture;
mod forget;
mod history;
mod parquet;
mod rejected;
mod reloads;
mod repairs;
mod roles;
mod runs;
mod storage;
mod tables;
mod versions;
mod write_modes;
