//! Loads one file exactly once: rows, rejects, counts and the ledger row commit in one transaction of PostgreSQL.

mod chunk_reader;
mod columns;
mod config;
mod copy;
mod download;
mod error;
mod existing_table;
pub mod forget;
mod inferred_columns;
mod integers;
mod key_lock;
mod ledger;
pub mod limits;
mod loader;
mod locks;
mod parsed_request;
mod range_reader;
mod reject_export;
mod rejects;
mod reloads;
mod repairs;
mod runs;
mod table_writer;
mod target_table;

pub use config::Config;
pub use error::LoadError;
pub use loader::{Loader, TimeLeft};
