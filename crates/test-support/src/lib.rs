//! Real servers for tests. Each starts once in a test process and ends with it. A dev-dependency only.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test without its server fails")]

mod database;
mod events;
mod folders;
pub mod runtime_api;
mod stack;
mod text_notices;

pub use database::{TestDatabase, database};
pub use events::Events;
pub use folders::{binary, scratch_folder};
pub use stack::{Execution, Notice, OTHER_BUCKET, Stack};
pub use text_notices::TextNotices;
